"""``docs/tiny-subscaling.md`` says what the example prints from the runs that ship."""

from __future__ import annotations

import re

import pytest

#: ``alpha 0.34 (0.30 to 0.38)``: the name, the median, the ends of the interval.
INTERVAL = re.compile(r"(\w+\*?):? (-?[\d.e+-]+) \((-?[\d.e+-]+) to (-?[\d.e+-]+)\)")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?")


@pytest.fixture(scope="module")
def make(script):
    return script("docs/make_tiny.py")


@pytest.fixture(scope="module")
def page(make):
    return {m[2]: m[3] for m in make.BLOCK.finditer(make.PAGE.read_text(encoding="utf-8"))}


def test_every_question_is_answered(make, page):
    assert {question.__name__ for question in make.example().QUESTIONS} == set(page)
    assert all(page.values())


def same(again: str, there: str) -> None:
    """Say the same words; each number within 2 %, as another processor may round it."""
    assert NUMBER.split(again) == NUMBER.split(there)
    numbers = [[float(n) for n in NUMBER.findall(text)] for text in (again, there)]
    assert numbers[0] == pytest.approx(numbers[1], rel=0.02)


def found_again(again: str, there: str) -> None:
    """Another sampling: each median lies in the page's interval."""
    medians, intervals = INTERVAL.findall(again), INTERVAL.findall(there)
    assert medians
    assert [m[0] for m in medians] == [m[0] for m in intervals]
    for (name, middle, *_), (_, _, low, high) in zip(medians, intervals, strict=True):
        assert float(low) < float(middle) < float(high), name


@pytest.mark.parametrize("name", ["losses_by_text", "seeds", "shape"])
def test_answers_without_a_fit_are_those_of_the_runs(make, page, name):
    same(make.answer(make.example(), name), page[name])


def test_critical_batches_are_those_of_the_curves_and_their_law_is_found_again(make, page):
    again, there = make.answer(make.example(), "critical_batch"), page["critical_batch"]
    (table, law), (known, published) = (text.strip().rsplit("\n", 1) for text in (again, there))
    same(" ".join(table.split()), " ".join(known.split()))
    found_again(law, published)
    assert law.split("; ", 1)[1] == published.split("; ", 1)[1]


def test_answers_of_a_fit_are_found_again(make, page):
    """The verdicts are the same, too."""
    again, there = make.answer(make.example(), "over_training"), page["over_training"]
    found_again(again, there)
    ends = [[line.split("; ")[-1] for line in text.splitlines()[1:]] for text in (again, there)]
    assert [e.split(" (")[0] for e in ends[0]] == [e.split(" (")[0] for e in ends[1]]
