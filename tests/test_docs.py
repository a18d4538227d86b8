"""The pages of docs/: their code runs, and their tables agree with the package."""

from __future__ import annotations

import functools
import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import bayescale as bs
from bayescale.cli.app import app
from bayescale.errors import BayescaleError
from bayescale.fitting import HEAVY, SHARE
from bayescale.forecasting import FAR
from bayescale.inference import diagnosis
from bayescale.inference.nuts import Settings
from bayescale.laws import Parameter
from bayescale.laws.expression import TERMS
from bayescale.laws.term import ROLES
from bayescale.posterior import OUTLIER

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))

pytestmark = pytest.mark.skipif(not PAGES, reason="the pages are not in this copy of the tests")


def script(path: Path) -> ModuleType:
    """A Python file of the repository that is not in a package."""
    spec = importlib.util.spec_from_file_location(f"_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S)


def rows(page: str, first: str) -> Iterator[list[str]]:
    """Cells of the table whose header begins with ``first``."""
    text = (DOCS / page).read_text()
    start = text.index(f"\n| {first} |") + 1
    for line in text[start:].split("\n\n")[0].splitlines()[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


@pytest.fixture
def at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a runs.csv, where a fit is quick."""
    runs = script(DOCS / "make_figures.py").invented_runs()
    runs.table()[["N", "D", "loss"]].to_csv(tmp_path / "runs.csv", index=False)
    monkeypatch.setattr(bs, "fit", functools.partial(bs.fit, method="laplace"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_blocks_run(page: Path, at_work: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "a_page"}
    for block in blocks(page, "python"):
        exec(compile(block, f"{page.name}: {block[:40]!r}", "exec"), namespace)
    if page.stem == "choosing-a-law":
        law = namespace["law"]
        params = {**law_values(), "kappa": 0.5}
        at = {"N": 1e9, "D": 2e10}
        plain = bs.laws.get("chinchilla").loss(at, law_values())
        assert law.loss({**at, "M": 20.0}, params) == pytest.approx(plain)
        data = 2085.43 / 2e10**0.3658
        assert law.loss({**at, "M": 80.0}, params) == pytest.approx(plain + data)


def law_values() -> dict[str, float]:
    return bs.laws.get("chinchilla").preset("besiroglu2024")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_are_understood(page: Path) -> None:
    inline = re.findall(r"`(bayescale [^`]+)`", page.read_text())
    blocked = "".join(blocks(page, "sh")).splitlines()
    for line in (*inline, *blocked):
        words = shlex.split(line)[1:]
        assert words[0] in app, line
        if len(words) == 1:
            continue
        command, bound, _ = app.parse_args(words, print_error=False, exit_on_error=False)
        if words[0] == "datasets":
            assert words[1] in ("list", "fetch"), line
            continue
        assert command.__name__ == words[0]
        law = bound.arguments.get("law") or bound.arguments.get("name")
        if law and law != "NAME":
            bs.laws.get(law)
        for text in bound.arguments.get("prior") or ():
            bs.prior.parse(text)


def test_algebra_in_the_prose() -> None:
    text = (DOCS / "choosing-a-law.md").read_text()
    pieces = re.findall(r"`([a-z_]+\([^`]*\))`", text)
    pieces = [piece for piece in pieces if "..." not in piece]
    assert "power(D)*overtraining(D, strength=0.3333)" in pieces
    for piece in pieces:
        if re.match(r"[a-z_0-9]+", piece)[0] in (*bs.laws.names(), *TERMS):  # type: ignore[index]
            readable(piece)


def readable(piece: str) -> None:
    """Whether a law, a term of its own, or what multiplies or feeds one is read."""
    for law in (piece, f"power(N) * {piece}", f"power({piece})"):
        try:
            bs.laws.get(law)
        except BayescaleError:
            continue
        return
    raise AssertionError(piece)


def test_every_named_law_has_its_place() -> None:
    text = " ".join(cell for row in rows("choosing-a-law.md", "you have") for cell in row)
    for name in ("power", "power_floor", "chinchilla", "kaplan", "kaplan_floor", "skaling"):
        assert f"`{name}`" in text or f"`{name}(" in text
    assert "`subscaling`" in text


def test_the_table_of_all_laws() -> None:
    """Every named law once, with its inputs, its field parameters and its presets."""
    listed = {row[0].strip("`"): row[1:] for row in rows("choosing-a-law.md", "law")}
    assert list(listed) == [bs.laws.get(name).name for name in bs.laws.names()]
    for name, (_, inputs, parameters, presets, _) in listed.items():
        law = bs.laws.get(name)
        assert inputs.split(", ") == list(law.inputs), name
        assert parameters.split(", ") == list(law.field_names), name
        found = [] if presets == "none" else presets.split(", ")
        assert {p.strip("`") for p in found} == set(published(name)), name


def published(name: str) -> list[str]:
    """Presets of a law, for a law of any one input those of N, D and C."""
    stem = name.split("(")[0]
    laws = [bs.laws.get(name)]
    if stem != name:
        laws = [bs.laws.get(stem, symbol) for symbol in ("N", "D", "C")]
    return list(dict.fromkeys(preset for law in laws for preset in law.presets))


def documented(owner: str, name: str) -> Parameter:
    if owner == "noise":
        return {p.name: p for p in bs.noise.get("student_t").parameters}[name]
    return {p.name: p for p in bs.laws.get(owner).parameters}[name]


def test_the_table_of_default_priors() -> None:
    roles = set()
    for _, role, example, prior, interval, _ in rows("priors.md", "quantity"):
        owner, name = example.replace("`", "").split()
        parameter = documented(owner, name)
        assert parameter.prior is not None
        assert parameter.role == role, name
        assert f"`{parameter.prior}`" == prior, name
        ends = parameter.prior.quantile(np.array([0.025, 0.975]), parameter.positive)
        shown = [float(end) for end in interval.split(" to ")]
        np.testing.assert_allclose(shown, ends, rtol=0.05, err_msg=name)
        roles.add(role)
    assert roles == set(ROLES)


def test_the_table_covers_every_named_law() -> None:
    listed = {row[3].strip("`") for row in rows("priors.md", "quantity")}
    listed |= {row[2].strip("`") for row in rows("how-far.md", "parameter")}
    for name in bs.laws.names():
        for parameter in bs.laws.get(name).parameters:
            assert str(parameter.prior) in listed, (name, parameter.name)


def test_the_footing(capsys: pytest.CaptureFixture[str]) -> None:
    script(DOCS.parent / "benchmarks" / "docs" / "measure.py").footing()
    measured = {
        re.split(r"[ (]", line)[0]: [float(n) for n in re.findall(r"[-+]?\d+\.\d+", line)]
        for line in capsys.readouterr().out.splitlines()
    }
    table = list(rows("priors.md", "law"))
    assert {row[0].strip("`") for row in table} == set(measured)
    for law, spread, density, log in table:
        shown = [float(n) for n in re.findall(r"\d+\.\d+", f"{spread} {density} {log}")]
        np.testing.assert_allclose(shown, measured[law.strip("`")], atol=0.03, err_msg=law)


def test_thresholds() -> None:
    said = {row[0].split(",")[0]: row[1] for row in rows("reading-the-verdict.md", "check")}
    settings = Settings()
    numbers = {
        "R-hat": diagnosis.RHAT_LIMIT,
        "bulk and tail effective sample size": diagnosis.ESS_LIMIT,
        "E-BFMI": diagnosis.EBFMI_LIMIT,
        "Pareto k (method `laplace`)": diagnosis.PARETO_LIMIT,
        "effective weights (method `laplace`)": diagnosis.ESS_LIMIT,
        "other maxima (method `laplace`)": diagnosis.ELSEWHERE,
        "contraction": diagnosis.PRIOR_DOMINATED,
        "tree depth": settings.max_tree_depth,
    }
    for check, number in numbers.items():
        assert f"{number:g}" in re.findall(r"[\d.]+", said[check]), check
    text = " ".join((DOCS / "reading-the-verdict.md").read_text().split())
    careful = settings.cautious()
    assert f"acceptance {careful.target_accept:g} in place of {settings.target_accept:g}" in text
    assert f"warm-up of at least {careful.warmup}" in text
    assert f"median nu below {HEAVY:g}" in text
    assert f"n runs lie more than {OUTLIER:g} noise scales off" in text
    assert f"more than {FAR:g} decades, or more than the decades that the runs span" in text
    assert f"those with {SHARE:.0%} start chains".replace("%", " %") in text


MESSAGES = {
    "inference/diagnosis.py": [
        "The chains disagree",
        "No chain visited maxima",
        "Too few independent draws",
        "transitions diverged",
        "The energy fraction E-BFMI",
        "The Laplace approximation misses",
        "The Laplace approximation was drawn at one maximum",
        "prior-dominated",
        "conflicts with the data",
    ],
    "fitting.py": [
        "The posterior has",
        "The noise has heavy tails",
        "noise scales off",
        "The runs that pull most",
        "the prior decides what they leave open",
    ],
    "forecasting.py": [
        "outside the data: ",
        "far outside the data",
        "not converged",
        "the band takes the law to be exact there",
        "the scale of the discrepancy is a guess",
        "the band is conditional on the prior given",
    ],
}


@pytest.mark.parametrize("file", MESSAGES)
def test_messages_are_those_of_the_package(file: str) -> None:
    code = (ROOT / "bayescale" / file).read_text()
    text = " ".join((DOCS / "reading-the-verdict.md").read_text().split())
    for message in MESSAGES[file]:
        assert message in code, message
        assert message.strip() in text, message


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_resolve(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)]+)\)", prose):
        place, _, anchor = target.partition("#")
        found = (DOCS / place).resolve() if place else page
        assert found.is_file(), target
        if anchor:
            assert anchor in anchors(found), target


def test_pages_are_portable() -> None:
    for path in (*PAGES, *DOCS.glob("*.py"), ROOT / "examples" / "user_law.py"):
        text = path.read_text()
        assert not re.search(r"(?<![\w.])/(tmp|work|home|root|usr|opt)/", text), path
        assert "TABLE" not in text, path


def test_pictures_are_small() -> None:
    figures = script(DOCS / "make_figures.py")
    for law in figures.LAWS:
        picture = DOCS / "figures" / f"prior-{law}.png"
        assert picture.is_file()
        assert picture.stat().st_size < 200_000


def test_a_law_of_ones_own(tmp_path: Path) -> None:
    example = script(ROOT / "examples" / "user_law.py")
    law, truth = example.LAW, example.TRUTH
    at = {"N": np.float64(9.0), "D": np.float64(10.0), "B": np.float64(13.0)}
    with_field = law.term.to_field(law.term.from_field(truth, at), at)
    assert {k: float(v) for k, v in with_field.items()} == pytest.approx(truth, rel=1e-5)
    inputs = {"N": 1e9, "D": 2e10, "B": 3e6}
    expected = 1.82 + 482 / 1e9**0.348 + 2085 / (2e10 / 4) ** 0.366
    assert law.loss(inputs, truth) == pytest.approx(expected)

    fit, ahead = example.main("laplace")
    assert fit.diagnosis.ok
    for name, value in truth.items():
        low, high = np.quantile(fit.parameters[name], [0.005, 0.995])
        assert low < value < high, name
    assert ahead.quantile(0.5)[1] > ahead.quantile(0.5)[0]  # the larger batch wastes tokens

    fit.save(tmp_path / "fit.nc")
    again = bs.load(tmp_path / "fit.nc", law=law)
    np.testing.assert_array_equal(again.draws["B_crit"], fit.draws["B_crit"])
    assert bs.laws.get("batch_aware") is law


def test_the_chinchilla_page_shows_its_table() -> None:
    """Every number of its table, and what its prose says of them."""
    import pandas as pd

    page = (DOCS / "comparing-chinchilla.md").read_text()
    table = pd.read_csv(ROOT / "benchmarks" / "evidence" / "chinchilla.csv")
    for row in table.itertuples():
        for value, digits in ((row.log_evidence, 2), (row.elpd_loo, 1), (row.elpd_forward, 1)):
            assert np.isnan(value) or f"{value:.{digits}f}" in page, (row.law, row.noise)
    own = table.set_index(["points", "noise", "law"]).sort_index()
    log_bf, at = own["log_bf"], (240, "student_t")
    assert log_bf[(*at, "chinchilla")] == pytest.approx(-8.3, abs=0.05)
    assert log_bf[(245, "student_t", "chinchilla")] == pytest.approx(-8.5, abs=0.05)
    best = own.groupby(["points", "noise"])["log_evidence"].max().unstack()
    gained = best["student_t"] - best["normal"]
    assert gained[240] == pytest.approx(17.9, abs=0.05)
    assert gained[245] == pytest.approx(209.0, abs=0.1)
    for points in (240, 245):
        assert log_bf[points, "student_t", "kaplan_floor"] < -150
        assert log_bf[points, "student_t", "kaplan"] < -150
    first = ~own.index.get_level_values("law").str.startswith("kaplan")
    inside = own["cover90_forward"][first]
    assert inside.loc[at].between(0.505, 0.675).all()
    assert inside.loc[240, "normal"].dropna().between(0.385, 0.475).all()
    refused = own.index[own["log_evidence"].isna()].tolist()
    assert (*at, "subscaling N and D, rho 1/3") in refused
    assert len(refused) == 5
    # The long run that no chain enters, where there is one, agrees with what is reported.
    apart = (own["reference"] - own["log_evidence"]).dropna().abs()
    assert apart.max() < 0.02
