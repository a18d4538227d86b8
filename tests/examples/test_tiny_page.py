"""``docs/tiny-subscaling.md`` says what the example prints from the runs that ship."""

from __future__ import annotations

import re

import pytest

NUMBERS = re.compile(r"(\w+\*?) (-?[\d.e+-]+) \((-?[\d.e+-]+) to (-?[\d.e+-]+)\)")


@pytest.fixture(scope="module")
def make(script):
    return script("docs/make_tiny.py")


@pytest.fixture(scope="module")
def page(make):
    return {m[2]: m[3] for m in make.BLOCK.finditer(make.PAGE.read_text(encoding="utf-8"))}


def test_every_question_is_answered(make, page):
    assert {question.__name__ for question in make.example().QUESTIONS} == set(page)
    assert all(page.values())


@pytest.mark.parametrize("name", ["losses_by_text", "seeds", "shape", "critical_batch"])
def test_answers_without_a_fit_are_those_of_the_runs(make, page, name):
    assert make.answer(make.example(), name) == page[name]


def test_answers_of_a_fit_are_found_again(make, page):
    """Another sampling: each median lies in the page's interval, and the verdicts are the same."""
    again, there = make.answer(make.example(), "over_training"), page["over_training"]
    medians, intervals = NUMBERS.findall(again), NUMBERS.findall(there)
    assert [m[0] for m in medians] == [m[0] for m in intervals]
    for (name, middle, *_), (_, _, low, high) in zip(medians, intervals, strict=True):
        assert float(low) < float(middle) < float(high), name
    ends = [[line.split("; ")[-1] for line in text.splitlines()[1:]] for text in (again, there)]
    assert [e.split(" (")[0] for e in ends[0]] == [e.split(" (")[0] for e in ends[1]]
