"""Saved fits: the same numbers come back, ArviZ reads them, and nothing in them is executed."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import bayescale as bs
from bayescale.errors import BayescaleError, FileError, LawError
from bayescale.laws import registry
from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law
from bayescale.laws.power import Power
from bayescale.runs.read import read_quietly

ATTRIBUTE = "bayescale"


def grid(seed: int = 5) -> bs.Runs:
    rng = np.random.default_rng(seed)
    n, d = (a.ravel() for a in np.meshgrid([1e7, 4e7, 1.6e8, 6.4e8], [5e8, 2e9, 8e9, 3.2e10]))
    loss = (1.8 + 480 / n**0.35 + 2000 / d**0.37) * np.exp(0.004 * rng.standard_normal(16))
    names = [f"r{i}" for i in range(16)]
    return read_quietly({"run": names, "family": ["é", "b"] * 8, "N": n, "D": d, "loss": loss})


@pytest.fixture(scope="module")
def fit() -> bs.Fit:
    return bs.fit("chinchilla", grid(), seed=4, priors={"E": bs.prior.Normal(1.7, 0.2)})


@pytest.fixture(scope="module")
def file(fit, tmp_path_factory) -> Path:
    path: Path = tmp_path_factory.mktemp("storage") / "fit.nc"
    fit.save(path)
    return path


def test_a_fit_comes_back_the_same(fit, file):
    again = bs.load(file)
    assert again.table().equals(fit.table())
    assert again.text() == fit.text() and repr(again) == repr(fit)
    assert again.to_json() == fit.to_json()
    assert again.model.priors == fit.model.priors
    assert again.diagnosis.to_json() == fit.diagnosis.to_json()
    assert again.optima == fit.optima
    assert again.runs.fingerprint == fit.runs.fingerprint and again.runs.labels == fit.runs.labels
    assert again.runs.warnings == fit.runs.warnings
    assert again.influence().equals(fit.influence())
    points = {"N": [1e9, 70e9], "D": [2e10, 1.4e12]}
    assert bs.forecast(again, points).table().equals(bs.forecast(fit, points).table())


def test_the_tree_comes_back_the_same(fit, file):
    again = bs.load(file)
    for name, group in fit.tree.children.items():
        assert group.to_dataset().equals(again.tree[name].to_dataset()), name
    assert json.loads(again.tree.attrs[ATTRIBUTE]) == json.loads(fit.tree.attrs[ATTRIBUTE])


def test_arviz_reads_the_file_and_the_tree(fit, file):
    import arviz as az

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = az.from_netcdf(file)
        assert {"posterior", "sample_stats", "log_likelihood", "log_prior"} <= set(opened.children)
        loo = az.loo(fit.tree, pointwise=True)
        assert loo.n_data_points == 16 and np.isfinite(loo.elpd)
        sense = az.psense_summary(fit.tree)
        assert {"E", "alpha", "beta"} <= set(sense.index)
        az.plot_forest(fit.tree, var_names=["E", "alpha"])
        summary = az.summary(fit.tree, var_names=["alpha"], round_to="none")
    assert float(summary.loc["alpha", "mean"]) == pytest.approx(fit.draws["alpha"].mean())

    import matplotlib.pyplot as plt

    plt.close("all")


def test_loo_agrees_with_a_plain_computation(fit):
    """The harmonic mean of the likelihoods, where no run pulls hard."""
    import arviz as az
    from scipy import special

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loo = az.loo(fit.tree, pointwise=True)
    flat = fit.log_likelihood.reshape(-1, 16)
    plain = np.log(len(flat)) - special.logsumexp(-flat, axis=0)
    easy = np.asarray(loo.pareto_k) < 0.4
    assert easy.sum() > 4
    assert np.allclose(np.asarray(loo.elpd_i)[easy], plain[easy], atol=0.1)


# --- nothing half-written -------------------------------------------------------------------


def test_saving_over_a_fit_that_is_loaded(fit, file):
    again = bs.load(file)
    again.save(file)
    assert bs.load(file).table().equals(fit.table())
    assert os.listdir(file.parent) == ["fit.nc"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_trouble_while_saving(error, fit, tmp_path, monkeypatch):
    def trouble(*_: object) -> None:
        raise error

    (tmp_path / "fit.nc").write_text("the old one")
    monkeypatch.setattr(os, "replace", trouble)
    with pytest.raises(FileError if isinstance(error, OSError) else KeyboardInterrupt):
        fit.save(tmp_path / "fit.nc")
    assert os.listdir(tmp_path) == ["fit.nc"]
    assert (tmp_path / "fit.nc").read_text() == "the old one"


def test_places_that_cannot_be_written(fit, tmp_path):
    for place in (tmp_path, tmp_path / "no" / "fit.nc"):
        with pytest.raises(FileError, match="cannot be written"):
            fit.save(place)
    assert os.listdir(tmp_path) == []


# --- files of others ------------------------------------------------------------------------


def test_files_that_are_not_fits(tmp_path, file):
    whole = file.read_bytes()
    cases = {
        "absent.nc": None,
        "empty.nc": b"",
        "text.nc": b"N,D\n1,2\n",
        "pickle.nc": b"\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94",
        "half.nc": whole[: len(whole) // 2],
        "short.nc": whole[:-5000],
    }
    for name, content in cases.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(FileError, match=name):
            bs.load(tmp_path / name)


@pytest.fixture
def forged(fit, tmp_path):
    """Write a fit with a changed declaration; the draws are few, so that it is quick."""
    tree = fit.tree.isel(draw=slice(0, 3), missing_dims="ignore").copy(deep=True)
    tree = xr.DataTree.from_dict({k: group.to_dataset() for k, group in tree.children.items()})
    declared = json.loads(fit.tree.attrs[ATTRIBUTE])

    def write(change: Any) -> Path:
        document = json.loads(json.dumps(declared))
        changed = change(document)
        tree.attrs[ATTRIBUTE] = json.dumps(document if changed is None else changed)
        path: Path = tmp_path / "forged.nc"
        tree.to_netcdf(path)
        return path

    return write


def test_the_forger_makes_good_files_too(forged, fit):
    assert bs.load(forged(lambda d: None)).law.name == "chinchilla"


HOSTILE = "__import__('os').mkdir('pwned')"


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["law"].update(name=HOSTILE, expression=HOSTILE),
        lambda d: d["law"].update(expression=HOSTILE),
        lambda d: d["law"].update(name="mine", expression=HOSTILE),
        lambda d: d["law"].update(name="os.system", expression="irreducible.__class__"),
        lambda d: d["noise"].update(name=HOSTILE),
        lambda d: d["noise"].update(name="__class__"),
        lambda d: d["noise"].update(delta=1.0),
        lambda d: d["priors"]["E"].update(family=HOSTILE),
        lambda d: d["priors"]["E"].update(family="__init__"),
        lambda d: d["priors"]["E"].update(mean=HOSTILE),
        lambda d: d["priors"].update({HOSTILE: d["priors"]["E"]}),
        lambda d: d["runs"].update(source=HOSTILE, fingerprint="sha256:0"),
        lambda d: d["diagnosis"].update(surprise=1),
    ],
)
def test_a_hostile_declaration_is_refused(change, forged, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BayescaleError):
        bs.load(forged(change))
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("junk", [None, "junk", [], {}, -1, 3.5, [["a"]]])
def test_junk_in_a_declaration_is_refused_or_harmless(junk, forged):
    """Any key replaced by junk, or left out: a sentence, never another exception."""
    for key in (
        *("format", "law", "noise", "priors", "reference", "runs", "diagnosis", "optima"),
        *("sampled", "versions", "method", "seed", "seconds"),
    ):
        try:
            bs.load(forged(lambda d, key=key: d.update({key: junk})))
        except BayescaleError as error:
            assert str(error).endswith("."), (key, error)
        if junk is None:
            try:
                bs.load(forged(lambda d, key=key: d.pop(key) and None))
            except BayescaleError as error:
                assert str(error).endswith("."), (key, error)
    with pytest.raises(FileError):
        bs.load(forged(lambda d: junk if junk is not None else []))


def test_a_later_format(forged):
    with pytest.raises(FileError, match="format 99"):
        bs.load(forged(lambda d: d.update(format=99)))


def test_changed_runs_are_noticed(fit, tmp_path):
    tree = fit.tree.copy(deep=True)
    tree["constant_data"]["N"][3] = 1e9
    tree.to_netcdf(tmp_path / "changed.nc")
    with pytest.raises(FileError, match="fingerprint"):
        bs.load(tmp_path / "changed.nc")


# --- a user's law ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Renamed(Power):
    """A term of a user's own, which the grammar of expressions does not know."""

    @property
    def expression(self) -> str:
        return f"renamed({self.input})"


def fast(law: Law) -> bs.Fit:
    loss = 2 + np.geomspace(2, 0.3, 12) + 0.01 * np.tile([1, -1, 0], 4)
    runs = read_quietly({"N": np.geomspace(1e6, 1e9, 12), "loss": loss})
    return bs.fit(law, runs, method="laplace", draws=100)


def test_a_registered_law_is_found_again(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_registered", {})
    law = registry.register(Law("mine", Irreducible() + Renamed("N")))
    fit = fast(law)
    fit.save(tmp_path / "fit.nc")
    again = bs.load(tmp_path / "fit.nc")
    assert again.law is not fit.law and again.law.name == "mine"
    assert again.table().equals(fit.table())

    monkeypatch.setattr(registry, "_registered", {})
    with pytest.raises(LawError, match="bs.load"):
        bs.load(tmp_path / "fit.nc")
    assert bs.load(tmp_path / "fit.nc", law=law).table().equals(fit.table())
    with pytest.raises(LawError, match="fitted"):
        bs.load(tmp_path / "fit.nc", law=bs.laws.get("chinchilla"))
