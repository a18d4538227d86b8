"""Designs and truths of the laws that the Chinchilla points do not suit.

Each design is what a study of that law would run: the inputs that it needs, varied as far as it
needs. Truths are published fits where there is one, else round numbers of the size that published
runs have; a law that extends Chinchilla has rounded constants of Besiroglu et al. underneath.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["DESIGNS", "SHORT", "Design"]

type Columns = dict[str, np.ndarray]


class Design(NamedTuple):
    """Inputs, what they are in words, and the truth: a preset or field parameters."""

    inputs: Callable[[], Columns]
    words: str
    truth: str | dict[str, float]


def line(name: str, low: float, high: float, n: int) -> Callable[[], Columns]:
    """One input, evenly in its logarithm."""
    return lambda: {name: np.geomspace(low, high, n)}


def grid(**levels: np.ndarray) -> Columns:
    """Every combination of the levels."""
    columns = np.meshgrid(*levels.values(), indexing="ij")
    return {name: column.ravel() for name, column in zip(levels, columns, strict=True)}


def scattered(n: int, seed: int, **ranges: tuple[float, float]) -> Columns:
    """Independent inputs, evenly in the logarithm."""
    rng = np.random.default_rng(seed)
    return {name: np.exp(rng.uniform(*np.log(ends), n)) for name, ends in ranges.items()}


def epochs(n: int, seed: int, most: tuple[float, ...], **ranges: tuple[float, float]) -> Columns:
    """N and U scattered, D some epochs of U."""
    rng = np.random.default_rng(seed)
    found = scattered(n, seed + 1, **ranges)
    return {**found, "D": found["U"] * rng.choice(most, n)}


def corpora(n: int = 120) -> Columns:
    """N and D scattered over six corpora of different density."""
    found = scattered(n, 3, N=(3e7, 3e9), D=(1e9, 3e11))
    return {**found, "z": np.resize(np.array([-1.5, -0.8, -0.2, 0.3, 0.9, 1.3]), n)}


def slices() -> Columns:
    """Nine isoFLOP budgets, eleven sizes each within a factor of four of the best."""
    c, off = np.geomspace(6e18, 3e21, 9), np.geomspace(0.25, 4.0, 11)
    found = grid(C=c, N=off)
    return {**found, "N": found["N"] * 0.0474 * found["C"] ** 0.513}


def shapes() -> Columns:
    """N and D scattered, aspect ratios over a factor of a hundred."""
    return scattered(120, 5, N=(3e7, 3e9), D=(1e9, 3e11), aspect=(5.0, 500.0))


BASE = {"E": 1.82, "A": 482.0, "alpha": 0.348, "B": 2085.0, "beta": 0.366}


def scheduled(peak: float = 3e-4, total: int = 24_000, n: int = 40) -> Columns:
    """Points of four training curves of one peak, from a twelfth of the steps on."""
    from bayescale.runs.schedule import sums

    up, half, late = f"0:0 {total // 12}:{peak}", total // 2, 8 * total // 10
    texts = [
        f"{up} {total}:{peak}",
        f"{up} {half}:{peak} {half + 1}:{0.3 * peak}",
        f"{up} {late}:{peak} {total}:{0.1 * peak}",
        f"{up} {half}:{0.1 * peak} {late}:{0.6 * peak}",
    ]
    steps = np.unique(np.geomspace(total / 12, total, n).round())
    schedules = np.repeat(np.array(texts, dtype=object), len(steps))
    all_steps = np.tile(steps, len(texts))
    return {"S": all_steps, "S1": sums(schedules, all_steps), "lr_schedule": schedules}


CURVES = "160 points of four curves: constant, two stages, linear decay, down and up again"

DESIGNS: dict[str, Design] = {
    "m3(D)": Design(
        line("D", 1e8, 1e12, 40), "40 D, 1e8 to 1e12", {"A": 263.0, "gamma": 2e-11, "c": 0.2}
    ),
    "m4(D)": Design(
        line("D", 1e5, 1e11, 50),
        "50 D, 1e5 to 1e11, from near chance",
        {"E": 1.8, "A": 494.0, "c": 0.35, "alpha": 0.6, "L_0": 10.8},
    ),
    "bnsl(D)": Design(
        line("D", 1e8, 1e11, 40),
        "40 D, 1e8 to 1e11",
        {"E": 1.7, "A": 60.0, "c0": 0.22, "c1": -0.12, "d1": 3e9, "f1": 0.4},
    ),
    "bnsl2(D)": Design(
        line("D", 1e7, 1e12, 80),
        "80 D, 1e7 to 1e12",
        {
            **{"E": 1.7, "A": 40.0, "c0": 0.15, "c1": 0.2, "d1": 3e8, "f1": 0.4},
            **{"c2": -0.2, "d2": 2e10, "f2": 0.4},
        },
    ),
    "bnsl3(D)": Design(
        line("D", 1e6, 1e13, 120),
        "120 D, 1e6 to 1e13",
        {
            **{"E": 1.7, "A": 38.0, "c0": 0.12, "c1": 0.15, "d1": 3e7, "f1": 0.4},
            **{"c2": -0.15, "d2": 1e9, "f2": 0.4, "c3": 0.12, "d3": 5e10, "f3": 0.4},
        },
    ),
    "repetition": Design(
        lambda: epochs(180, 1, (1, 1, 2, 4, 7, 14, 28, 60, 120), N=(1e7, 8e9), U=(1e8, 5e10)),
        "180 runs, N 1e7 to 8e9, U 1e8 to 5e10, 1 to 120 epochs",
        "muennighoff2023",
    ),
    "overfitting": Design(
        lambda: epochs(180, 2, (1, 2, 4, 8, 16, 32, 64), N=(1.5e7, 1e9), U=(5e7, 6e9)),
        "180 runs, N 1.5e7 to 1e9, U 5e7 to 6e9, 1 to 64 epochs",
        {**BASE, "P": 0.01, "delta": 1.2, "kappa": 0.8},
    ),
    "dense": Design(
        corpora, "120 runs over six corpora, N 3e7 to 3e9, D 1e9 to 3e11", {**BASE, "kappa": 0.1}
    ),
    "dense_exponent": Design(
        corpora,
        "120 runs over six corpora, N 3e7 to 3e9, D 1e9 to 3e11",
        {**BASE, "kappa": 0.02, "kappa_0": -0.37},
    ),
    "dense_effective": Design(
        corpora,
        "120 runs over six corpora, N 3e7 to 3e9, D 1e9 to 3e11",
        {**BASE, "U_0": 5e10, "kappa": 0.5},
    ),
    "gadre": Design(
        lambda: grid(
            C=np.geomspace(1e17, 1e21, 8), M=np.array([5.0, 10, 20, 40, 80, 160, 320, 640])
        ),
        "64 runs, C 1e17 to 1e21, M 5 to 640",
        {"E": 1.5, "a": 140.0, "b": 190.0, "eta": 0.12},
    ),
    "per_otr": Design(
        lambda: grid(
            C=np.geomspace(1e17, 1e21, 8), M=np.array([5.0, 10, 20, 40, 80, 160, 320, 640, 1280])
        ),
        "72 runs, C 1e17 to 1e21, M 5 to 1280",
        {
            **{"lambda_C": 28.0, "mu": 0.052, "delta": 0.008, "M_t": 50.0},
            **{"g_1": 0.01, "g_2": 0.002, "g_h": 0.35},
        },
    ),
    "isoflop": Design(
        slices,
        "99 runs, nine budgets 6e18 to 3e21",
        {
            **{"E": 1.8, "lambda_C": 2700.0, "gamma": 0.178},
            **{"kappa": 0.127, "a": 0.513, "N_1": 0.0474},
        },
    ),
    "allocation(C)": Design(
        line("C", 6e18, 3e21, 15), "15 budgets, 6e18 to 3e21", {"k": 0.0474, "a": 0.513}
    ),
    "kaplan_steps": Design(
        lambda: grid(
            N=np.geomspace(1e6, 1e9, 6),
            S=np.geomspace(3e3, 2.5e5, 6),
            B=np.array([3e4, 1.2e5, 5e5, 2e6]),
        ),
        "144 rows, N 1e6 to 1e9, S 3e3 to 2.5e5, B 3e4 to 2e6",
        "kaplan2020",
    ),
    "three_term": Design(
        lambda: grid(
            N=np.geomspace(1e7, 3e9, 5),
            S=np.geomspace(1e3, 1e5, 5),
            B=np.geomspace(1e4, 4e6, 5),
        ),
        "125 runs, N 1e7 to 3e9, S 1e3 to 1e5, B 1e4 to 4e6",
        {
            **{"E": 1.82, "A": 482.0, "alpha": 0.348, "P": 30.0, "beta": 0.5},
            **{"Q": 15.0, "gamma": 0.35},
        },
    ),
    "critical_batch": Design(
        line("B", 1e4, 1e8, 20), "20 B, 1e4 to 1e8", {"S_min": 2e4, "B_crit": 1.3e6}
    ),
    "critical_batch_loss": Design(line("L", 2.4, 5.5, 20), "20 L, 2.4 to 5.5", "kaplan2020"),
    "critical_batch_data": Design(
        line("D", 1e8, 1e11, 15), "15 D, 1e8 to 1e11", {"k": 15.0, "g": 0.47}
    ),
    "shape": Design(
        shapes,
        "120 runs, N 3e7 to 3e9, D 1e9 to 3e11, aspect 5 to 500",
        {**BASE, "c_shape": 0.04, "r_star": 60.0},
    ),
    "loss_to_loss": Design(
        lambda: {"L": np.linspace(2.0, 4.5, 40)},
        "40 losses, 2.0 to 4.5",
        {"E_2": 1.2, "K": 0.9, "kappa": 1.15, "E_1": 1.5},
    ),
    "loss_to_error": Design(
        lambda: {"L": np.linspace(2.2, 4.5, 40)}, "40 losses, 2.2 to 4.5", "gadre2024_c4"
    ),
    "loss_to_error_sigmoid": Design(
        lambda: {"L": np.linspace(0.5, 1.6, 40)},
        "40 losses, 0.5 to 1.6",
        {"E": 0.15, "h": 0.6, "k": 6.0, "L_0": 1.0},
    ),
    "multi_power": Design(scheduled, CURVES, "luo2025_25m"),
    "annealing": Design(
        scheduled, CURVES, {"L_0": 3.0, "A": 0.52, "alpha": 0.5, "C": 1.7, "lambda": 0.995}
    ),
}

SHORT: dict[str, Design] = {
    law: Design(
        lambda: scheduled(total=2_400, n=12),
        f"48 points of four curves of 2,400 steps:{CURVES.partition(':')[2]}",
        DESIGNS[law].truth,
    )
    for law in ("multi_power", "annealing")
}
"""Designs with a tenth of the steps, for studies of a hundred fits: a density costs the steps."""
