"""A noise model whose scale differs from run to run, whatever its shape."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.errors import LawError
from bayescale.laws.term import Parameter, Values
from bayescale.noise.noise import NOTHING, LogLaw, Noise, Rows

if TYPE_CHECKING:
    from numpyro.distributions import Distribution

    from bayescale.runs import Runs

__all__ = ["Rescaled"]


class Rescaled(Noise):
    """The noise of a shape, with a ``sigma`` of its own at each row.

    Subclasses are frozen dataclasses with a field ``shape``, and state :meth:`sigma`, what it
    needs of a row, and the parameters that they add.
    """

    shape: Noise

    def __post_init__(self) -> None:
        if not isinstance(self.shape, Noise):
            raise TypeError(f"{self.shape!r} is not a noise model")
        if not self.shape.scalable or any(type(self) is type(inner) for inner in self._inside):
            raise LawError(
                f"The noise {self.name!r} cannot change the scale of {self.shape.name!r} run by "
                "run. Put it around another noise, such as normal, student_t or one_sided."
            )

    @property
    def _inside(self) -> Iterator[Noise]:
        """The noise models inside, from the outermost on."""
        inner = self.shape
        while isinstance(inner, Rescaled):
            yield inner
            inner = inner.shape

    @property
    @abstractmethod
    def added(self) -> tuple[Parameter, ...]:
        """The parameters beside those of the shape."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (*self.shape.parameters, *self.added)

    @abstractmethod
    def sigma(self, params: Values, rows: Rows) -> Any:
        """The ``sigma`` of each row, by plain arithmetic on NumPy or JAX arrays."""

    def _rescaled(self, params: Values, rows: Rows) -> Values:
        return {**params, "sigma": self.sigma(params, rows)}

    def scale(self, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0) -> Any:
        return self.shape.scale(self._rescaled(params, rows), rows, log_mean)

    def log_loss(self, log_mean: Any, params: Values, rows: Rows = NOTHING) -> Distribution:
        return self.shape.log_loss(log_mean, self._rescaled(params, rows), rows)

    @property
    def smooth(self) -> bool:
        return self.shape.smooth

    def rows(self, runs: Runs, x: Mapping[str, np.ndarray], fitted: Runs) -> dict[str, Any]:
        return {**self.shape.rows(runs, x, fitted), **self.ahead(runs.columns, fitted)}

    def log_density(self, law: LogLaw, x: Values, loss: Any, params: Values, rows: Rows) -> Any:
        return self.shape.log_density(law, x, loss, self._rescaled(params, rows), rows)

    @property
    def local(self) -> bool:
        return self.shape.local

    @property
    def slopes(self) -> tuple[str, ...]:
        return self.shape.slopes

    def units(self, runs: Runs) -> np.ndarray | None:
        return self.shape.units(runs)

    def quantile(
        self, p: np.ndarray, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0
    ) -> np.ndarray:
        return self.shape.quantile(p, self._rescaled(params, rows), rows, log_mean)

    def cdf(
        self, residual: np.ndarray, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0
    ) -> np.ndarray:
        return self.shape.cdf(residual, self._rescaled(params, rows), rows, log_mean)

    def recentred(self, params: Values, fitted: Runs, onto: Runs) -> dict[str, Any]:
        return self.shape.recentred(params, fitted, onto)

    def simulate(
        self, rng: np.random.Generator, log_mean: np.ndarray, params: Values, rows: Rows
    ) -> np.ndarray:
        return self.shape.simulate(rng, log_mean, self._rescaled(params, rows), rows)
