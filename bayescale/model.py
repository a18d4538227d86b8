"""The model: law x noise x discrepancy x pooling x runs, as one density.

A :class:`Model` is a set of declarations. :meth:`Model.data` turns a table of runs into arrays,
padded to a bucket of sizes, with the numbers of the priors among them: whatever a compiled program
needs to know beyond the arrays is in :attr:`Model.signature`, so one program serves every table of
the same bucket and every width of the same priors.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from bayescale.discrepancy import Discrepancy, Exact, Sampled
from bayescale.discrepancy.kernel import Integrated
from bayescale.errors import LawError
from bayescale.laws.law import Law, geometric_mean, reference_point, spread_of
from bayescale.laws.term import Parameter, Values
from bayescale.noise import Noise
from bayescale.pooling import COMPLETE, MEMBER, Pooling
from bayescale.prior import FAMILIES, Prior
from bayescale.units import coordinate, is_linear

if TYPE_CHECKING:
    from bayescale.runs import Runs

__all__ = [
    "LARGE",
    "LOSS_SCALE",
    "LOSS_SPAN",
    "NUMBERS",
    "Model",
    "Signature",
    "bucket",
    "log_likelihood",
    "log_loss",
]

LOSS_SCALE = "loss"
"""Key of the reference loss in the reference point."""

LOSS_SPAN = "loss span"
"""Key of the log range of the losses in the reference point, where a process takes it."""

LARGE = 4096
"""Rows above which a table is large: it is taken in blocks, and ``docs/large-tables.md`` holds."""

type Data = dict[str, Any]
"""The arrays of a program: by row ``x``, ``loss``, ``mask`` and what the ``noise`` reads, or for
runs grouped by their inputs ``x``, ``mask``, ``count``, ``mean`` and ``square`` (see
:mod:`bayescale.inference.rows`); and :data:`NUMBERS`, which have no rows."""

NUMBERS = ("spread", "corners", "reference", "priors")
"""Data that have no rows: spread of each input, corner of each bend, reference point, priors."""

FAR = 1.5
"""How many standard deviations of a modifier's lever its corner of the design lies out: far enough
for the modifier to show, with runs on both sides."""


@dataclass(frozen=True)
class Signature:
    """All that a compiled program depends on, apart from array shapes."""

    term: Any
    noise: Noise
    kinds: tuple[tuple[str, str, bool, bool], ...]
    """Name, prior family, whether relative, whether positive: one for each parameter."""

    process: Integrated | None = None
    """The Gaussian process that is integrated out of the likelihood, if there is one."""

    pooling: Pooling = COMPLETE
    """With groups by number."""

    @property
    def is_dense(self) -> bool:
        """Whether the likelihood factors a matrix of all runs."""
        return self.process is not None and self.process.dense


@dataclass(frozen=True)
class Model:
    """A law with a noise model.

    Parameters
    ----------
    law : Law
        The law, with its priors.
    noise : Noise
        The noise model.
    noise_priors : tuple of (str, Prior)
        Priors of the noise, and of the spreads between groups, that replace their defaults.
    discrepancy : Discrepancy
        How far the losses may leave the law. One that has no process acts beyond the runs alone,
        and does not enter their likelihood.
    pooling : Pooling
        Which parameters differ between groups of runs.
    """

    law: Law
    noise: Noise
    noise_priors: tuple[tuple[str, Prior], ...] = ()
    discrepancy: Discrepancy = field(default_factory=Exact)
    pooling: Pooling = COMPLETE

    def resolved(self, runs: Runs) -> Model:
        """The same with the groups of the runs, where parameters are pooled."""
        pooling = self.pooling.resolved(runs)
        return self if pooling is self.pooling else replace(self, pooling=pooling)

    @functools.cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """All sampled parameters, those of the law first."""
        beside = (*self.noise.parameters, *self.discrepancy.parameters, *self.pooling.added)
        return (*self.law.parameters, *beside)

    @functools.cached_property
    def priors(self) -> dict[str, Prior]:
        """The priors in force, by parameter."""
        found = {p.name: p.prior for p in self.parameters if p.prior is not None}
        return {**found, **dict(self.noise_priors)}

    @property
    def judged(self) -> tuple[str, ...]:
        """Parameters of the law that the runs must tell, or else the prior wrote the answer.

        Not those whose prior was learned from other data, unless another was given.
        """
        known = {p.name for p in self.law.term.parameters if p.learned}
        return tuple(
            p.name
            for p in self.law.term.parameters
            if p.name not in known or p.name in self.law.replaced
        )

    @functools.cached_property
    def signature(self) -> Signature:
        """The hashable key of the compiled programs that serve this model."""
        priors = self.priors
        return Signature(
            self.law.term,
            self.noise,
            tuple((p.name, *priors[p.name].kind, p.positive) for p in self.parameters),
            self.discrepancy.kernel,
            self.pooling.anonymous,
        )

    def reference(self, runs: Runs) -> dict[str, float]:
        """The reference point: log geometric means of the inputs, and the reference loss.

        See :func:`bayescale.laws.law.reference_point`.
        """
        runs.require((*self.law.inputs, *self.law.paths))
        for name in self.law.inputs:
            if not is_linear(name) and not np.all(runs[name] > 0):
                raise LawError(
                    f"The input {name} of the runs reaches {runs[name].min():g}, but the law "
                    f"{self.law.name!r} takes its logarithm. Shift or rescale it to be above zero."
                )
        found = {**reference_point(runs.columns, self.law), LOSS_SCALE: geometric_mean(runs.loss)}
        if isinstance(self.discrepancy, Sampled):
            found[LOSS_SPAN] = self.discrepancy.span(runs.columns, self.law.inputs)
        return found

    def data(
        self,
        runs: Runs,
        reference: Mapping[str, float] | None = None,
        size: int | None = None,
    ) -> Data:
        """The arrays that a program takes.

        Parameters
        ----------
        runs : Runs
            The table; padded rows repeat the reference point and are masked.
        reference : mapping, optional
            A reference point to use in place of the table's own.
        size : int, optional
            Number of padded rows, where another table's program is to serve.
        """
        reference = dict(reference or self.reference(runs))
        n, size = len(runs), size or bucket(len(runs))
        if n > LARGE and not self.noise.local:
            raise LawError(
                f"The noise {self.noise.name!r} is to serve {n:,} rows, and takes {LARGE:,} at "
                "most. Give fewer rows (--where), or a noise without effects."
            )
        x = self.inputs_of(runs)
        fillers = {**reference, MEMBER: 0.0, **dict.fromkeys(self.law.paths, 0.0)}
        return {
            **self._along(runs, size),
            "x": {name: _padded(values, size, fillers[name]) for name, values in x.items()},
            "noise": jax.tree.map(
                lambda values: np.concatenate([values, np.repeat(values[:1], size - n, axis=0)]),
                self.noise.rows(runs, x, runs),
            ),
            "loss": _padded(runs.loss, size, reference[LOSS_SCALE]),
            "mask": np.arange(size) < n,
            "spread": {name: np.float64(spread_of(name, runs[name])) for name in self.law.inputs},
            "corners": self._corners(runs),
            "reference": {name: np.float64(value) for name, value in reference.items()},
            "priors": {
                name: {key: np.float64(value) for key, value in prior.numbers.items()}
                for name, prior in self.priors.items()
            },
        }

    def _along(self, runs: Runs, size: int) -> Data:
        """What a process takes of the rows."""
        if not isinstance(self.discrepancy, Sampled):
            return {}
        if len(runs) > LARGE:
            raise LawError(
                f"There are {len(runs):,} runs, and the discrepancy {self.discrepancy.name!r} "
                f"takes at most {LARGE:,}. Average neighbours, and say so in a column n_averaged."
            )
        return {"along": self.discrepancy.along(runs.columns, self.law.inputs, size)}

    def inputs_of(self, runs: Runs) -> dict[str, np.ndarray]:
        """What the law reads at the runs, and the number of each run's group where pooled."""
        x = self.law.coordinates(runs.columns)
        if self.pooling.active:
            x[MEMBER] = self.pooling.members(runs.columns)
        return x

    def _corners(self, runs: Runs) -> tuple[dict[str, np.float64], ...]:
        """For each bend of the law, log inputs at a corner of the design where its lever is large.

        Every input moves with the lever as it does over the runs, by least squares.
        """
        x = {name: coordinate(name, runs[name]) for name in self.law.inputs}
        found = []
        for bend in self.law.term.bends:
            lever = np.asarray(bend.modifier.log_lever(x), dtype=np.float64)
            off = lever - np.mean(lever)
            scale = max(float(np.std(lever)), 1e-6)
            found.append(
                {n: np.float64(np.mean(v) + FAR * np.mean(off * v) / scale) for n, v in x.items()}
            )
        return tuple(found)


