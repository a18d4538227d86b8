"""``bayescale datasets``: from a cache that holds the files already, so without any network."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

import bayescale as bs
from bayescale.datasets.public import catalogue
from bayescale.runs.read import read_quietly

POINTS = "Model Size,Training FLOP,loss\n" + "".join(
    f"{n}e7,{c}e18,{4 - 0.1 * n - 0.01 * c}\n" for n in (1, 2, 4) for c in (6, 12, 24)
)


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """A cache with one small set in it."""
    place = tmp_path / "cache"
    monkeypatch.setenv("BAYESCALE_CACHE_DIR", str(place))
    entry = catalogue()["chinchilla"]
    (file,) = entry.downloads
    (place / "datasets" / "chinchilla").mkdir(parents=True)
    (place / "datasets" / "chinchilla" / file.file).write_text(POINTS)
    sha256 = hashlib.sha256(POINTS.encode()).hexdigest()
    offered = {"chinchilla": replace(entry, downloads=(replace(file, sha256=sha256),))}
    for module in ("datasets", "datasets.public.download"):
        monkeypatch.setattr(f"bayescale.{module}.catalogue", lambda: offered)


@pytest.mark.parametrize("command", ["list", "fetch"])
def test_help_shows_an_example(command, bayescale):
    done = bayescale("datasets", command, "--help")
    assert done.code == 0 and f"Example: bayescale datasets {command}" in done.out


def test_list_names_every_set(bayescale):
    done = bayescale("datasets", "list")
    assert done.code == 0
    assert all(name in done.out for name in (*catalogue(), *bs.datasets.names()))
    found = json.loads(bayescale("datasets", "list", "--json").out)
    assert [entry["name"] for entry in found["public"]] == list(catalogue())
    assert all(file["sha256"] for entry in found["public"] for file in entry["files"])


def test_fetch_shows_what_is_wrong_and_writes_runs(bayescale, cached):
    done = bayescale("datasets", "fetch", "chinchilla", "--out", "runs.csv")
    assert done.code == 0 and done.new_files == {"runs.csv"}
    for words in ("Known defects: Losses come from a colour map", "Besiroglu", "Licence:"):
        assert words in done.out
    runs = bs.datasets.fetch("chinchilla")
    again = read_quietly("runs.csv")
    assert again.labels == runs.labels and set(again.inputs) == set(runs.inputs)
    assert (again["C"] == runs["C"]).all() and (again["D"] == runs["D"]).all()


def test_fetch_all_rows_as_json(bayescale, cached):
    done = bayescale("datasets", "fetch", "chinchilla", "--all-rows", "--json")
    found = json.loads(done.out)
    assert found["name"] == "chinchilla" and found["cite"]
    assert len(bs.datasets.fetch("chinchilla", all_rows=True)) == 9


def test_bad_input(bayescale, cached):
    bayescale("datasets", "fetch", "chinchila").refused("'chinchila'", "chinchilla")
    bayescale("datasets", "fetch", "chinchilla", "--out", "no/runs.csv").refused("'no'")
