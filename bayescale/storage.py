"""Saved fits: one netCDF file of ArviZ's groups, the declaration as JSON; never pickle."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale import discrepancy as discrepancy_library
from bayescale import laws as law_library
from bayescale import noise as noise_library
from bayescale import pooling as pooling_library
from bayescale import prior as prior_library
from bayescale.errors import BayescaleError, FileError, LawError
from bayescale.inference.diagnosis import Diagnosis
from bayescale.laws.law import Law
from bayescale.model import LOSS_SCALE, Model
from bayescale.pooling import COMPLETE
from bayescale.posterior import Fit, Optimum
from bayescale.runs import Runs
from bayescale.runs.schedule import COLUMN

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["load", "save", "to_tree"]

FORMAT = 1
PRIOR_DRAWS = 1000
WORTH_PACKING = 1_000_000
"""Numbers above which an array is not compressed: a fifth smaller, and many times slower."""

ATTRIBUTE = "bayescale"

UNDECLARED = {"name": "none", "why": "the fit was saved by a version that had none"}
"""The discrepancy of a fit that declares none."""


def to_tree(fit: Fit) -> xr.DataTree:
    """All groups of a fit: posterior, sample_stats, log_prior, log_likelihood,
    posterior_predictive, prior, prior_predictive, observed_data, constant_data.

    ``posterior`` holds the sampled parameters and the field's; ``log_prior`` the log density of
    each sampled parameter, as :func:`arviz.psense_summary` wants it. A large table, of which the
    log likelihood of each run was not kept, has none of the groups by draw and run: its
    ``log_likelihood_sum`` is that of all runs.
    """  # noqa: D205
    import xarray as xr

    chain_draw = ("chain", "draw")
    per_run = ("chain", "draw", "run")
    labels = np.asarray(fit.runs.labels, dtype=str)

    def dataset(values: Mapping[str, Any], dims: tuple[str, ...], run: bool) -> xr.Dataset:
        data = xr.Dataset({name: (dims, np.asarray(v)) for name, v in values.items()})
        return data.assign_coords(run=labels) if run else data

    rng = np.random.default_rng(fit.seed)
    prior = _prior_draws(fit, rng)
    groups = {
        "posterior": dataset(_named(fit.parameters), chain_draw, False),
        "log_prior": dataset(fit.log_prior, chain_draw, False),
        "prior": dataset(_named(prior.parameters), chain_draw, False),
        "observed_data": dataset({"loss": fit.runs.loss}, ("run",), True),
        "constant_data": dataset(_columns(fit.runs), ("run",), True),
    }
    if fit.pointwise is None:
        total = {"loss": fit.log_likelihood_sum}
        groups["log_likelihood_sum"] = dataset(total, chain_draw, False)
    else:
        groups |= {
            "log_likelihood": dataset({"loss": fit.pointwise}, per_run, True),
            "posterior_predictive": dataset({"loss": _predict(fit, rng)}, per_run, True),
            "prior_predictive": dataset({"loss": _predict(prior, rng)}, per_run, True),
        }
    if fit.sample_stats:
        groups["sample_stats"] = dataset(fit.sample_stats, chain_draw, False)
    tree = xr.DataTree.from_dict(groups)
    tree.attrs[ATTRIBUTE] = json.dumps(_declaration(fit), allow_nan=False)
    return tree


def _named(parameters: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Parameters under names that netCDF can hold: a group may be called by a path."""
    return {name.replace("/", "|"): values for name, values in parameters.items()}


def _columns(runs: Runs) -> dict[str, np.ndarray]:
    """Columns as arrays that netCDF holds; of schedules, the place of each among those there are.

    Text of one width for all rows would hold a long schedule once for every row of its run.
    """
    places = {text: place for place, text in enumerate(_schedules(runs))}
    columns: dict[str, np.ndarray] = {}
    for name, values in runs.columns.items():
        if name == COLUMN:
            columns[name] = np.array([places[str(text)] for text in values], dtype=np.int64)
        elif name != "run":
            columns[name] = values.astype(str) if values.dtype.kind not in "fiub" else values
    return columns


def _schedules(runs: Runs) -> list[str]:
    """The different schedules of the runs, in order of appearance."""
    return list(dict.fromkeys(map(str, runs.columns.get(COLUMN, ()))))


