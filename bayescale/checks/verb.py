"""The verb ``sbc``: simulation-based calibration of a law at a design."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bayescale.checks.calibration import Calibration
from bayescale.checks.ranks import beyond, quantities, ranks
from bayescale.checks.simulation import draw, fixed_priors, layout
from bayescale.discrepancy import Discrepancy
from bayescale.errors import BayescaleWarning, LawError
from bayescale.fitting import build_model
from bayescale.inference.progress import Progress
from bayescale.laws.law import Law
from bayescale.many import Task, fit_many
from bayescale.noise import Noise
from bayescale.prior import Prior
from bayescale.runs import Runs

__all__ = ["sbc"]

N_DRAWS = 255
"""Draws of each posterior among which a truth is ranked: few enough to be nearly independent, and
a rank is finer than any band for fewer than ten thousand data sets."""

FEWEST = 20
"""Data sets below which the bands tell next to nothing."""

REFERENCES = ("fixed", "data")


def sbc(
    law: str | Law,
    design: Runs | Mapping[str, Any],
    n: int = 100,
    *,
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | None = None,
    discrepancy: str | Discrepancy | None = None,
    reference: str = "fixed",
    accept: Callable[[Runs], bool] | None = None,
    level: float = 0.05,
    method: str = "quick",
    seed: int = 0,
    draws: int = 1000,
    warmup: int = 300,
    chains: int = 4,
    folder: str | os.PathLike[str] | None = None,
    executor: Any = None,
    workers: int | None = None,
    progress: bool | Progress = True,
) -> Calibration:
    """Check by simulation that what the inference calls a posterior is one.

    Simulation-based calibration: parameters are drawn from the priors, losses from the law and the
    noise at the design's inputs, the law is fitted to them, and the truth is ranked among the draws
    [1]_. If the draws come from the posterior, the ranks of every quantity are uniform. Ranked are
    all sampled parameters, the law's loss at ten times the compute, and the log likelihood [2]_.

    Default priors are in units of the reference loss, which a fit takes from its losses, so that
    the prior itself looks at the data. Calibration is defined where it does not: with
    ``reference="fixed"`` truths and fits both use a reference loss fixed beforehand, and the check
    is exact. With ``reference="data"`` fits take their own reference, as :func:`bayescale.fit`
    does, and only data sets whose own reference is within 5 % of the fixed one are kept: the check
    is of the fit as it is used, exact but for these 5 %. The reference of the inputs is part of the
    design in either case.

    Parameters
    ----------
    law : str or Law
    design : Runs or mapping of str to array, shape (run,)
        The inputs. Losses of runs serve as unit for absolute priors of parameters in units of the
        loss, and for nothing else.
    n : int, default 100
        Number of data sets, at least 20. A study of more goes on from one of fewer.
    noise, priors, discrepancy
        As for :func:`bayescale.fit`. A process is simulated, and its parameters are ranked. Its
        scale is in units of the log range of the losses, which a fit takes from its losses: the
        truth is drawn with that of the design's losses, and only data sets whose own is within
        5 % of it are kept.
    reference : {"fixed", "data"}
        See above.
    accept : callable, optional
        ``accept(runs)`` says whether a simulated data set is kept; another is drawn where not. A
        rule on the data alone leaves calibration exact, on the data sets kept.
    level : float, default 0.05
        Probability that a right posterior fails, over all quantities together.
    method, draws, warmup, chains, seed, folder, executor, workers, progress
        As for :func:`bayescale.fit_many`; with a folder the study resumes.

    Returns
    -------
    Calibration
        Its verdict is on every fit that was made; what the verdict is without those that did not
        converge, and with the failed ones at either end, is said beside it.

    Raises
    ------
    BayescaleError
        Where the settings, the priors or the design cannot be used.

    Warns
    -----
    BayescaleWarning
        Where fits failed.

    References
    ----------
    .. [1] Talts, Betancourt, Simpson, Vehtari and Gelman 2018, arXiv 1804.06788.
    .. [2] Modrák, Moon, Kim, Bürkner, Huurre, Faltejsková, Gelman and Vehtari 2023,
       "Simulation-based calibration checking for Bayesian computation: the choice of test
       quantities shapes sensitivity", Bayesian Analysis.

    Examples
    --------
    >>> import bayescale as bs
    >>> found = bs.checks.sbc("chinchilla", bs.datasets.load("tiny"), 100)  # doctest: +SKIP
    >>> found.table(), found.plot()  # doctest: +SKIP
    """
    _check(n, reference, level, draws * chains)
    started = time.perf_counter()
    model = build_model(law, noise, priors, discrepancy)
    runs, loss = layout(design, (*model.law.inputs, *model.law.paths))
    if model.discrepancy.kernel is not None and (loss is None or "loss_se" in runs.columns):
        raise LawError(
            f"The scale of the discrepancy {model.discrepancy.name!r} is in units of the log range "
            "of the losses, and the design has no losses, or errors of their measurement "
            "(loss_se), which are not simulated. Give a design with losses and without loss_se."
        )
    fixed = fixed_priors(model, loss)
    truth_model = build_model(law, noise, fixed, discrepancy)
    drawn = draw(truth_model, runs, n, seed, accept, near=reference == "data")
    used = fixed
    if reference == "data":
        used = {name: p if p.is_relative else fixed[name] for name, p in model.priors.items()}
    ahead = beyond(runs, model.law)
    tasks = {
        str(i): Task(
            model.law,
            simulated,
            noise=model.noise,
            priors=used,
            discrepancy=discrepancy,
            given={"truth": truth, "ahead": ahead, "n_draws": N_DRAWS},
        )
        for i, (simulated, truth) in enumerate(zip(drawn.runs, drawn.truths, strict=True))
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=BayescaleWarning)  # told below, once
        many = fit_many(
            tasks,
            method=method,
            seed=seed,
            draws=draws,
            warmup=warmup,
            chains=chains,
            reduce=ranks,
            folder=folder,
            executor=executor,
            workers=workers,
            progress=progress,
        )
    if many.troubles:
        warnings.warn("\n".join(many.troubles), BayescaleWarning, stacklevel=2)
    if len(many) < FEWEST:
        raise LawError(
            f"Only {len(many)} of {n} fits were made, too few to judge. "
            + (many.troubles[0] if many.troubles else "")
        )
    return _result(
        many,
        law=model.law.name,
        noise=model.noise.name,
        n_runs=len(runs),
        n=n,
        reference=reference,
        level=level,
        method=method,
        seed=seed,
        quantities=quantities(model),
        unusable=drawn.unusable,
        refused=drawn.refused,
        seconds=time.perf_counter() - started,
    )


def _result(many: Any, **fields: Any) -> Calibration:
    import pandas as pd

    found = {int(name): value for name, value in many.items()}
    names = list(fields["quantities"])
    table = pd.DataFrame.from_dict(found, orient="index")[names].rename_axis("data set")
    fits = many.table()
    fits.index = fits.index.astype(int).rename("data set")
    return Calibration(
        ranks=table.astype(np.int64),
        n_draws=N_DRAWS,
        fits=fits,
        failures={int(name): failure.message for name, failure in many.failures.items()},
        **fields,
    )


def _check(n: int, reference: str, level: float, total: int) -> None:
    if n < FEWEST:
        raise LawError(f"The number of data sets is {n}. Give at least {FEWEST}.")
    if reference not in REFERENCES:
        raise LawError(
            f"There is no reference {reference!r}. Choose one of: {', '.join(REFERENCES)}."
        )
    if not 0.0 < level < 1.0:
        raise LawError(f"The level is {level:g}. Give a number between 0 and 1, such as 0.05.")
    if total < N_DRAWS:
        raise LawError(f"{total} draws a fit are too few. Give at least {N_DRAWS}.")
