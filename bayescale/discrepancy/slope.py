"""A random log-slope beyond the frontier of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import special

from bayescale.discrepancy.discrepancy import Discrepancy
from bayescale.discrepancy.exact import Exact
from bayescale.discrepancy.learned import FROM_MIXTURES, GUESSED, KNOWN, MIXTURE, scale_for
from bayescale.errors import PriorError
from bayescale.laws.law import Law
from bayescale.prior import LogNormal, Prior

__all__ = ["Slope"]


GIVEN = "given"


@dataclass(frozen=True)
class Slope(Discrepancy):
    r"""Beyond the data the log loss leaves the law along a line of unknown slope.

    .. math:: \ln L = \ln\hat L + \tau\,z\,d, \qquad z \sim \mathrm{Normal}(0, 1),
              \qquad d = \max\Big(0, \ln\frac{C}{C_{\max}}, \ln\frac{N}{N_{\max}},
              \ln\frac{D}{D_{\max}}\Big)

    with one :math:`z` for all points, so that points of one forecast err together, and over the
    inputs of the law and compute, where it is known. Within the range of the runs, and below it,
    :math:`d` is zero: the likelihood of the runs does not know :math:`\tau`, whose prior is
    therefore also its posterior. The default prior is learned from public series of runs, law by
    law (:mod:`bayescale.discrepancy.learned`).

    Parameters
    ----------
    tau : Prior, optional
        Prior of the scale of the slope, per e-fold beyond the data; that learned for the law unless
        given.
    source : str
        Where the prior comes from.

    References
    ----------
    .. [1] Kennedy and O'Hagan 2001, "Bayesian calibration of computer models", JRSS B 63, for a
       discrepancy beside the parameters of a model that is known to be wrong.
    """

    tau: Prior | None = None
    source: str = GIVEN

    def __post_init__(self) -> None:
        if self.tau is not None and float(self.tau.quantile(0.0, True)) < 0.0:
            raise PriorError(
                f"The prior {self.tau} of the discrepancy's scale tau reaches below zero. "
                "Choose a family above zero, e.g. lognormal(0.01, 0.6)."
            )

    @property
    def name(self) -> str:
        return "slope"

    @property
    def is_guess(self) -> bool:
        return self.source == GUESSED

    def resolved(self, law: Law) -> Discrepancy:
        if self.tau is not None:
            return self
        if not set(law.inputs) <= KNOWN:
            unknown = ", ".join(sorted(set(law.inputs) - KNOWN))
            return Exact(f"no scale has been learned for laws of {unknown}")
        prior, source = scale_for(law)
        return replace(self, tau=prior, source=source)

    def distance(
        self, points: Mapping[str, np.ndarray], frontier: Mapping[str, float]
    ) -> np.ndarray:
        beyond = [np.log(points[name] / frontier[name]) for name in frontier if name in points]
        far = np.maximum(np.max(beyond, axis=0), 0.0)
        return np.where(far < 1e-9, 0.0, far)

    def slopes(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """Draws of tau z, by a randomised grid over both (stratified in each)."""
        assert self.tau is not None, "resolved() fills the prior in"
        n = int(np.prod(shape))
        uniform = (
            np.stack([rng.permutation(n), rng.permutation(n)]) + rng.uniform(size=(2, n))
        ) / n
        inside = np.clip(uniform, 1e-12, 1 - 1e-12)
        tau = self.tau.quantile(inside[0], True)
        return np.asarray(tau * special.ndtri(inside[1])).reshape(shape)

    def mixed(self, share: float) -> Slope:
        """With the scale learned for mixtures, unless a scale was given or is a guess.

        With a share between 0 and 1 the scale lies as far between the two, on the logarithm.
        """
        if self.source in (GIVEN, GUESSED) or share <= 0.0 or not isinstance(self.tau, LogNormal):
            return self
        if share >= 1.0:
            return replace(self, tau=MIXTURE, source=FROM_MIXTURES)
        own = self.tau
        median = own.median ** (1.0 - share) * MIXTURE.median**share
        tau = LogNormal(median, (1.0 - share) * own.sigma + share * MIXTURE.sigma)
        source = f"{share:.0%} of the way from {self.source} to {FROM_MIXTURES}"
        return replace(self, tau=tau, source=source)

    def scaled(self, factor: float) -> Slope:
        if not isinstance(self.tau, LogNormal):
            raise PriorError(
                f"The prior {self.tau} of tau cannot be moved by a factor. Use lognormal(m, s)."
            )
        moved = replace(self.tau, median=self.tau.median * factor)
        return replace(self, tau=moved, source=f"{self.source}, times {factor:g}")

    def text(self) -> str:
        return (
            f"a random log-slope beyond the data, tau ~ {self.tau} per e-fold ({self.source}). The "
            "runs that were fitted cannot tell this scale."
        )

    def to_json(self) -> dict[str, Any]:
        assert self.tau is not None, "resolved() fills the prior in"
        return {"name": self.name, "tau": self.tau.to_json(), "source": self.source}