def _stored(name: str, values: np.ndarray, schedules: list[str]) -> np.ndarray:
    """A column as the runs have it: the inverse of :func:`_columns`."""
    return np.array(schedules, dtype=object)[values] if name == COLUMN else values


def _prior_draws(fit: Fit, rng: np.random.Generator) -> Fit:
    from dataclasses import replace

    scale = fit.reference[LOSS_SCALE]
    draws = {
        p.name: fit.model.priors[p.name].draws(PRIOR_DRAWS, rng, scale, p.positive)[None, :]
        for p in fit.model.parameters
    }
    return replace(fit, draws=draws)


def _predict(fit: Fit, rng: np.random.Generator) -> np.ndarray:
    """Replicated losses of the runs, one for each draw."""
    log_mean = fit.log_law(fit.inputs_of(fit.runs))
    if fit.discrepancy.kernel is not None:
        at = fit.inputs_of(fit.runs)
        mean, sd = (v.reshape(log_mean.shape) for v in fit.leaves(at, fit.discrepancy))
        log_mean = log_mean + mean + sd * rng.standard_normal(log_mean.shape)
    residual = fit.noise.simulate(rng, log_mean, fit.noise_draws(), fit.noise_rows)
    return np.asarray(np.exp(log_mean + residual))


def _declaration(fit: Fit) -> dict[str, Any]:
    """Everything that is not an array, JSON-ready."""
    diagnosis = fit.diagnosis.to_json()
    diagnosis.pop("ok")
    return {
        "format": FORMAT,
        "law": {"name": fit.law.name, "expression": fit.law.expression},
        "noise": fit.noise.to_json(),
        **({"pooling": fit.pooling.to_json()} if fit.pooling.active else {}),
        "discrepancy": fit.discrepancy.to_json(),
        "priors": {name: prior.to_json() for name, prior in fit.model.priors.items()},
        "reference": dict(fit.reference),
        "runs": {
            "mapping": dict(fit.runs.mapping),
            "loss_unit": fit.runs.loss_unit,
            "count": fit.runs.count,
            "source": fit.runs.source,
            "fingerprint": fit.runs.fingerprint,
            "order": list(_columns(fit.runs)),
            **({"schedules": _schedules(fit.runs)} if COLUMN in fit.runs.columns else {}),
        },
        "diagnosis": diagnosis,
        "optima": [
            {"values": dict(o.values), "log_posterior": o.log_posterior, "weight": o.weight}
            for o in fit.optima
        ],
        "method": fit.method,
        "seed": fit.seed,
        "seconds": fit.seconds,
        "versions": dict(fit.versions),
        "sampled": list(fit.draws),
    }


def save(fit: Fit, path: str | os.PathLike[str]) -> None:
    """Write a fit; see :meth:`Fit.save`."""
    target = Path(path).expanduser()
    encoding = {
        group.path: {
            name: {"zlib": v.size <= WORTH_PACKING, "complevel": 1}
            for name, v in group.data_vars.items()
            if v.dtype.kind in "fiu"
        }
        for group in fit.tree.subtree
    }
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".bayescale-") as folder:
            temporary = Path(folder) / "fit.nc"
            fit.tree.to_netcdf(temporary, encoding=encoding)
            os.replace(temporary, target)
    except OSError as error:
        raise FileError(
            f"The fit cannot be written to {str(target)!r} ({error.strerror or error}). "
            "Choose a folder that exists and can be written, or free space."
        ) from None


