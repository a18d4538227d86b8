"""Noise of runs whose inputs are known only roughly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.errors import LawError, RunsError
from bayescale.laws.term import Parameter, Values
from bayescale.noise.noise import LogLaw, Noise, Rows
from bayescale.noise.rescaled import Rescaled
from bayescale.noise.student_t import StudentT

if TYPE_CHECKING:
    from bayescale.runs import Runs

__all__ = ["Inexact"]

LARGEST = 0.5
"""Largest relative error for which the law may be taken as straight over the error."""


@dataclass(frozen=True)
class Inexact(Rescaled):
    r"""Errors in N, D and L, of known relative size.

    The reported :math:`\ln N` is off by :math:`\mathcal N(0, s_N)`, :math:`\ln D` by
    :math:`\mathcal N(0, s_D)`, and :math:`\ln L`, of a law whose input is another loss, by
    :math:`\mathcal N(0, s_L)`. The true inputs are integrated out with the law taken as straight
    over the error,

    .. math:: \sigma_i^2 = \sigma^2
              + \sum_x \Bigl(s_x\,\frac{\partial\ln\hat L}{\partial\ln x}\Bigr)^2,

    with the law's own slopes at each run, and a flat prior of the true inputs. The error that this
    leaves is of the order of :math:`s^2` times the law's curvature: below 1e-4 in log loss for
    errors of 10 %. It says nothing of errors that all runs share, such as another way of counting
    parameters.

    A new run is forecast at exact inputs.

    Parameters
    ----------
    shape : Noise, default StudentT()
        The shape of the noise.
    N, D, L : float, default 0
        Standard deviation of the error of the log of the input: 0.05 for 5 %.
    """

    shape: Noise = field(default_factory=StudentT)
    N: float = 0.0
    D: float = 0.0
    L: float = 0.0

    def __post_init__(self) -> None:
        for name, value in self._given.items():
            if not (math.isfinite(value) and 0.0 <= value <= LARGEST):
                raise LawError(
                    f"The error of {name} is {value!r}. Give a relative error from 0 to {LARGEST}, "
                    "such as 0.05 for 5 %."
                )
        super().__post_init__()

    @property
    def name(self) -> str:
        errors = [f"{name}={value:g}" for name, value in self._errors.items()]
        inner = [] if self.shape == StudentT() else [self.shape.name]
        return f"inexact({', '.join([*inner, *errors])})" if inner or errors else "inexact"

    @property
    def _given(self) -> dict[str, float]:
        return {"N": self.N, "D": self.D, "L": self.L}

    @property
    def _errors(self) -> dict[str, float]:
        return {name: value for name, value in self._given.items() if value > 0}

    @property
    def added(self) -> tuple[Parameter, ...]:
        return ()

    def sigma(self, params: Values, rows: Rows) -> Any:
        known = {name: rows.get(f"slope of {name}", 0.0) for name in self._errors}
        return self._sigma(params, known)

    def _sigma(self, params: Values, slopes: Values) -> Any:
        errors = self._errors.items()
        return (params["sigma"] ** 2 + sum((e * slopes[name]) ** 2 for name, e in errors)) ** 0.5

    @property
    def slopes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.shape.slopes, *self._errors)))

    def ahead(self, points: Mapping[str, np.ndarray], fitted: Runs) -> dict[str, Any]:
        return self.shape.ahead(points, fitted)

    def rows(self, runs: Runs, x: Mapping[str, np.ndarray], fitted: Runs) -> dict[str, Any]:
        for name in self._errors:
            if name not in x:
                raise RunsError(
                    f"The noise {self.name!r} has an error of {name}, which the law does not read. "
                    f"It reads {', '.join(x)}; leave the error of {name} out."
                )
        return super().rows(runs, x, fitted)

    def log_density(self, law: LogLaw, x: Values, loss: Any, params: Values, rows: Rows) -> Any:
        import jax
        import jax.numpy as jnp

        def slope(name: str) -> Any:
            along = {other: jnp.full_like(v, float(other == name)) for other, v in x.items()}
            return jax.jvp(law, (dict(x),), (along,))[1]

        own = {**params, "sigma": self._sigma(params, {name: slope(name) for name in self._errors})}
        return self.shape.log_density(law, x, loss, own, rows)

    def to_json(self) -> dict[str, Any]:
        return {"name": "inexact", "shape": self.shape.to_json(), **self._given}
