"""Build a report: the runs, every law's fit, their comparison, allocation, and claims."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from bayescale.allocation import allocate
from bayescale.claiming import claims as hold_claims
from bayescale.claiming.bench import single_input
from bayescale.comparing import compare
from bayescale.errors import FileError, LawError
from bayescale.evidence.ranking import Ranking
from bayescale.fitting import fit
from bayescale.laws.law import Law
from bayescale.noise import Noise
from bayescale.plots import plot
from bayescale.posterior import Fit
from bayescale.report.section import Section, picture, tabled
from bayescale.runs import Runs

__all__ = ["Report", "build"]

JOINT = ("chinchilla", "skaling")
"""Laws of a table of N and D, unless others are asked for."""

AHEAD = (1.0, 10.0, 100.0)
"""Budgets to allocate unless others are asked for: over the largest run's compute."""


@dataclass(frozen=True, eq=False)
class Report:
    """A report.

    Parameters
    ----------
    title : str
    sections : tuple of Section
    ok : bool
        Whether every number in it may be vouched for.
    footer : str
        Versions, seed and time.
    """

    title: str
    sections: tuple[Section, ...]
    ok: bool
    footer: str

    @functools.cached_property
    def html(self) -> str:
        """The page, complete in itself; every string in it is escaped."""
        from jinja2 import Environment

        text = resources.files("bayescale.report").joinpath("template.html").read_text("utf-8")
        verdict = (
            "Every fit in this report converged, and no answer in it is left to a prior."
            if self.ok
            else "Some numbers in this report are not to be vouched for; it is said beside them."
        )
        page: str = (
            Environment(autoescape=True)
            .from_string(text)
            .render(
                title=self.title,
                verdict=verdict,
                ok=self.ok,
                sections=self.sections,
                footer=self.footer,
            )
        )
        return page

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page.

        Raises
        ------
        FileError
            Where the place cannot be written.
        """
        try:
            Path(path).expanduser().write_text(self.html, encoding="utf-8")
        except OSError as error:
            raise FileError(
                f"The report cannot be written to {str(path)!r} ({error.strerror or error}). "
                "Choose a file in a folder that exists and can be written."
            ) from None

    def __repr__(self) -> str:
        verdict = "ok" if self.ok else "not to be vouched for throughout"
        parts = ", ".join(section.title for section in self.sections)
        return f"Report: {self.title} ({verdict}): {parts}"


def build(
    runs: Runs,
    laws: Sequence[str | Law] | None = None,
    *,
    flops: Any = None,
    claims: bool = False,
    noise: str | Noise = "student_t",
    seed: int = 0,
    draws: int = 1000,
    warmup: int = 300,
    chains: int = 4,
    progress: bool = True,
) -> Report:
    """Put all that is known of a table of runs into one page.

    Parameters
    ----------
    runs : Runs
    laws : sequence of str or Law, optional
        Laws to fit; several are compared. Chinchilla and skaling where the runs have N and D, else
        a power law with a floor in the one input that varies.
    flops : float or sequence, optional
        Budgets to allocate; once, ten and a hundred times the largest run's compute unless given.
    claims : bool
        Whether published claims are held to the runs, which takes a few fits more.
    noise, seed, draws, warmup, chains, progress
        As for :func:`bayescale.fit`.

    Returns
    -------
    Report

    Raises
    ------
    LawError
        Where no law is given, and the runs have neither N and D nor one input that varies.
    """
    chosen = list(laws) if laws is not None else _default_laws(runs)
    if not chosen:
        raise LawError("There is no law to report on. Give one, or several.")
    options: dict[str, Any] = {"seed": seed, "draws": draws, "warmup": warmup, "chains": chains}
    ranking: Ranking | None = None
    if len(chosen) > 1:
        ranking = compare(chosen, runs, noise=noise, progress=progress, **options)
        fits = [law.fit for law in ranking.laws]
    else:
        fits = [fit(chosen[0], runs, noise=noise, progress=progress, **options)]
    sections = [_of_runs(runs)]
    ok = all(one.diagnosis.ok for one in fits)
    if ranking is not None:
        sections.append(_of_ranking(ranking))
        ok &= ranking.ok
    sections += [_of_fit(one) for one in fits]
    best: Fit | Ranking = ranking if ranking is not None and ranking.ok else fits[0]
    if _trades(fits):
        section, vouched = _of_allocation(best, runs, flops)
        sections.append(section)
        ok &= vouched
    if claims:
        held = hold_claims(runs, noise=noise, progress=progress, **options)
        figures = (picture("Log odds of each claim that was tested.", held.plot()),)
        sections.append(
            Section("Published claims", (held.text(),), (), figures if held.tested else ())
        )
        ok &= held.ok
    versions = ", ".join(f"{name} {number}" for name, number in fits[0].versions.items())
    made = datetime.now(UTC).isoformat(timespec="seconds")
    footer = f"Made {made}. Seed {seed}. {versions}. Runs {runs.fingerprint}."
    return Report(f"Scaling laws of {runs.source}", tuple(sections), bool(ok), footer)


def _default_laws(runs: Runs) -> list[str]:
    if {"N", "D"} <= set(runs.columns) and single_input(runs) is None:
        return list(JOINT)
    found = single_input(runs)
    if found is None:
        raise LawError(
            "The runs have neither N and D nor one input that varies, so that no law suggests "
            "itself. Name one, e.g. power_floor(D)."
        )
    return [f"power_floor({found})"]


def _trades(fits: Sequence[Fit]) -> bool:
    return all({"N", "D"} <= set(one.law.inputs) for one in fits)


def _of_runs(runs: Runs) -> Section:
    numbers = runs.table().select_dtypes("number")
    spans = numbers.describe().T[["min", "50%", "max"]].rename_axis("column")
    head = f"{len(runs)} runs from {runs.source}; loss in {runs.loss_unit}, N counts {runs.count}."
    return Section("Runs", (head, *runs.warnings), (tabled("Ranges of the columns", spans),))


def _of_ranking(ranking: Ranking) -> Section:
    return Section(
        "Comparison of laws",
        (ranking.text(),),
        (tabled("Evidence and scores", ranking.table()),),
        (picture("Every law's distance to the best.", ranking.plot()),),
    )


def _of_fit(one: Fit) -> Section:
    pictures = {
        "band": "The runs and the law, with bands of a new run.",
        "residuals": "Residuals in noise scales.",
        "posterior": "Marginal posteriors with their priors.",
    }
    figures = tuple(picture(caption, plot(one, kind)) for kind, caption in pictures.items())
    return Section(
        f"Law: {one.law.name}", (one.text(),), (tabled("Parameters", one.table()),), figures
    )


def _of_allocation(best: Fit | Ranking, runs: Runs, flops: Any) -> tuple[Section, bool]:
    if flops is None:
        flops = [factor * float((6.0 * runs["N"] * runs["D"]).max()) for factor in AHEAD]
    found = allocate(best, flops)
    figures = (
        picture("Compute-optimal sizes, with the runs.", found.plot()),
        picture("Loss over sizes at fixed compute.", plot(best, "isoflop")),
    )
    table = found.readable()
    section = Section(
        "Compute-optimal allocation", (found.text(),), (tabled("Medians [90 %]", table),), figures
    )
    return section, bool(np.all(found.trustworthy))
