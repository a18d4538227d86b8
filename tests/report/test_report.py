"""Reports: one page, complete in itself, with every string of the user's escaped."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import bayescale as bs
from bayescale.errors import FileError, LawError
from bayescale.report import Report, Section, Table, build
from bayescale.report.section import tabled
from bayescale.runs.read import read_quietly

NASTY = "<script>alert('x')</script>"
QUICK = {"draws": 200, "warmup": 200, "chains": 2, "progress": False}


def curve() -> bs.Runs:
    x = np.geomspace(1e6, 1e10, 25)
    noise = np.exp(0.003 * np.random.default_rng(1).standard_normal(25))
    names = [f"{NASTY}{i}" for i in range(25)]
    loss = (1.8 + 480 / x**0.35) * noise
    loss[0] *= 1.5  # an outlier, so that its name is told
    return read_quietly({"run": names, "N": x, "loss": loss})


class Tags(HTMLParser):
    """Collects the tags and the addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [v or "" for k, v in attrs if k in ("src", "href")]


@pytest.fixture(scope="module")
def report() -> Report:
    return build(curve(), **QUICK)


def test_the_page_is_complete_in_itself_and_escaped(report):
    page = Tags()
    page.feed(report.html)
    assert "script" not in page.tags and "link" not in page.tags
    assert page.sources and all(s.startswith("data:image/png;base64,") for s in page.sources)
    for source in page.sources:
        assert base64.b64decode(source.partition(",")[2])[:4] == b"\x89PNG"
    assert NASTY not in report.html
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;0" in report.html


def test_what_is_in_it(report):
    assert [s.title for s in report.sections] == ["Runs", "Law: power_floor(N)"]
    text = re.sub(r"\s+", " ", report.html)
    assert "Seed 0." in text and "numpyro" in text
    fit = bs.fit("power_floor(N)", curve(), **QUICK)
    assert f"<td>{fit.table().loc['alpha', 'q50']:.4g}</td>" in text


def test_it_is_saved(report, tmp_path):
    report.save(tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text() == report.html
    with pytest.raises(FileError, match="cannot be written"):
        report.save(tmp_path / "nowhere" / "r.html")


def test_laws_that_suggest_themselves():
    n = np.geomspace(1e7, 1e9, 6)
    with pytest.raises(LawError, match="no law suggests"):
        build(read_quietly({"B": n, "loss": 2 + 1e3 / n}), **QUICK)
    with pytest.raises(LawError, match="no law to report"):
        build(curve(), [], **QUICK)


def test_tables_are_text():
    import pandas as pd

    table = pd.DataFrame({"a": [1.23456, np.nan], "b": [True, NASTY]}, index=["x", "y"])
    assert tabled("t", table).rows == (("x", "1.235", "yes"), ("y", "", NASTY))
    assert "first 1 of 2" in tabled("t", table, most=1).caption
    page = Report(
        NASTY, (Section(NASTY, (NASTY,), (Table(NASTY, (NASTY,), ((NASTY,),)),)),), True, ""
    )
    assert "<script>" not in page.html and page.html.count("&lt;script&gt;") == 7


@pytest.mark.slow
def test_the_report_of_a_joint_table():
    page = build(bs.datasets.load("tiny"), progress=False)
    assert [s.title for s in page.sections] == [
        "Runs", "Comparison of laws", "Law: chinchilla", "Law: skaling",
        "Compute-optimal allocation",
    ]  # fmt: skip
