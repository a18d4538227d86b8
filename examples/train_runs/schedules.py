"""Learning-rate schedules: the rate at every optimiser step of a run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WARMUP_SHARE = 0.05
WARMUP_LEAST = 16
WSD_DECAY_SHARE = 0.2
STEP_AT = 0.5
STEP_FACTOR = 0.25

SCHEDULES = {
    "cosine": "cosine to 0, warm-up 5 % of the steps",
    "constant": "constant, warm-up 5 % of the steps",
    "wsd": "constant, then linear to 0 over the last 20 %, warm-up 5 % of the steps",
    "step": "constant, a quarter of it from half of the steps on, warm-up 5 % of the steps",
}
"""Names of the schedules, and how the tables describe them."""


def learning_rates(name: str, lr: float, steps: int) -> NDArray[np.float32]:
    """Return the learning rate of each step.

    The warm-up is linear over 5 % of the steps, at least 16, and starts at its first step's share
    of the peak rather than at zero.

    Parameters
    ----------
    name
        One of `SCHEDULES`.
    lr
        Peak learning rate.
    steps
        Optimiser steps.
    """
    if name not in SCHEDULES:
        raise ValueError(f"no schedule {name!r}; one of {', '.join(SCHEDULES)}")
    warmup = max(WARMUP_LEAST, round(WARMUP_SHARE * steps))
    step = np.arange(steps)
    share = np.clip((step - warmup) / max(1, steps - warmup), 0.0, 1.0)
    after = {
        "cosine": 0.5 * (1.0 + np.cos(np.pi * share)),
        "constant": np.ones(steps),
        "wsd": np.minimum(1.0, (steps - step) / max(1, round(WSD_DECAY_SHARE * steps))),
        "step": np.where(step < STEP_AT * steps, 1.0, STEP_FACTOR),
    }[name]
    start = lr / warmup
    rising = start + (lr - start) * step / warmup
    return np.where(step < warmup, rising, lr * after).astype(np.float32)
