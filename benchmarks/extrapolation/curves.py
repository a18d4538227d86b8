"""Published forms of learning curves, by least squares on the log of the loss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import optimize, special

__all__ = ["FORMS", "least_squares"]

STARTS = 4


def m1(p: np.ndarray, u: np.ndarray) -> np.ndarray:
    """A power law."""
    return p[0] - np.exp(p[1]) * u


def m2(p: np.ndarray, u: np.ndarray) -> np.ndarray:
    """A power law with a floor."""
    return np.logaddexp(p[2], m1(p, u))


def m3(p: np.ndarray, u: np.ndarray) -> np.ndarray:
    """A power law in 1/x + gamma."""
    return p[0] + np.exp(p[1]) * np.logaddexp(-u, p[2])


def m4(p: np.ndarray, u: np.ndarray) -> np.ndarray:
    """(L - E) / (L0 - L)^alpha = beta x^-c, with L between E and L0 [1]_.

    .. [1] Alabdulmohsin, Neyshabur and Zhai 2022, arXiv 2209.06640, eq. 2.
    """
    floor, span = np.exp(p[2]), np.exp(p[3])
    alpha = np.exp(p[4])
    target = m1(p, u)  # of ln(L - E) - alpha ln(L0 - L), which rises with logit((L - E) / span)
    low, high = np.full_like(u, -60.0), np.full_like(u, 60.0)
    for _ in range(45):
        t = 0.5 * (low + high)
        value = special.log_expit(t) - alpha * special.log_expit(-t) + (1 - alpha) * np.log(span)
        low, high = np.where(value < target, t, low), np.where(value < target, high, t)
    return np.log(floor + span * special.expit(0.5 * (low + high)))


def one_break(p: np.ndarray, u: np.ndarray) -> np.ndarray:
    """A smoothly broken power law with one break and a floor (Caballero et al. 2022)."""
    width = np.exp(p[5])
    falling = p[0] - np.exp(p[1]) * u - p[3] * width * np.logaddexp(0.0, (u - p[4]) / width)
    return np.logaddexp(p[2], falling)


FORMS: dict[str, tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], int]] = {
    "M1, least squares": (m1, 2),
    "M2, least squares": (m2, 3),
    "M3, least squares": (m3, 3),
    "M4, least squares": (m4, 5),
    "one break, least squares": (one_break, 6),
}


def least_squares(form: str, x: object, loss: object, ahead: object) -> tuple[np.ndarray, float]:
    """The log loss predicted at points, and the standard deviation of the residuals.

    The best of a few starts, the same for every curve.
    """
    function, n = FORMS[form]
    log_x, log_loss = np.log(np.asarray(x)), np.log(np.asarray(loss))
    u, to = log_x - log_x.max(), np.log(np.asarray(ahead)) - log_x.max()
    last = log_loss[np.argmax(u)]
    centre = np.array([last, -1.5, last - 1.0, 0.3, 0.5 * u.min(), -0.5])[:n]
    width = np.array([0.3, 0.7, 1.0, 0.5, -0.25 * u.min(), 0.6])[:n]
    if function is m3:
        centre[2], width[2] = -1.0, 1.5
    if function is m4:
        centre[3], width[3], centre[4], width[4] = log_loss.max(), 0.2, 0.0, 0.3
    rng, best = np.random.default_rng(0), None
    for start in range(STARTS):
        p = centre + width * (rng.standard_normal(n) if start else 0.0)
        try:
            with np.errstate(all="ignore"):
                found = optimize.least_squares(
                    lambda p: np.nan_to_num(
                        function(p, u) - log_loss, nan=1e3, posinf=1e3, neginf=-1e3
                    ),
                    p,
                    max_nfev=60,
                )
        except ValueError:
            continue
        if best is None or found.cost < best.cost:
            best = found
    assert best is not None
    sd = float(np.sqrt(2.0 * best.cost / max(len(u) - n, 1)))
    with np.errstate(all="ignore"):
        return np.asarray(function(best.x, to)), max(sd, 1e-4)
