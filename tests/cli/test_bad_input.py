"""Bad input: exit code 2 and one message, or a warning; never a traceback or half a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

CALLS_PYTHON = "__import__('os').mkdir('pwned')"

CELLS = {
    "text in a number column": ((3, 1), "abc", ['"N"', '"abc"', "r3", "line 5"]),
    "NaN": ((3, 1), "nan", ['"N"', "r3", "line 5"]),
    "an empty cell": ((3, 2), "", ['"D"', "is empty", "r3", "line 5"]),
    "zero N": ((3, 1), "0", ['"N"', " 0,", "not positive", "r3", "line 5"]),
    "negative N": ((3, 1), "-1e9", ['"N"', "-1000000000", "r3", "line 5"]),
    "infinite N": ((3, 1), "inf", ['"N"', "inf", "r3", "line 5"]),
    "zero D": ((4, 2), "0", ['"D"', " 0,", "r4", "line 6"]),
    "negative D": ((4, 2), "-3", ['"D"', "-3", "r4", "line 6"]),
    "infinite D": ((4, 2), "-inf", ['"D"', "-inf", "r4", "line 6"]),
    "zero loss": ((15, 3), "0", ['"loss"', " 0,", "r15", "line 17"]),
    "negative loss": ((15, 3), "-2.5", ['"loss"', "-2.5", "r15", "line 17"]),
    "a loss that is text": ((15, 3), "diverged", ['"loss"', '"diverged"', "r15", "line 17"]),
    "an infinite loss": ((0, 3), "inf", ['"loss"', "inf", "r0", "line 2"]),
    "a loss that is NaN": ((0, 3), "NaN", ['"loss"', "r0", "line 2"]),
}


@pytest.mark.parametrize("command", ["fit", "inspect"])
@pytest.mark.parametrize("case", CELLS)
def test_a_cell_that_no_law_can_use(command, case, bayescale, folder, table):
    place, value, words = CELLS[case]
    (folder / "bad.csv").write_text(table({place: value}))
    options = ["--law", "chinchilla", "--out", "fit.nc"] if command == "fit" else []
    bayescale(command, "bad.csv", *options).refused(*words)


TABLES = {
    "an empty file": ("", ["bad.csv", "empty"]),
    "a header alone": ("run,N,D,loss\n", ["bad.csv", "no rows"]),
    "no loss": ("N,D\n1e7,1e9\n2e7,3e9\n", ["loss", "--column loss=NAME"]),
    "no inputs": ("a,loss\nx,3\ny,2\n", ["input", "--column"]),
    "a ragged row": ("N,D,loss\n1e7,1e9,3\n1e7,1e9\n", ["Line 3", "bad.csv"]),
    "the same column twice": ("N,N,D,loss\n1,2,3,4\n", ["N"]),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_table_that_cannot_be_used(case, bayescale, folder):
    text, words = TABLES[case]
    (folder / "bad.csv").write_text(text)
    bayescale("fit", "bad.csv", "--law", "chinchilla", "--out", "fit.nc").refused(*words)


def test_a_column_that_the_law_needs(bayescale, folder):
    (folder / "bad.csv").write_text("N,loss\n1e7,4\n1e8,3\n1e9,2.5\n")
    done = bayescale("fit", "bad.csv", "--law", "chinchilla", "--out", "fit.nc")
    done.refused("no D", "--column D=NAME")


def test_a_file_that_is_not_text(bayescale, folder):
    (folder / "bad.csv").write_bytes(bytes(range(256)) * 10)
    bayescale("fit", "bad.csv", "--law", "chinchilla", "--out", "fit.nc").refused("bad.csv")


@pytest.mark.parametrize("name", ["absent.csv", "no/such/folder.csv"])
def test_a_file_that_is_not_there(name, bayescale):
    bayescale("fit", name, "--law", "chinchilla", "--out", "fit.nc").refused(name)
    bayescale("inspect", name).refused(name)


def test_a_folder_for_a_file(bayescale, folder):
    (folder / "runs.csv").mkdir()
    bayescale("fit", "runs.csv", "--law", "chinchilla", "--out", "fit.nc").refused("runs.csv")


OPTIONS = {
    "an unknown law": (["--law", "chinchila"], ["'chinchila'", "chinchilla"]),
    "a law that calls Python": (["--law", CALLS_PYTHON], ["pwned"]),
    "a law with an attribute": (["--law", "power(N).__class__"], ["__class__"]),
    "half a law": (["--law", "power(N"], ["power(N"]),
    "a law without an input": (["--law", "irreducible"], ["no input"]),
    "an empty law": (["--law", ""], []),
    "a law of an unknown input": (["--law", "power(Q)"], ["'Q'"]),
    "a prior without a name": (["--prior", "normal(1,2)"], ["normal(1,2)"]),
    "a prior of no family": (["--prior", "E=foo(1)"], ["foo"]),
    "a prior that calls Python": (["--prior", f"E=normal({CALLS_PYTHON},1)"], ["pwned"]),
    "a prior of no parameter": (["--prior", "Q=normal(1,2)"], ["'Q'"]),
    "a prior of a derived number": (["--prior", "A=normal(1,2)"], ["'A'", "derived"]),
    "a negative width": (["--prior", "E=normal(1.6,-0.1)"], ["sd=-0.1"]),
    "a prior with too many numbers": (["--prior", "E=normal(1,2,3,4)"], ["normal(mean, sd)"]),
    "a prior below zero": (["--prior", "E=uniform(-1,1)"], ["'E'", "positive"]),
    "half a condition": (["--where", "C <"], ["C <"]),
    "a condition that calls Python": (["--where", CALLS_PYTHON], ["pwned", "a call"]),
    "a condition on no column": (["--where", "foo < 3"], ["foo"]),
    "a condition that nothing meets": (["--where", "C < 1"], ["C < 1"]),
    "a condition that compares text": (["--where", "run < 3"], ["run"]),
    "a mapping without a name": (["--column", "N"], ["N", "--column N=params"]),
    "a mapping to no column": (["--column", "N=zz"], ["zz"]),
    "a mapping of no input": (["--column", "Q=N"], ["Q"]),
    "an unknown noise": (["--noise", "cauchy"], ["cauchy", "student_t"]),
    "a noise that calls Python": (["--noise", CALLS_PYTHON], ["pwned"]),
    "an unknown method": (["--method", "svi"], ["svi", "nuts"]),
    "too few draws": (["--draws", "7"], ["7", "100"]),
    "no draws": (["--draws", "0"], ["0", "100"]),
    "draws that are text": (["--draws", "many"], ["many"]),
    "one chain": (["--chains", "1"], ["1"]),
    "a negative seed": (["--seed", "-1"], ["-1"]),
    "a seed too large": (["--seed", "99999999999"], ["99999999999"]),
    "an unknown count": (["--count", "some"], ["some"]),
    "an empty unit": (["--loss-unit", ""], ["unit"]),
    "an unknown option": (["--bogus", "1"], ["--bogus"]),
    "an option without a value": (["--where"], ["--where"]),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_an_option_that_cannot_be_used(case, bayescale, runs, folder):
    options, words = OPTIONS[case]
    law = [] if "--law" in options else ["--law", "chinchilla"]
    bayescale("fit", runs, *law, "--out", "fit.nc", *options).refused(*words)
    assert not (folder / "pwned").exists()


def test_two_files_of_runs(bayescale, runs):
    bayescale("fit", runs, runs, "--law", "chinchilla").refused()


def test_no_runs_and_no_law(bayescale, runs):
    bayescale("fit", "--law", "chinchilla").refused("RUNS")
    bayescale("fit", runs).refused("--law")


def _places(folder: Path) -> dict[str, list[str]]:
    (folder / "a-file").write_text("")
    (folder / "a-folder").mkdir()
    places = {
        "no/such/folder/out": ["no/such/folder", "not there"],
        "a-folder": ["a-folder", "is a folder"],
        "a-file/out": ["a-file", "not there"],
    }
    if Path("/proc/self").is_dir():
        places["/proc/out"] = ["/proc/out", "cannot be written"]
    return places


def test_an_output_that_cannot_be_written(bayescale, runs, folder, saved):
    for place, words in _places(folder).items():
        bayescale("fit", runs, "--law", "chinchilla", "--out", place).refused(*words)
        point = ("--at", "N=1e9,D=1e10", "--out", place)
        bayescale("forecast", str(saved), *point).refused(*words)
        bayescale("plot", str(saved), "--out", place).refused(*words)


def test_a_refused_output_costs_no_fit(bayescale, runs, monkeypatch):
    monkeypatch.setattr("bayescale.fitting.fit", None)  # to call it would raise
    bayescale("fit", runs, "--law", "chinchilla", "--out", "no/out.nc").refused("no")


@pytest.fixture(scope="session")
def warned() -> dict[str, tuple[str, list[str]]]:
    """Tables that compute, with a warning: the text, and words of the warning."""
    from_three = [f"p{i},{i}e7,{i}e9,{2 + 2 / i + 0.01 * (-1) ** i:.5f}" for i in range(1, 9)]
    constant = [f"c{i},1e8,{i}e9,{3.9 - 0.1 * i:.3f}" for i in range(1, 9)]
    return {
        "N constant": ("\n".join(["run,N,D,loss", *constant]), ["N is the same in all rows"]),
        "D proportional to N": (
            "\n".join(["run,N,D,loss", *from_three]),
            ["D is proportional to N", "cannot be told apart"],
        ),
    }


@pytest.mark.parametrize("case", ["N constant", "D proportional to N"])
def test_inspect_warns_of_a_design(case, bayescale, folder, warned):
    text, words = warned[case]
    (folder / "runs.csv").write_text(text)
    done = bayescale("inspect", "runs.csv", "--json")
    assert done.code == 0
    warnings = " ".join(json.loads(done.out)["warnings"])
    assert all(word in warnings for word in words)
    assert any(word in bayescale("inspect", "runs.csv").out for word in words)


@pytest.mark.parametrize("case", ["N constant", "D proportional to N"])
def test_a_design_that_leaves_the_answer_to_the_prior(case, bayescale, folder, warned):
    """Computed, but not to be vouched for: saved, with warnings, and exit code 3."""
    text, words = warned[case]
    (folder / "runs.csv").write_text(text)
    fast = ("--method", "laplace", "--json", "--out", "fit.nc")
    done = bayescale("fit", "runs.csv", "--law", "chinchilla", *fast)
    assert done.code == 3, done.err
    assert all(word in done.err for word in words)
    document = json.loads(done.out)
    assert document["diagnosis"]["ok"] is False and document["diagnosis"]["messages"]
    assert done.new_files == {"fit.nc"}


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_runs_are_refused(n, bayescale, folder, table):
    (folder / "few.csv").write_text(table(n=n))
    done = bayescale("fit", "few.csv", "--law", "chinchilla", "--out", "fit.nc")
    assert done.code == 2 and "at least 3" in done.err and not done.new_files


@pytest.mark.parametrize("n", [3, 5])
def test_fewer_runs_than_parameters(n, bayescale, folder, table):
    (folder / "few.csv").write_text(table(n=n))
    done = bayescale("fit", "few.csv", "--law", "chinchilla", "--method", "laplace", "--json")
    assert done.code == 3, done.err
    document = json.loads(done.out)
    assert document["n_runs"] == n and document["diagnosis"]["ok"] is False
    assert any("for 7 parameters" in message for message in document["diagnosis"]["messages"])


def test_duplicated_rows_are_warned_about(bayescale, folder, table):
    text = table()
    again = text.splitlines()[-2:]
    (folder / "runs.csv").write_text(text + "\n".join(again) + "\n")
    done = bayescale("inspect", "runs.csv", "--json")
    assert "2 rows repeat another" in " ".join(json.loads(done.out)["warnings"])


def test_a_warning_is_on_standard_error_and_says_it_once(
    bayescale: Callable[..., object], folder, table
):
    (folder / "runs.csv").write_text(table() + table().splitlines()[-1] + "\n")
    done = bayescale("fit", "runs.csv", "--law", "chinchilla", "--method", "laplace", "--json")
    assert done.err.count("warning: ") == 1 and "repeats another" in done.err
    assert json.loads(done.out)["n_runs"] == 17
