"""An independent point fit of the Chinchilla law in plain NumPy and SciPy.

For given exponents L = E + A N^-alpha + B D^-beta is linear in E, A and B: on a grid of exponents
those three are eliminated by iteratively reweighted least squares on log loss (variable
projection), and the grid is refined around the best pair. No code, no starting point and no
coordinates are shared with the package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

type Weights = Callable[[np.ndarray], np.ndarray]
"""From log residuals, shape (..., run), to weights of least squares."""

ALPHA, BETA = (0.15, 0.75), (0.15, 0.95)
POINTS = 13
"""Exponents in each direction of a grid."""

SMALLEST_STEP = 2e-5


@dataclass(frozen=True)
class Estimate:
    """Where an objective is smallest."""

    E: float
    A: float
    alpha: float
    B: float
    beta: float
    objective: float


def log_mse(n: np.ndarray, d: np.ndarray, loss: np.ndarray) -> Estimate:
    """Least squares on log loss: the most likely law under normal noise."""
    return _refine(n, d, loss, np.ones_like, lambda r: np.sum(r**2, axis=-1), 60)


def log_huber(n: np.ndarray, d: np.ndarray, loss: np.ndarray, delta: float = 1e-3) -> Estimate:
    """The field's Huber loss of log residuals."""

    def weights(r: np.ndarray) -> np.ndarray:
        return np.minimum(1.0, delta / np.maximum(np.abs(r), 1e-300))

    def objective(r: np.ndarray) -> np.ndarray:
        size = np.abs(r)
        each = np.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta))
        return each.sum(axis=-1)

    return _refine(n, d, loss, weights, objective, 300)


def student_t(n: np.ndarray, d: np.ndarray, loss: np.ndarray) -> tuple[Estimate, float, float]:
    """The most likely law under Student-t noise on log loss, with its sigma and nu above two."""

    def scale2(r: np.ndarray, nu: float, iterations: int) -> np.ndarray:
        """The most likely squared scale of given residuals, by its fixed point."""
        s2 = np.median(r**2, axis=-1, keepdims=True)
        for _ in range(iterations):
            s2 = np.mean((nu + 1.0) * r**2 / (nu + r**2 / s2), axis=-1, keepdims=True)
        return s2

    def at(nu: float) -> tuple[Estimate, float]:
        def weights(r: np.ndarray) -> np.ndarray:
            return (nu + 1.0) / (nu + r**2 / scale2(r, nu, 8))

        def objective(r: np.ndarray) -> np.ndarray:
            s2 = scale2(r, nu, 60)
            constant = special.gammaln(nu / 2) - special.gammaln((nu + 1) / 2)
            constant += 0.5 * np.log(nu * np.pi * s2)
            return (constant + (nu + 1) / 2 * np.log1p(r**2 / (nu * s2))).sum(axis=-1)

        found = _refine(n, d, loss, weights, objective, 40)
        r = np.log(loss) - np.log(_law(found, n, d))
        return found, float(np.sqrt(scale2(r, nu, 60)[0]))

    best = optimize.minimize_scalar(
        lambda log_above: at(2.0 + np.exp(log_above))[0].objective,
        bounds=(np.log(1e-4), np.log(50.0)),
        method="bounded",
        options={"xatol": 1e-2},
    )
    nu = 2.0 + float(np.exp(best.x))
    return *at(nu), nu


def _law(at: Estimate, n: np.ndarray, d: np.ndarray) -> np.ndarray:
    return np.asarray(at.E + at.A * n**-at.alpha + at.B * d**-at.beta)


def _refine(
    n: np.ndarray,
    d: np.ndarray,
    loss: np.ndarray,
    weights: Weights,
    objective: Weights,
    iterations: int,
) -> Estimate:
    """Minimise over ever smaller grids of exponents."""
    (a_low, a_high), (b_low, b_high) = ALPHA, BETA
    while True:
        alpha, beta = np.linspace(a_low, a_high, POINTS), np.linspace(b_low, b_high, POINTS)
        coefficients, value = _projected(n, d, loss, alpha, beta, weights, objective, iterations)
        i, j = np.unravel_index(np.argmin(value), value.shape)
        steps = alpha[1] - alpha[0], beta[1] - beta[0]
        if max(steps) < SMALLEST_STEP:
            e, a, b = (float(c) for c in coefficients[i, j])
            return Estimate(e, a, float(alpha[i]), b, float(beta[j]), float(value[i, j]))
        # Keep three steps on each side: the valley is narrow and slanted.
        a_low, a_high = alpha[i] - 3 * steps[0], alpha[i] + 3 * steps[0]
        b_low, b_high = beta[j] - 3 * steps[1], beta[j] + 3 * steps[1]


def _projected(
    n: np.ndarray,
    d: np.ndarray,
    loss: np.ndarray,
    alpha: np.ndarray,
    beta: np.ndarray,
    weights: Weights,
    objective: Weights,
    iterations: int,
) -> tuple[np.ndarray, np.ndarray]:
    """E, A and B, and the objective there, for every pair of exponents.

    Each step solves the weighted least squares problem that is linear around the current law:
    d ln L = (dE + dA N^-alpha + dB D^-beta) / L.
    """
    n0, d0 = np.exp(np.log(n).mean()), np.exp(np.log(d).mean())
    shape = (len(alpha), len(beta), len(n))
    basis = np.stack(
        [
            np.ones(shape),
            np.broadcast_to(((n / n0) ** -alpha[:, None])[:, None, :], shape),
            np.broadcast_to(((d / d0) ** -beta[:, None])[None, :, :], shape),
        ],
        axis=-1,
    )
    coefficients = np.broadcast_to(np.median(loss) * np.array([0.6, 0.2, 0.2]), (*shape[:2], 3))
    for _ in range(iterations):
        law = np.maximum(np.einsum("abri,abi->abr", basis, coefficients), 1e-3)
        residual = np.log(loss) - np.log(law)
        w = weights(residual)
        scaled = basis / law[..., None]
        normal = np.einsum("abri,abr,abrj->abij", scaled, w, scaled, optimize=True)
        slope = np.einsum("abri,abr,abr->abi", scaled, w, residual, optimize=True)
        step = np.linalg.solve(normal + 1e-14 * np.eye(3), slope[..., None])[..., 0]
        coefficients = np.maximum(coefficients + step, 1e-8)
    law = np.einsum("abri,abi->abr", basis, coefficients)
    value = objective(np.log(loss) - np.log(law))
    field = coefficients.copy()
    field[..., 1] *= (n0**alpha)[:, None]
    field[..., 2] *= (d0**beta)[None, :]
    return field, value
