"""Noise models: a density of the observed loss around the law.

Every model states the distribution of the log of the loss; what is sampled and scored is the loss
itself, so that log likelihoods, elpd and evidence compare across noise models.

Two questions are kept apart. How does the loss of a *new* run scatter? That is :meth:`Noise.loss`,
with :meth:`Noise.quantile` and :meth:`Noise.cdf`. How dense are *all* losses of a table together?
That is :meth:`Noise.log_density`, row by row, each given the rows before it where rows are not
independent, so that the sum over rows is the joint density.

What a noise model reads of the runs beside their losses is part of its declaration:
:meth:`Noise.rows` and :meth:`Noise.ahead` turn columns into arrays, which travel with the other
data of a compiled program, and refuse a table that lacks a column.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.laws.term import Parameter, Values
from bayescale.prior import LogNormal

if TYPE_CHECKING:
    from numpyro.distributions import Distribution

    from bayescale.runs import Runs

__all__ = ["NOTHING", "SCALE", "LogLaw", "Noise", "Rows", "sigma_parameter"]

type Rows = Mapping[str, Any]
"""Arrays with a value for each row, by name; may be nested."""

type LogLaw = Callable[[Values], Any]
"""The log of the law as a function of log inputs."""

NOTHING: Rows = MappingProxyType({})
"""The rows of a noise model that reads none."""

SCALE = LogNormal(0.01, 1.5)
"""Prior of the scale of the noise on log loss: from the 0.0005 of repeated seeds of large models to
the 0.2 of error rates on small test sets. A half-normal of 0.02 wrote the bands of noisier data
(``benchmarks/noise_prior/scale.py``)."""


def sigma_parameter(meaning: str) -> Parameter:
    """The scale of the noise on log loss, with its default prior."""
    return Parameter("sigma", "noise", "log loss", meaning, SCALE)


class Noise(ABC):
    """A noise model: a frozen declaration of parameters and one distribution."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name on the command line and in files."""

    @property
    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that the noise owns, with their priors."""

    @abstractmethod
    def log_loss(self, log_mean: Any, params: Values, rows: Rows = NOTHING) -> Distribution:
        """Distribution of the log of a new run's loss around the log of the law.

        Parameters
        ----------
        log_mean : array
            Log of the law.
        params : mapping
            Parameters of the noise.
        rows : mapping
            From :meth:`ahead` or :meth:`rows`; broadcast against ``log_mean``.
        """

    def loss(self, log_mean: Any, params: Values, rows: Rows = NOTHING) -> Distribution:
        """Distribution of a new run's loss: that of its log, with the Jacobian."""
        import numpyro.distributions as dist

        return dist.TransformedDistribution(
            self.log_loss(log_mean, params, rows), dist.transforms.ExpTransform()
        )

    # --- what it reads of the runs -------------------------------------------------------------

    def rows(self, runs: Runs, x: Mapping[str, np.ndarray], fitted: Runs) -> dict[str, Any]:
        """What :meth:`log_density` needs of the runs beside their losses.

        Parameters
        ----------
        runs : Runs
            The runs whose density is wanted.
        x : mapping of str to array, shape (run,)
            Log inputs of the law.
        fitted : Runs
            The runs that are fitted: the same, or those that the others are scored by.

        Raises
        ------
        RunsError
            Where a column is missing or cannot be used.
        """
        return self.ahead(runs.columns, fitted)

    def ahead(self, points: Mapping[str, np.ndarray], fitted: Runs) -> dict[str, Any]:
        """What the distribution of new runs at points needs beside the law.

        Parameters
        ----------
        points : mapping of str to array, shape (point,)
            Columns of the points, in plain units.
        fitted : Runs
            The runs that are fitted.

        Raises
        ------
        RunsError
            Where a column is missing.
        """
        return {}

    # --- the density of all runs ---------------------------------------------------------------

    def log_density(self, law: LogLaw, x: Values, loss: Any, params: Values, rows: Rows) -> Any:
        """Log density of each row's loss, given the rows before it where they are not independent.

        Parameters
        ----------
        law : callable
            Log of the law at log inputs.
        x : mapping of str to array, shape (..., run)
            Log inputs.
        loss : array, shape (run,)
        params : mapping
            Parameters of the noise.
        rows : mapping
            From :meth:`rows`.
        """
        return self.loss(law(x), params, rows).log_prob(loss)

    @property
    def local(self) -> bool:
        """Whether the density of a row is computed from the arrays of that row alone."""
        return True

    @property
    def scalable(self) -> bool:
        """Whether ``sigma`` may differ from row to row."""
        return True

    def units(self, runs: Runs) -> np.ndarray | None:
        """A number for each run, equal for runs that are not independent; None where all are."""
        return None

    @property
    def slopes(self) -> tuple[str, ...]:
        """Inputs whose log slope of the law widens the noise.

        :meth:`scale` and :meth:`simulate` find them among the rows, as ``slope of N``, where they
        are known.
        """
        return ()

    @property
    def smooth(self) -> bool:
        """Whether the log density has a curvature that holds over its own width.

        Where it has a kink, or all of its curvature in a narrow core, neither the centre nor the
        width of a posterior follows from derivatives at a point; they are measured at a distance.
        """
        return True

    @property
    def groups(self) -> bool:
        """Whether runs with the same inputs enter by number, mean and sum of squares alone."""
        return False

    def log_density_of_groups(
        self, log_mean: Any, params: Values, count: Any, mean: Any, square: Any
    ) -> Any:
        """Log density of all losses of each group of runs with the same inputs.

        Parameters
        ----------
        log_mean : array, shape (group,)
            Log of the law.
        params : mapping
            Parameters of the noise.
        count, mean, square : array, shape (group,)
            Number of losses, mean of their logs, and sum of squares of their logs about it.
        """
        raise NotImplementedError(f"{self.name} noise has no sufficient statistics")

    # --- in NumPy ------------------------------------------------------------------------------

    @abstractmethod
    def quantile(
        self, p: np.ndarray, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0
    ) -> np.ndarray:
        """Quantiles of a new run's log residual, in NumPy; all arguments broadcast."""

    @abstractmethod
    def cdf(
        self, residual: np.ndarray, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0
    ) -> np.ndarray:
        """Distribution function of a new run's log residual, in NumPy."""

    def scale(self, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0) -> Any:
        """The scale of a new run's log residual, for residuals in units of it."""
        return params["sigma"]

    def recentred(self, params: Values, fitted: Runs, onto: Runs) -> dict[str, Any]:
        """Parameters that mean with ``onto`` as the fitted runs what they mean with ``fitted``."""
        return dict(params)

    def simulate(
        self, rng: np.random.Generator, log_mean: np.ndarray, params: Values, rows: Rows
    ) -> np.ndarray:
        """Draw log residuals of all rows together, shape ``(..., run)`` as ``log_mean``.

        ``rows`` are those of :meth:`rows`.
        """
        p = rng.uniform(1e-12, 1.0 - 1e-12, np.shape(log_mean))
        return self.quantile(p, params, rows, log_mean)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready description; :func:`bayescale.noise.from_json` reads it."""
        return {"name": self.name}
