"""The result of a fit: draws, what they mean, and whether to believe them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from bayescale.discrepancy import Discrepancy, Sampled, Seen
from bayescale.errors import LawError
from bayescale.inference.diagnosis import Diagnosis
from bayescale.inference.evaluate import RowSummary, not_kept, summarise_rows
from bayescale.inference.runtime import float64
from bayescale.inference.structure import Structure, structure
from bayescale.laws.law import Law
from bayescale.model import LOSS_SCALE, LOSS_SPAN, Model
from bayescale.noise import Noise
from bayescale.pooling import COMPLETE, MEMBER, Pooling
from bayescale.runs import Runs
from bayescale.units import format_size, natural

if TYPE_CHECKING:
    import os

    import pandas as pd
    import xarray as xr

__all__ = ["Fit", "Optimum"]

OUTLIER = 5.0
"""Residuals beyond this many noise scales are named."""


STEP = 1e-3
"""Step of a difference in the log of an input."""

KNOWN_SPREAD = 0.7
"""A spread between groups is known where they remove this share of its prior variance: five groups
do, as a rule, and two do not."""

PADDED, FEW = 16, 1024
"""Fewer points than ``FEW`` are padded to a multiple of ``PADDED``: few shapes are compiled."""


@dataclass(frozen=True)
class Optimum:
    """One of the maxima that the point fit found.

    Parameters
    ----------
    values : mapping of str to float
        Field parameters and noise parameters there.
    log_posterior : float
        Log posterior density there, in the sampler's coordinates, up to a constant.
    weight : float
        Its share of the posterior by the Laplace approximation.
    """

    values: Mapping[str, float]
    log_posterior: float
    weight: float


@dataclass(frozen=True, eq=False)
class Fit:
    """A posterior over the parameters of a law.

    Parameters
    ----------
    model : Model
        The law and the noise, with their priors.
    runs : Runs
        The runs that were fitted.
    reference : mapping of str to float
        Log reference point, and the reference loss.
    draws : mapping of str to array, shape (chain, draw)
        Sampled parameters.
    log_prior : mapping of str to array, shape (chain, draw)
    log_likelihood_sum : array, shape (chain, draw)
        Log density of all losses, in the unit of the loss.
    pointwise : array, shape (chain, draw, run), or None
        Log density of each loss; None where that would be too many numbers to keep (see
        ``docs/large-tables.md``). Read it as :attr:`log_likelihood`.
    sample_stats : mapping of str to array, shape (chain, draw)
        The sampler's record, under ArviZ's names; empty for a Laplace fit.
    diagnosis : Diagnosis
        The verdict.
    optima : tuple of Optimum
        All maxima that the point fit found, largest share first.
    method : str
        ``nuts`` or ``laplace``.
    seed : int
    seconds : float
        Wall time of the fit.
    versions : mapping of str to str
        Versions of what computed it.
    """

    model: Model
    runs: Runs
    reference: Mapping[str, float]
    draws: Mapping[str, np.ndarray]
    log_prior: Mapping[str, np.ndarray]
    log_likelihood_sum: np.ndarray
    pointwise: np.ndarray | None
    sample_stats: Mapping[str, np.ndarray]
    diagnosis: Diagnosis
    optima: tuple[Optimum, ...]
    method: str
    seed: int
    seconds: float
    versions: Mapping[str, str]

    @property
    def law(self) -> Law:
        """The law."""
        return self.model.law

    @property
    def noise(self) -> Noise:
        """The noise model."""
        return self.model.noise

    @property
    def discrepancy(self) -> Discrepancy:
        """How far the losses may leave the law beyond the runs."""
        return self.model.discrepancy

    @property
    def pooling(self) -> Pooling:
        """Which parameters differ between groups of runs."""
        return self.model.pooling

    @functools.cached_property
    def parameters(self) -> dict[str, np.ndarray]:
        """Draws of all parameters, shape (chain, draw): the field's first, then the sampled ones.

        Of pooled parameters ``E`` is the typical group's and ``E[c4]`` that of the group c4. ``a``
        is the exponent of the compute-optimal size, N* proportional to C^a, where the law
        has one in closed form.
        """
        log_reference = {name: v for name, v in self.reference.items() if name != LOSS_SCALE}
        with float64():
            sampled = {p.name: self.draws[p.name] for p in self.law.term.parameters}
            field = _to_field(self.law.term)(sampled, log_reference)
            # In the law's own order, which a compiled program does not keep.
            found = {name: np.asarray(field[name]) for name in self.law.field_names}
            by_group = [
                _to_field(self.law.term)({**sampled, **self._pooled(number)}, log_reference)
                for number in range(len(self.pooling.groups))
            ]
        exponents = self.law.allocation_exponents
        if exponents:
            on_n, on_d = (found[name] for name in exponents)
            found["a"] = on_d / (on_n + on_d)
        # Of the groups, the field parameters that differ between them.
        for group, own in zip(self.pooling.groups, by_group, strict=True):
            found |= {
                f"{name}[{group}]": np.asarray(own[name])
                for name in self.law.field_names
                if not np.array_equal(own[name], field[name])
            }
        return {**found, **{k: v for k, v in self.draws.items() if k not in found}}

    def _pooled(self, number: int) -> dict[str, np.ndarray]:
        """The pooled parameters of one group."""
        member = {MEMBER: np.float64(number)}
        placed = self.pooling.placed(self.draws, member)
        return {name: np.asarray(placed[name]) for name in self.pooling.parameters}

    @property
    def log_likelihood(self) -> np.ndarray:
        """Log density of each loss, shape (chain, draw, run).

        Raises
        ------
        BayescaleError
            For a large table, where it was not kept.
        """
        if self.pointwise is None:
            raise not_kept(self.log_likelihood_sum.size, len(self.runs))
        return self.pointwise

    @functools.cached_property
    def residuals(self) -> np.ndarray:
        """Log observed minus log of the median fitted loss, shape (run,).

        What is fitted is the law, with the process of the discrepancy where there is one.
        The median is that of some 250 of the draws: good to a twelfth of a posterior standard
        deviation of the fitted loss, which is itself a fraction of the noise. Of a large table,
        minus the log of the law at the posterior mean of its parameters.
        """
        if self.pointwise is None:
            return np.asarray(np.log(self.runs.loss) - self._summary.log_mean)
        some = self._thinned
        fitted = some.log_law(self.inputs_of(self.runs)).reshape(-1, len(self.runs))
        if self.discrepancy.kernel is not None:
            at = self.inputs_of(self.runs)
            fitted = fitted + some.leaves(at, self.discrepancy)[0]
        middle = np.median(fitted, axis=0)
        return np.asarray(np.log(self.runs.loss) - middle)

    @functools.cached_property
    def structure(self) -> Structure:
        """What a quadratic in the log inputs still explains of the residuals: a check of the law.

        Not looked for where residuals are not independent (points of one curve, run effects), nor
        of one input beside a process. Of several, a process takes it up among the runs, but not
        beyond them: it is looked for in what the law alone leaves.
        """
        process = self.discrepancy.kernel is not None
        if (process and len(self.law.inputs) == 1) or self.noise.units(self.runs) is not None:
            return Structure()
        known = (self.runs[name] for name in self.law.inputs if name in self.runs.columns)
        inputs = [np.log(v) if np.all(v > 0) else np.asarray(v, float) for v in known]
        left = self.residuals
        if process:
            fitted = self._thinned.log_law(self.inputs_of(self.runs)).reshape(-1, len(self.runs))
            left = np.log(self.runs.loss) - np.median(fitted, axis=0)
        return structure(inputs, left / self.noise_scale)

    @functools.cached_property
    def _summary(self) -> RowSummary:
        """What is said of every run of a large table: to first order in the parameters."""
        standard = self._standard
        centre = {name: float(values.mean()) for name, values in self.draws.items()}
        covariance = {
            name: (values.ravel() - centre[name]) @ standard / len(standard)
            for name, values in self.draws.items()
        }
        data = self.model.data(self.runs, self.reference)
        return summarise_rows(self.model.signature, centre, covariance, data)

    @property
    def _standard(self) -> np.ndarray:
        """Draws of the parameters that people read, in standard deviations about the mean."""
        values = np.stack([self.parameters[name].ravel() for name in self.reported], axis=1)
        width = values.std(axis=0)
        return np.asarray((values - values.mean(axis=0)) / np.where(width > 0, width, 1.0))

    @property
    def reported(self) -> tuple[str, ...]:
        """The parameters that people read."""
        return (*self.law.field_names, *(["a"] if "a" in self.parameters else []))

    def inputs_of(self, runs: Runs) -> dict[str, np.ndarray]:
        """What :meth:`log_law` reads of runs: the law's inputs, and the column pooled by."""
        by = (self.pooling.by,) if self.pooling.active else ()
        return {name: runs[name] for name in (*self.law.inputs, *self.law.paths, *by)}

    @functools.cached_property
    def noise_rows(self) -> dict[str, Any]:
        """What the noise reads of the fitted runs, and of the law there; see :meth:`Noise.rows`."""
        rows = self.noise.rows(self.runs, self.model.inputs_of(self.runs), self.runs)
        return rows | {f"slope of {name}": self._slope(name) for name in self.noise.slopes}

    def _slope(self, name: str) -> np.ndarray:
        """Median of the slope of the log of the law on the log of an input, shape (run,)."""
        some, at = self._thinned, self.inputs_of(self.runs)
        ends = [
            np.median(some.log_law({**at, name: at[name] * np.exp(step)}), axis=(0, 1))
            for step in (-STEP, STEP)
        ]
        return np.asarray((ends[1] - ends[0]) / (2.0 * STEP))

    @property
    def _thinned(self) -> Fit:
        """The fit with some 250 of its draws."""
        n_chains, n_draws = next(iter(self.draws.values())).shape
        every = max(1, n_chains * n_draws // 250)
        return self.at_draws({name: v[:, ::every] for name, v in self.draws.items()})

    def at_draws(self, draws: dict[str, np.ndarray]) -> Fit:
        """The fit with other draws of its parameters, for what follows from them alone."""
        return replace(self, draws=draws)

    @property
    def unknown_spreads(self) -> tuple[str, ...]:
        """The sds between groups that the groups leave to the prior in good part.

        Told on their own scale: a spread near zero is known, however wide its logarithm.
        """
        known = self.diagnosis.contraction
        return tuple(n for n in self.pooling.spreads.values() if not known[n] >= KNOWN_SPREAD)

    def group(self, name: str | None = None) -> Fit:
        """The fit as one group of a pooled law sees it, with that group's parameters and runs.

        Parameters
        ----------
        name : str, optional
            A group that was fitted; a new one, drawn from the population, unless said. A new group
            keeps all runs.

        Raises
        ------
        LawError, RunsError
            Where the fit has no groups, or none of that name.
        """
        pooling = self.pooling
        if not pooling.active:
            raise LawError(
                f"The fit of {self.law.name!r} is not pooled, so it has no group {name or 'new'!r}."
                ' Fit with pool="family", or ask for the fit itself.'
            )
        chosen = np.arange(len(self.runs))
        if name is None:
            rng = np.random.default_rng([self.seed, 2])
            shape = next(iter(self.draws.values())).shape
            own = {
                p: self.draws[p]
                * np.exp(pooling.spread(p, self.draws) * rng.standard_normal(shape))
                for p in pooling.parameters
            }
        else:
            number = int(pooling.members({pooling.by: name})[0])
            with float64():
                own = self._pooled(number)
            chosen = np.flatnonzero(pooling.members(self.runs.columns) == number)
        of_law = [p.name for p in self.law.term.parameters]
        of_noise = [p.name for p in self.noise.parameters]
        runs = self.runs if name is None else self.runs.select(chosen)
        noise = self.noise.recentred({name: self.draws[name] for name in of_noise}, self.runs, runs)
        own_priors = tuple(item for item in self.model.noise_priors if item[0] in of_noise)
        pointwise = None if self.pointwise is None else self.pointwise[..., chosen]
        return replace(
            self,
            model=replace(self.model, pooling=COMPLETE, noise_priors=own_priors),
            runs=runs,
            draws={**{p: own.get(p, self.draws[p]) for p in of_law}, **noise},
            log_prior={p: self.log_prior[p] for p in (*of_law, *of_noise)},
            pointwise=pointwise,
        )

    def noise_draws(self) -> dict[str, np.ndarray]:
        """Draws of the noise's parameters, shape (chain, draw, 1)."""
        return {p.name: self.draws[p.name][..., None] for p in self.noise.parameters}

    def log_density_of(self, runs: Runs) -> np.ndarray:
        """Log density of the losses of runs under each draw, shape (chain, draw, run).

        Where the noise makes runs depend on each other, each given those before it; never given
        the fitted runs.
        """
        x = self.model.inputs_of(runs)
        rows = self.noise.rows(runs, x, self.runs)
        reference = {name: v for name, v in self.reference.items() if name != LOSS_SCALE}

        def law(x: Mapping[str, Any]) -> Any:
            return _log_law(self.law.term)(self._at(x), self._read_by_law(x), reference)

        with float64():
            values = self.noise.log_density(law, x, runs.loss, self.noise_draws(), rows)
            return np.asarray(values)

    def _at(self, x: Mapping[str, Any]) -> dict[str, Any]:
        """Draws of the law's parameters at log inputs, shape (chain, draw, 1 or point)."""
        placed = self.pooling.placed(self._spread_out, x)
        return {p.name: placed[p.name] for p in self.law.term.parameters}

    @functools.cached_property
    def _spread_out(self) -> dict[str, np.ndarray]:
        """Draws with an axis of points, but those of the groups, which have one of their own."""
        offsets = {o for name in self.pooling.parameters for o in self.pooling.offsets(name)}
        return {k: v if k in offsets else v[..., None] for k, v in self.draws.items()}

    def _read_by_law(self, x: Mapping[str, Any]) -> dict[str, Any]:
        return {name: x[name] for name in (*self.law.inputs, *self.law.paths)}

    def log_law(self, inputs: Mapping[str, Any]) -> np.ndarray:
        """Log of the law at given inputs, draw by draw, without noise.

        Parameters
        ----------
        inputs : mapping of str to array, shape (point,) or (chain, draw, point)
            Inputs in plain units, and the paths of the law. Where parameters are pooled, with the
            column of the groups the law is that of each point's group, without it that of the
            typical group.

        Returns
        -------
        array, shape (chain, draw, point)
        """
        x = self._coordinates(inputs)
        n = max(x[name].shape[-1] for name in self.law.inputs)
        by_draw = any(x[name].ndim > 1 for name in self.law.inputs)
        if not by_draw and n < FEW and all(values.shape[:1] == (n,) for values in x.values()):
            more = np.minimum(np.arange(n + -n % PADDED), n - 1)
            x = {name: values[more] for name, values in x.items()}
        reference = {name: v for name, v in self.reference.items() if name != LOSS_SCALE}
        with float64():
            found = _log_law(self.law.term)(self._at(x), self._read_by_law(x), reference)
            return np.asarray(found)[..., :n]

    def _coordinates(self, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """What the law reads at given inputs, and whose points they are."""
        x = self.law.coordinates(inputs)
        if self.pooling.active and self.pooling.by in inputs:
            x[MEMBER] = self.pooling.members(inputs)
        return x

    def undefined(self, inputs: Mapping[str, Any]) -> np.ndarray:
        """Share of the draws in which the law's formula has no value, and is held at its limit.

        Parameters
        ----------
        inputs : mapping of str to array, shape (point,)
            As for :meth:`log_law`.

        Returns
        -------
        array, shape (point,)
            Between 0 and 1; 0 for every law whose formula has a value everywhere.
        """
        x = self._coordinates(inputs)
        n = max(x[name].shape[-1] for name in self.law.inputs)
        reference = {name: v for name, v in self.reference.items() if name != LOSS_SCALE}
        with float64():
            found = self.law.term.undefined(self._at(x), self._read_by_law(x), reference)
        shape = (*next(iter(self.draws.values())).shape, n)
        return np.asarray(np.broadcast_to(np.asarray(found, float), shape).mean(axis=(0, 1)))

    @functools.cached_property
    def noise_scale(self) -> np.ndarray:
        """The scale of the noise at each run, at the median of its parameters, shape (run,)."""
        middle = {p.name: np.median(self.draws[p.name]) for p in self.noise.parameters}
        log_mean = np.log(self.runs.loss) - self.residuals
        scale = self.noise.scale(middle, self.noise_rows, log_mean)
        return np.asarray(np.broadcast_to(scale, len(self.runs)))

    def leaves(
        self, points: Mapping[str, np.ndarray], discrepancy: Discrepancy
    ) -> tuple[np.ndarray, np.ndarray]:
        """How far the log loss leaves the law at points by a process, draw by draw.

        Parameters
        ----------
        points : mapping of str to array, shape (point,)
            Inputs in plain units.
        discrepancy : Discrepancy
            One with a process that this fit sampled.

        Returns
        -------
        tuple of two arrays, shape (draw, point)
            Mean and standard deviation of the process, given the runs.

        Raises
        ------
        LawError
            Where the fit did not sample such a process.
        """
        if self.discrepancy.kernel != discrepancy.kernel or not isinstance(discrepancy, Sampled):
            raise LawError(
                f"The discrepancy {discrepancy.name!r} is sampled with the law, but the fit has "
                f"{self.discrepancy.name!r}. Fit again with --discrepancy {discrepancy.name}."
            )
        asked, own = ([p.prior for p in d.parameters] for d in (discrepancy, self.discrepancy))
        if asked != own:
            raise LawError(
                f"The discrepancy {discrepancy.name!r} is sampled with the law, and the fit has "
                f"the priors {', '.join(map(str, own))}, not {', '.join(map(str, asked))}. Fit "
                "again with those, or leave the discrepancy out."
            )
        fitted = self.log_law(self.inputs_of(self.runs)).reshape(-1, len(self.runs))
        params = {name: values.ravel() for name, values in self.draws.items()}
        seen = Seen(self.runs.columns, self.law.inputs, self.reference[LOSS_SPAN])
        with float64():
            return discrepancy.given(seen, np.log(self.runs.loss) - fitted, params, points)

    def influence(self) -> pd.DataFrame:
        """How far each run pulls each parameter.

        Returns
        -------
        pandas.DataFrame
            One row for each run: ``residual`` in noise scales, then for each field parameter the
            shift of its posterior mean, in posterior standard deviations, if the run were taken
            out. To first order that is minus the posterior covariance of the parameter with the
            run's log likelihood [1]_; for runs that pull by more than about one standard deviation
            refit without them. Of a large table, the log likelihood is taken to first order too.

        References
        ----------
        .. [1] Giordano, Stephenson, Liu, Jordan and Broderick 2019, "A Swiss army infinitesimal
           jackknife", AISTATS.
        """
        import pandas as pd

        columns = {"residual": self.residuals / self.noise_scale}
        columns |= dict(zip(self.reported, self.pulls.T, strict=True))
        return pd.DataFrame(columns, index=pd.Index(self.runs.labels, name="run"))

    @functools.cached_property
    def pulls(self) -> np.ndarray:
        """What :meth:`influence` says of the parameters, shape (run, parameter)."""
        if self.pointwise is None:
            return -self._summary.covariance
        standard = self._standard
        likelihood = self.pointwise.reshape(-1, len(self.runs))
        return np.asarray(-(likelihood.T @ standard) / len(standard))  # standard has mean zero

    def table(self, prob: float = 0.9) -> pd.DataFrame:
        """Posterior summary, one row for each parameter.

        Parameters
        ----------
        prob : float, default 0.9
            Mass of the central interval.

        Returns
        -------
        pandas.DataFrame
            Columns ``mean, sd, q05, q50, q95`` (named after ``prob``), ``contraction`` (share of
            the prior variance that the data removed), ``prior_sensitivity`` (see
            :class:`Diagnosis`), ``unit`` and ``meaning``.
        """
        import pandas as pd

        low, high = (1 - prob) / 2, (1 + prob) / 2
        known = {p.name: p for p in (*self.law.term.derived, *self.model.parameters)}
        known |= {
            f"{name}[{group}]": replace(p, meaning=f"{name} of the {self.pooling.by} {group}")
            for name, p in known.items()
            for group in self.pooling.groups
        }
        rows = {}
        offsets = {o for name in self.pooling.parameters for o in self.pooling.offsets(name)}
        for name, values in self.parameters.items():
            if name in offsets:  # what they mean is said by the parameters of the groups
                continue
            parameter = known.get(name)
            rows[name] = {
                "mean": float(values.mean()),
                "sd": float(values.std(ddof=1)),
                f"q{100 * low:02.4g}": float(np.quantile(values, low)),
                "q50": float(np.median(values)),
                f"q{100 * high:02.4g}": float(np.quantile(values, high)),
                "contraction": self.diagnosis.contraction.get(name, np.nan),
                "prior_sensitivity": self.diagnosis.prior_sensitivity.get(name, np.nan),
                "unit": self._unit(parameter.unit) if parameter else self._field_unit(name),
                "meaning": parameter.meaning if parameter else self._derived_meaning(name),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")

    def _unit(self, unit: str) -> str:
        return self.runs.loss_unit if unit == "loss" else unit

    def _field_unit(self, name: str) -> str:
        known = {"a": "1", "alpha": "1", "E": self.runs.loss_unit}
        return known.get(name.partition("[")[0], "field")

    def _derived_meaning(self, name: str) -> str:
        if name == "a":
            return "compute-optimal N grows as C^a"
        of = f" of the {self.pooling.by} {name.partition('[')[2][:-1]}" if "[" in name else ""
        meant = {"E": "irreducible loss", "alpha": "exponent"}.get(name.partition("[")[0])
        return f"{meant or 'as the field writes it'}{of}, derived"

    def text(self) -> str:
        """What was fitted, the verdict, and what a reader must know."""
        law, runs = self.law, self.runs
        at = ", ".join(
            f"{n} = {format_size(float(natural(n, self.reference[n])))}" for n in law.inputs
        )
        pooled = f"Pooled: {self.pooling}.\n" if self.pooling.active else ""
        head = (
            f"{law.name}: {law.formula or law.expression}\n"
            f"{len(runs)} runs from {runs.source}, {self.noise.name} noise on log loss, "
            f"{self.method}, {self.seconds:.1f} s, seed {self.seed}. "
            f"Contributions are at the reference point {at}.\n"
            f"{pooled}"
            f"Discrepancy: {self.discrepancy.text()}"
        )
        if isinstance(self.discrepancy, Sampled):
            length = float(np.median(self.draws.get("length", np.inf)))
            note = self.discrepancy.note(runs.columns, law.inputs, length)
            head = f"{head} {note}".rstrip()
        return "\n".join((head, self.diagnosis.text(), *runs.warnings))

    def plot(self, kind: str = "band", **options: Any) -> Any:
        """Draw the fit: ``band``, ``posterior``, ``pairs``, ``residuals`` or ``prior``.

        Returns
        -------
        matplotlib.figure.Figure
        """
        return import_module("bayescale.plots").plot(self, kind, **options)

    @functools.cached_property
    def tree(self) -> xr.DataTree:
        """All draws and statistics in ArviZ's groups, as an xarray DataTree."""
        return import_module("bayescale.storage").to_tree(self)  # type: ignore[no-any-return]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one netCDF file that :func:`bayescale.load` and ArviZ read.

        The file is written beside its place and moved there when complete.

        Raises
        ------
        FileError
            Where the place cannot be written.
        """
        import_module("bayescale.storage").save(self, path)

    def to_json(self) -> dict[str, Any]:
        """The JSON document that ``bayescale fit --json`` prints."""
        table = self.table()
        numbers = ["mean", "sd", "q05", "q50", "q95", "unit"]
        return {
            "law": self.law.name,
            "noise": self.noise.name,
            "pooling": self.pooling.to_json() if self.pooling.active else None,
            "discrepancy": self.discrepancy.to_json(),
            "n_runs": len(self.runs),
            "fingerprint": self.runs.fingerprint,
            "method": self.method,
            "seed": self.seed,
            "seconds": self.seconds,
            "reference": {
                k: float(natural(k, v) if k in self.law.inputs else v)
                for k, v in self.reference.items()
            },
            "diagnosis": self.diagnosis.to_json(),
            "parameters": {
                str(name): {key: row[key] for key in numbers} for name, row in table.iterrows()
            },
        }

    def __repr__(self) -> str:
        table = self.table()
        names = [n for n in table.index if n not in self.draws or n in self.law.field_names]
        body = [
            f"  {n:8s} {table.loc[n, 'q50']:10.4g}  [{table.loc[n, 'q05']:.4g}, "
            f"{table.loc[n, 'q95']:.4g}]"
            for n in names[:9]
        ]
        verdict = "ok" if self.diagnosis.ok else "see .diagnosis"
        return "\n".join(
            [f"Fit of {self.law.name} to {len(self.runs)} runs ({self.method}; {verdict})", *body]
        )


@functools.cache
def _to_field(term: Any) -> Any:
    return jax.jit(term.to_field)


@functools.cache
def _log_law(term: Any) -> Any:
    return jax.jit(term.log_value)
