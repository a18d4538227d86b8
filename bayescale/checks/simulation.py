"""Data sets of which the truth is known: parameters from the priors, losses from the noise.

Calibration holds when the truth is drawn from the very prior that the fit uses. The default priors
of amplitudes and of the floor are in units of the reference loss, which a fit takes from its
losses: such a prior has no truth to draw until the reference is fixed. Here the loss is measured in
units of the reference, which is one; every law and noise model is the same in any unit of the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayescale.discrepancy import Sampled, Seen
from bayescale.errors import LawError
from bayescale.inference.runtime import float64
from bayescale.laws.law import geometric_mean
from bayescale.model import LOSS_SCALE, LOSS_SPAN, Model, log_loss
from bayescale.prior import Gamma, HalfNormal, LogNormal, Normal, Prior, Uniform
from bayescale.runs import Runs
from bayescale.runs.read import read_quietly

__all__ = ["NEAR", "Drawn", "draw", "fixed_priors", "layout"]

TRIES = 2000
"""Data sets drawn for one that is kept, at most."""

NEAR = 0.05
"""Relative distance of a data set's own reference loss from the fixed one, where fits take their
own; and of the log range of its losses, which scales a process, from that of the design."""


@dataclass(frozen=True)
class Drawn:
    """Simulated data sets.

    Parameters
    ----------
    runs : tuple of Runs
    truths : tuple of dict of str to float
        The sampled parameters of each.
    unusable : int
        Data sets drawn again since a loss was not finite and above zero.
    refused : int
        Data sets drawn again since a rule on the data did not accept them.
    """

    runs: tuple[Runs, ...]
    truths: tuple[dict[str, float], ...]
    unusable: int
    refused: int


def layout(design: Runs | Mapping[str, Any], inputs: tuple[str, ...]) -> tuple[Runs, float | None]:
    """The runs to simulate, and the geometric mean of their losses where they have any.

    Raises
    ------
    LawError, RunsError
        Where the design lacks an input of the law.
    """
    if isinstance(design, Runs):
        design.require(inputs)
        return design, geometric_mean(design.loss)
    if not isinstance(design, Mapping):
        raise LawError(
            f"The design is {type(design).__name__}. Give runs, or a mapping of inputs to values."
        )
    columns = {str(name): _column(values) for name, values in design.items()}
    sizes = {name: values.shape for name, values in columns.items()}
    shape = next(iter(sizes.values()), ())
    if len(shape) != 1 or any(size != shape for size in sizes.values()):
        raise LawError(
            f"The inputs of the design have the shapes {sizes}. Give one value a run for each."
        )
    loss = columns.get("loss")
    runs = read_quietly({**columns, "loss": np.ones(shape) if loss is None else loss})
    runs.require(inputs)
    return runs, None if loss is None else geometric_mean(loss)


def _column(values: Any) -> np.ndarray:
    """A column as numbers; text, such as schedules and groups, stays."""
    found = np.asarray(values)
    return found if found.dtype.kind in "OSUT" else found.astype(np.float64)


def fixed_priors(model: Model, reference_loss: float | None) -> dict[str, Prior]:
    """The priors with the reference loss fixed, in units of that loss.

    A relative prior keeps its numbers; an absolute prior of a parameter in units of the loss is
    divided by the reference loss.

    Raises
    ------
    LawError
        Where that needs a reference loss that is not known, or a family that has no scale.
    """
    return {
        p.name: _fixed(p.name, model.priors[p.name], p.unit == "loss", reference_loss)
        for p in model.parameters
    }


def _fixed(name: str, prior: Prior, in_loss: bool, scale: float | None) -> Prior:
    if prior.is_relative:
        return replace(prior, relative=False)  # type: ignore[call-arg]
    if not in_loss:
        return prior
    if scale is None:
        raise LawError(
            f"The prior of {name!r}, {prior}, is in units of the loss, and the design has no "
            "losses to take the reference from. Give the design as runs with losses."
        )
    match prior:
        case Normal(mean, sd):
            return Normal(mean / scale, sd / scale)
        case LogNormal(median, sigma):
            return LogNormal(median / scale, sigma)
        case HalfNormal(own):
            return HalfNormal(own / scale)
        case Uniform(low, high):
            return Uniform(low / scale, high / scale)
        case Gamma(shape, rate, low):
            return Gamma(shape, rate * scale, low / scale)
    raise LawError(
        f"The prior of {name!r}, {prior}, cannot be stated in units of the reference loss. "
        "Make it relative, or choose a normal, log-normal, half-normal, gamma or uniform prior."
    )


def draw(
    model: Model,
    design: Runs,
    n: int,
    seed: int,
    accept: Callable[[Runs], bool] | None,
    near: bool,
) -> Drawn:
    """Draw data sets and their truths.

    What is kept is decided by the data set alone, never by its truth: among the data sets kept, the
    truth is still a draw from the posterior.

    Parameters
    ----------
    model : Model
        With the priors of :func:`fixed_priors`.
    design : Runs
        Inputs; their losses do not count, but for their log range where there is a process. Only
        data sets are kept whose own log range is near it, since a fit takes its own.
    n, seed : int
        Each data set depends on the seed and its number alone, so that more may be added.
    accept : callable, optional
        A rule on the data set; where it is False another is drawn.
    near : bool
        Whether to keep only data sets whose own reference loss is within :data:`NEAR` of one.

    Raises
    ------
    LawError
        Where hardly any data set is kept.
    """
    reference = model.reference(design)
    kept: list[tuple[Runs, dict[str, float]]] = []
    unusable = refused = 0
    for number in range(n):
        rng = np.random.default_rng([seed, number])
        for _ in range(TRIES):
            truth, loss = _one(model, design, reference, rng)
            if not np.all(np.isfinite(loss) & (loss > 0.0)):
                unusable += 1
                continue
            if near and abs(np.log(geometric_mean(loss))) > NEAR:
                refused += 1
                continue
            if isinstance(model.discrepancy, Sampled):
                own = model.discrepancy.span({**design.columns, "loss": loss}, model.law.inputs)
                if abs(np.log(own / reference[LOSS_SPAN])) > NEAR:
                    refused += 1
                    continue
            runs = replace(
                design,
                columns={**design.columns, "loss": loss},
                loss_unit="reference loss",
                source="simulation",
                warnings=(),
            )
            if accept is None or accept(runs):
                kept.append((runs, truth))
                break
            refused += 1
        else:
            raise LawError(
                f"Of {TRIES} data sets drawn from the priors of {model.law.name!r} none could be "
                f"used: {unusable} so far had losses that are not finite and above zero, {refused} "
                "were refused by the rule. Give narrower priors, or another rule."
            )
    runs_of, truths = zip(*kept, strict=True)
    return Drawn(runs_of, truths, unusable, refused)


def _one(
    model: Model, design: Runs, reference: Mapping[str, float], rng: np.random.Generator
) -> tuple[dict[str, float], np.ndarray]:
    with np.errstate(all="ignore"):  # what overflows is counted by the caller
        truth = {
            p.name: float(model.priors[p.name].draws(1, rng, 1.0, p.positive)[0])
            for p in model.parameters
        }
    x = model.inputs_of(design)
    rows = model.noise.rows(design, x, design)
    point = {name: value for name, value in reference.items() if name != LOSS_SCALE}
    with float64(), np.errstate(all="ignore"):
        log_mean = np.asarray(log_loss(model.signature, truth, x, point))
        own = {name: np.asarray(v) for name, v in truth.items()}
        if isinstance(model.discrepancy, Sampled):
            seen = Seen(design.columns, model.law.inputs, reference[LOSS_SPAN])
            residual = model.discrepancy.simulate(rng, seen, own)
        else:
            residual = model.noise.simulate(rng, log_mean, own, rows)
        return truth, np.asarray(np.exp(log_mean + residual), np.float64)