def load(path: str | os.PathLike[str], *, law: Law | None = None) -> Fit:
    """Read a saved fit. Nothing in the file is executed.

    Parameters
    ----------
    path : path
        A file that :meth:`Fit.save` wrote.
    law : Law, optional
        The law, where the fit is of a law that was written in Python and is not registered.

    Raises
    ------
    FileError
        Where the file is not there, is not a saved fit, or is damaged.
    LawError
        Where the file's law is not known here.
    """
    import xarray as xr

    source = Path(path).expanduser()
    if not source.is_file():
        raise FileError(f"The fit {str(source)!r} is not there. Check the path.")
    refusal = f"The file {str(source)!r} is not a saved fit of bayescale"
    try:
        with xr.open_datatree(source, engine="netcdf4") as opened:
            tree = opened.load()
    except (OSError, ValueError, RuntimeError) as error:
        raise FileError(f"{refusal} ({error}). Give a file written by fit.save.") from None
    try:
        declared = json.loads(tree.attrs[ATTRIBUTE])
        if declared["format"] != FORMAT:
            raise FileError(
                f"The fit {str(source)!r} has format {declared['format']}, this version reads "
                f"{FORMAT}. Fit again, or use the version of bayescale that wrote it."
            )
        return _rebuild(tree, declared, law)
    except BayescaleError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise FileError(
            f"{refusal}, or it is damaged ({error!r}). Give a file written by fit.save."
        ) from None


def _rebuild(tree: xr.DataTree, declared: dict[str, Any], law: Law | None) -> Fit:
    law = law or _known_law(declared["law"])
    if law.expression != declared["law"]["expression"]:
        raise LawError(
            f"The fit is of {declared['law']['expression']!r}, but the law {law.name!r} here is "
            f"{law.expression!r}. Give the law that was fitted."
        )
    noise = noise_library.from_json(declared["noise"])
    priors = {name: prior_library.from_json(p) for name, p in declared["priors"].items()}
    beyond = discrepancy_library.from_json(declared.get("discrepancy", UNDECLARED))
    pooling = COMPLETE
    if "pooling" in declared:
        pooling = pooling_library.from_json(declared["pooling"]).of(law)
    others = {p.name for p in (*noise.parameters, *pooling.added, *beyond.parameters)}
    law = law.with_priors(**{n: p for n, p in priors.items() if n not in others})
    own = tuple((n, p) for n, p in priors.items() if n in others)
    model = Model(law, noise, own, beyond, pooling)

    constant = tree["constant_data"]
    runs = Runs(
        columns={
            name: _stored(name, constant[name].to_numpy(), declared["runs"].get("schedules", []))
            for name in declared["runs"]["order"]
        },
        mapping=declared["runs"]["mapping"],
        labels=tuple(str(v) for v in constant["run"].to_numpy()),
        loss_unit=declared["runs"]["loss_unit"],
        count=declared["runs"]["count"],
        source=declared["runs"]["source"],
    ).cautioned()
    if runs.fingerprint != declared["runs"]["fingerprint"]:
        raise FileError(
            "The runs in the file do not match their fingerprint: the file was changed. "
            "Fit again from the runs."
        )
    diagnosis = dict(declared["diagnosis"])
    for key in ("prior_dominated", "prior_conflict", "messages"):
        diagnosis[key] = tuple(diagnosis[key])
    diagnosis = {k: math.nan if v is None else v for k, v in diagnosis.items()}
    if "log_likelihood" in tree.children:
        pointwise = tree["log_likelihood"]["loss"].to_numpy()
        total = pointwise.sum(axis=-1)
    else:
        pointwise, total = None, tree["log_likelihood_sum"]["loss"].to_numpy()
    stats = tree["sample_stats"].data_vars if "sample_stats" in tree.children else {}
    return Fit(
        model=model,
        runs=runs,
        reference=declared["reference"],
        draws={str(n): tree["posterior"][str(n)].to_numpy() for n in declared["sampled"]},
        log_prior={str(n): v.to_numpy() for n, v in tree["log_prior"].data_vars.items()},
        log_likelihood_sum=total,
        pointwise=pointwise,
        sample_stats={str(name): v.to_numpy() for name, v in stats.items()},
        diagnosis=Diagnosis(**diagnosis),
        optima=tuple(Optimum(**o) for o in declared["optima"]),
        method=declared["method"],
        seed=declared["seed"],
        seconds=declared["seconds"],
        versions=declared["versions"],
    )


def _known_law(declared: dict[str, str]) -> Law:
    name, expression = declared["name"], declared["expression"]
    try:
        return law_library.get(name)
    except ValueError:
        pass
    try:
        return law_library.parse(expression, name)
    except ValueError:
        raise LawError(
            f"The fit is of the law {name!r}, which is not known here. Import the module that "
            "registers it, or pass it: bs.load(path, law=my_law)."
        ) from None
