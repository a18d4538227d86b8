"""The redundancy score z is taken as it is, through fit, file, forecast and pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bayescale as bs
from bayescale.runs.read import read_quietly

TRUTH = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2000.0, "beta": 0.37, "kappa": 0.1}


@pytest.fixture(scope="module")
def fit() -> bs.Fit:
    rng = np.random.default_rng(5)
    n, d = (
        np.exp(rng.uniform(*np.log([3e7, 3e9]), 60)),
        np.exp(rng.uniform(*np.log([1e9, 3e11]), 60)),
    )
    x = {"N": n, "D": d, "z": np.resize([-1.5, -0.5, 0.0, 0.4, 1.2], 60)}
    loss = bs.laws.get("dense").loss(x, TRUTH) * np.exp(0.004 * rng.standard_normal(60))
    runs = read_quietly({**x, "loss": loss})
    return bs.fit("dense", runs, noise="normal", method="laplace", draws=200, progress=False)


def test_the_effect_is_recovered(fit: bs.Fit) -> None:
    low, high = np.quantile(fit.parameters["kappa"], [0.005, 0.995])
    assert low < TRUTH["kappa"] < high
    assert fit.table().loc["kappa", "meaning"].startswith("growth of the log D term")
    assert fit.reference["z"] == pytest.approx(fit.runs["z"].mean())


def test_files_and_forecasts_take_a_negative_score(fit: bs.Fit, tmp_path: Path) -> None:
    fit.save(tmp_path / "fit.nc")
    again = bs.load(tmp_path / "fit.nc")
    ahead = bs.forecast(again, {"N": 1e9, "D": 1e11, "z": -1.0})
    truth = bs.laws.get("dense").loss({"N": 1e9, "D": 1e11, "z": -1.0}, TRUTH)
    assert ahead.quantile(0.5, "latent")[0] == pytest.approx(float(truth), rel=0.01)
    assert not ahead.far[0]
    beyond = bs.forecast(again, {"N": 1e9, "D": 1e11, "z": 9.0})
    assert beyond.far[0]


@pytest.mark.parametrize(
    ("kind", "options"), [("band", {"x": "z"}), ("residuals", {}), ("prior", {"x": "z"})]
)
def test_pictures(fit: bs.Fit, kind: str, options: dict[str, str]) -> None:
    axes = fit.plot(kind, **options).axes
    scales = {ax.get_xlabel(): ax.get_xscale() for ax in axes}
    own = [scale for label, scale in scales.items() if "$z$" in label]
    assert own == ["linear"]
