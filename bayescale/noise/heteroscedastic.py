"""Noise whose scale changes with the size of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.errors import LawError, RunsError
from bayescale.laws.term import Parameter, Values
from bayescale.noise.noise import Noise, Rows
from bayescale.noise.rescaled import Rescaled
from bayescale.noise.student_t import StudentT
from bayescale.prior import Normal
from bayescale.units import INPUTS, coordinate

if TYPE_CHECKING:
    from bayescale.runs import Runs

__all__ = ["Heteroscedastic"]


@dataclass(frozen=True)
class Heteroscedastic(Rescaled):
    r"""Noise that grows or falls with compute, by a power.

    :math:`\ln\sigma_i = \ln\sigma + \gamma\,\ln(C_i/C_0)`, with :math:`C_0` the geometric mean of
    the fitted runs. Small runs are commonly noisier: :math:`\gamma < 0`. Beyond the largest fitted
    run the noise is frozen at its frontier value, and below the smallest at its value there: an
    extrapolated fall of the noise made forecasts overconfident on public runs.

    Parameters
    ----------
    shape : Noise, default StudentT()
        The shape of the noise.
    input : str, default "C"
        The input that the scale follows.
    """

    shape: Noise = field(default_factory=StudentT)
    input: str = "C"

    def __post_init__(self) -> None:
        if self.input not in INPUTS:
            raise LawError(
                f"The heteroscedastic noise is to follow {self.input!r}, which is not an input. "
                f"Choose one of: {', '.join(INPUTS)}."
            )
        super().__post_init__()

    @property
    def name(self) -> str:
        inner = [] if self.shape == StudentT() else [self.shape.name]
        if self.input != "C":
            inner = [self.shape.name, self.input]
        return f"heteroscedastic({', '.join(inner)})" if inner else "heteroscedastic"

    @property
    def added(self) -> tuple[Parameter, ...]:
        meaning = f"log of the noise's scale per e-fold of {self.input}; below zero, small is noisy"
        return (Parameter("gamma", "noise", "1", meaning, Normal(0.0, 0.25), positive=False),)

    def sigma(self, params: Values, rows: Rows) -> Any:
        return params["sigma"] * np.e ** (params["gamma"] * rows["size"])

    def ahead(self, points: Mapping[str, np.ndarray], fitted: Runs) -> dict[str, Any]:
        fitted.require((self.input,))
        if self.input not in points:
            raise RunsError(
                f"The points have no {self.input} ({INPUTS[self.input].meaning}), which the noise "
                f"{self.name!r} follows. Give it, or fit with a noise that does not need it."
            )
        seen = coordinate(self.input, fitted[self.input])
        own = coordinate(self.input, points[self.input])
        size = np.clip(own, seen.min(), seen.max()) - seen.mean()
        return {**self.shape.ahead(points, fitted), "size": size}

    def recentred(self, params: Values, fitted: Runs, onto: Runs) -> dict[str, Any]:
        own = self.shape.recentred(params, fitted, onto)
        shift = np.mean(coordinate(self.input, onto[self.input]))
        shift -= np.mean(coordinate(self.input, fitted[self.input]))
        return {**own, "sigma": own["sigma"] * np.exp(own["gamma"] * shift)}

    def to_json(self) -> dict[str, Any]:
        return {"name": "heteroscedastic", "shape": self.shape.to_json(), "input": self.input}
