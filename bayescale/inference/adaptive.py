"""Adaptive importance sampling: proposals that are moved to where the posterior was found to be.

Where the Laplace approximation misses a skewed or bent posterior, a mixture of a few Student-t is
fitted to its weighted draws and proposes the next ones, until the weights pass the check [1]_.

References
----------
.. [1] Cappé, Douc, Guillin, Marin and Robert 2008, "Adaptive importance sampling in general mixture
   classes", Statistics and Computing 18.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from bayescale.inference.laplace import DF, Importance, Laplace, weighed
from bayescale.inference.progress import Progress
from bayescale.model import Data, Signature

__all__ = ["adapted"]

ROUNDS = 10
PARTS = 4
STEPS = 10
"""Steps of the EM algorithm for the mixture, in each round."""

SHARED = 20.0
"""The covariance of every part is pulled towards that of all by so many draws."""

HELD = 0.3
"""Of the covariance of all, what a part is pulled towards."""

SEEN = 1000
"""Most draws that the mixture is fitted to: a few effective ones for each number that it has."""

LEAST = 0.01
"""Optima that hold less of the posterior are not started from..."""

LEFT_OUT = 0.02
"""... unless together they hold more than this."""


@dataclass(frozen=True)
class _Part:
    """One Student-t of the proposal."""

    weight: float
    centre: np.ndarray
    factor: np.ndarray

    def log_density(self, u: np.ndarray, df: float) -> np.ndarray:
        """Log density at points of shape ``(n, d)``; of a normal where ``df`` is infinite."""
        d = len(self.centre)
        square = np.sum(np.linalg.solve(self.factor, (u - self.centre).T) ** 2, axis=0)
        log_det = np.linalg.slogdet(self.factor)[1]
        if np.isinf(df):
            return np.asarray(-0.5 * (square + d * np.log(2.0 * np.pi)) - log_det)
        return np.asarray(
            special.gammaln((df + d) / 2)
            - special.gammaln(df / 2)
            - 0.5 * d * np.log(df * np.pi)
            - log_det
            - 0.5 * (df + d) * np.log1p(square / df)
        )


def adapted(
    approximations: Sequence[Laplace],
    weights: np.ndarray,
    signature: Signature,
    data: Data,
    n: int,
    rng: np.random.Generator,
    good: float,
    enough: float,
    limit: float,
    progress: Progress | None = None,
    drawn: Importance | None = None,
) -> Importance:
    """Weighed draws of a mixture that is moved to the posterior.

    Parameters
    ----------
    approximations : sequence of Laplace
        One for each optimum, from which the proposal starts.
    weights : array
        Their shares of the posterior.
    signature, data
        The model and its arrays.
    n : int
        Number of proposals in a round.
    rng : numpy.random.Generator
    good, enough : float
        Pareto k below which, and effective number of draws from which, a round is the last.
    limit : float
        Pareto k from which a round cannot serve.
    progress : callable, optional
    drawn : Importance, optional
        Draws of the best of the approximations, already weighed: the first round where the others
        hold next to nothing.

    Returns
    -------
    Importance
        The first round that is good enough; else, of those that can serve, the one with the most
        effective draws; else the one with the smallest Pareto k.
    """
    least = LEAST if np.sum(weights[weights >= LEAST]) >= 1.0 - LEFT_OUT else 0.0
    parts = [
        _Part(float(w), a.mode, a.factor)
        for w, a in zip(weights, approximations, strict=True)
        if w >= least
    ]
    best: Importance | None = None
    for turn in range(ROUNDS):
        if turn == 0 and drawn is not None and len(parts) == 1:
            found = drawn
        else:
            u = _draws(parts, n, rng)
            found = weighed(u, _log_mixture(parts, u, DF), signature, data, progress)
        if best is None or _rank(found, limit) > _rank(best, limit):
            best = found
        if found.pareto_k < good and found.ess >= enough:
            return found
        parts = _fitted(found, parts, rng)
    assert best is not None
    return best


def _rank(found: Importance, limit: float) -> tuple[float, float]:
    serves = found.pareto_k < limit
    return (found.ess, 0.0) if serves else (0.0, -found.pareto_k)


def _draws(parts: list[_Part], n: int, rng: np.random.Generator) -> np.ndarray:
    share = np.array([part.weight for part in parts])
    which = rng.choice(len(parts), n, p=share / share.sum())
    z = rng.standard_normal((n, len(parts[0].centre)))
    z *= np.sqrt(DF / rng.chisquare(DF, n))[:, None]
    factors, centres = (np.stack([getattr(p, name) for p in parts]) for name in _NAMES)
    return np.asarray(centres[which] + np.einsum("nij,nj->ni", factors[which], z))


_NAMES = ("factor", "centre")


def _log_mixture(parts: list[_Part], u: np.ndarray, df: float) -> np.ndarray:
    share = np.array([part.weight for part in parts])
    each = [
        np.log(w) + p.log_density(u, df) for w, p in zip(share / share.sum(), parts, strict=True)
    ]
    return np.asarray(special.logsumexp(each, axis=0))


def _fitted(found: Importance, parts: list[_Part], rng: np.random.Generator) -> list[_Part]:
    """A mixture fitted to weighted draws by EM; the largest weights are cut."""
    n, d = found.u.shape
    w = np.minimum(np.exp(found.log_weights), n**-0.5)
    x = found.u[rng.choice(n, min(n, SEEN), p=w / w.sum())]
    whole = np.cov(x.T) + 1e-12 * np.eye(d)
    if len(parts) != PARTS:
        factor = np.linalg.cholesky(whole)
        parts = [_Part(1.0 / PARTS, centre, factor) for centre in x[rng.choice(len(x), PARTS)]]
    for _ in range(STEPS):
        log = np.stack([np.log(p.weight) + p.log_density(x, np.inf) for p in parts])
        share = np.exp(log - special.logsumexp(log, axis=0))
        moved = []
        for own in share:
            size = float(own.sum())
            if size < d:
                continue
            centre = own @ x / size
            off = x - centre
            spread = (off * own[:, None]).T @ off + SHARED * HELD * whole
            moved.append(_Part(size / len(x), centre, np.linalg.cholesky(spread / (size + SHARED))))
        parts = moved
    return parts