def _padded(values: np.ndarray, size: int, filler: float) -> np.ndarray:
    padded = np.full((size, *np.shape(values)[1:]), filler, dtype=np.float64)
    padded[: len(values)] = values
    return padded


def bucket(n: int) -> int:
    """The padded number of rows: 16, 32, ... doubling; few programs serve all sizes.

    Large tables grow by eighths, so that little is computed for nothing.
    """
    if n < 1:
        raise LawError("There are no runs to fit. Check the file and the --where selection.")
    size = 16
    while size < n:
        size *= 2
    if size <= LARGE:
        return size
    step = size // 16
    return -(-n // step) * step


def prior_distributions(signature: Signature, data: Data) -> dict[str, dist.Distribution]:
    """The prior of every parameter, in its natural unit."""
    found = {}
    for name, family, relative, positive in signature.kinds:
        prior = FAMILIES[family].distribution(data["priors"][name], positive)
        if relative:
            scale = dist.transforms.AffineTransform(
                0.0, data["reference"][LOSS_SCALE], domain=prior.support
            )
            prior = dist.TransformedDistribution(prior, scale)
        found[name] = prior
    return found


def log_likelihood(signature: Signature, params: Values, data: Data) -> Any:
    """Log density of the losses, by row; of all losses of a group where the data are groups.

    Rows that are padding have zero.
    """

    def law(x: Values) -> Any:
        return log_loss(signature, params, x, data["reference"])

    noise = signature.noise
    if signature.process is not None:
        rows = (data["along"], data["mask"], data["reference"][LOSS_SPAN])
        own = (law(data["x"]), data["loss"], params)
        values = signature.process.log_density(*own, *rows)
    elif "count" in data:
        groups = (data[name] for name in ("count", "mean", "square"))
        values = noise.log_density_of_groups(law(data["x"]), params, *groups)
    else:
        values = noise.log_density(law, data["x"], data["loss"], params, data["noise"])
    return jnp.where(data["mask"], values, 0.0)


def log_loss(signature: Signature, params: Values, x: Values, reference: Values) -> Any:
    """Log of the law at log inputs, for reference parameters that broadcast against them."""
    own = signature.pooling.placed(params, x)
    return jnp.asarray(signature.term.log_value(own, x, reference))
