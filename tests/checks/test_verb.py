"""The verb ``sbc`` with real fits of a small law: a right posterior passes, a wrong one fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bayescale as bs
from bayescale.checks import Calibration, verb
from bayescale.checks.ranks import AHEAD, LIKELIHOOD, ranks
from bayescale.errors import BayescaleWarning, LawError
from bayescale.runs.read import read_quietly

DESIGN = {"N": np.geomspace(1e6, 1e9, 14)}
OPTIONS: dict[str, Any] = {
    "noise": "normal",
    "draws": 200,
    "chains": 2,
    "workers": 1,
    "progress": False,
}
N = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sbc")


@pytest.fixture(scope="module")
def found(folder: Path) -> Calibration:
    return bs.checks.sbc("power_floor(N)", DESIGN, N, folder=folder, **OPTIONS)


def test_a_right_posterior_passes(found: Calibration) -> None:
    assert found.ok
    assert found.quantities == ("E", "T_N", "alpha", "sigma", AHEAD, LIKELIHOOD)
    assert found.ranks.shape == (N, 6)
    assert found.ranks.min().min() >= 0
    assert found.ranks.max().max() <= found.n_draws
    assert len(found.ranks) == found.n
    table = found.table()
    assert table["inside"].all()
    assert (table["kind"] == "").all()
    assert "PASSES" in repr(found)
    assert len(repr(found).splitlines()) <= 12


def test_a_study_goes_on_from_its_folder(found: Calibration, folder: Path) -> None:
    again = bs.checks.sbc("power_floor(N)", DESIGN, N, folder=folder, **OPTIONS)
    assert again.fits["reused"].all()
    assert again.ranks.equals(found.ranks)


def wrong(change: Callable[[bs.Fit], bs.Fit]) -> Callable[..., dict[str, int]]:
    def reduce(fit: bs.Fit, **given: Any) -> dict[str, int]:
        return ranks(change(fit), **given)

    return reduce


def halved(fit: bs.Fit) -> bs.Fit:
    return replace(fit, draws={**fit.draws, "sigma": 0.5 * fit.draws["sigma"]})


def narrowed(fit: bs.Fit) -> bs.Fit:
    middle = np.median(fit.draws["alpha"])
    draws = middle * (fit.draws["alpha"] / middle) ** 0.3
    return replace(fit, draws={**fit.draws, "alpha": draws})


@pytest.mark.parametrize(
    ("change", "name", "kind"), [(halved, "sigma", "biased low"), (narrowed, "alpha", "too narrow")]
)
def test_a_wrong_posterior_is_named(
    change: Callable[[bs.Fit], bs.Fit], name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "ranks", wrong(change))
    found = bs.checks.sbc("power_floor(N)", DESIGN, N, **OPTIONS)
    assert not found.ok
    assert kind in found.table().loc[name, "kind"]
    assert f"{name}: the posterior is {kind}" in found.text()
    assert "FAILS" in found.text()
    # What does not hang on the parameter is not blamed.
    assert found.verdicts["E"].inside
    figure = found.plot()
    titles = [ax.get_title() for ax in figure.axes]
    assert sum(kind in title for title in titles) == 1


def test_failed_fits_are_told_with_what_they_could_hide(
    found: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(fit: bs.Fit, **given: Any) -> dict[str, int]:
        if fit.draws["sigma"].mean() > 0.025:
            raise ValueError("no rank today")
        return ranks(fit, **given)

    monkeypatch.setattr(verb, "ranks", failing)
    with pytest.warns(BayescaleWarning, match="no rank today"):
        part = bs.checks.sbc("power_floor(N)", DESIGN, N, **OPTIONS)
    assert 0 < len(part.failures) < N - 20
    assert len(part.ranks) + len(part.failures) == N
    assert set(part.sensitivity()) >= {"all fits", "failed below", "failed above"}
    assert f"{len(part.failures)} fits failed and have no ranks" in part.text()
    kept = found.ranks.loc[part.ranks.index]
    assert part.ranks.equals(kept)


def test_fits_that_did_not_converge_stay_in_the_verdict(found: Calibration) -> None:
    fits = found.fits.assign(converged=found.fits.index != 3)
    doubted = replace(found, fits=fits)
    assert len(doubted.ranks) == N
    assert "1 fits did not converge" in doubted.text()
    assert "Without them: passes" in doubted.text()
    assert set(doubted.sensitivity()) == {"all fits", "converged"}


def test_the_reference_of_the_data(found: Calibration) -> None:
    own = bs.checks.sbc("power_floor(N)", DESIGN, 20, reference="data", **OPTIONS)
    assert own.refused > 0
    assert "own is within 5%" in own.text()
    assert own.ok


def test_the_unit_of_the_loss_does_not_matter() -> None:
    """Absolute priors and losses in another unit are the same study."""
    found = [
        bs.checks.sbc(
            "power_floor(N)",
            read_quietly({**DESIGN, "loss": np.full(14, unit)}),
            20,
            priors={"E": bs.prior.Normal(0.6 * unit, 0.1 * unit)},
            method="laplace",
            **OPTIONS,
        )
        for unit in (1.0, 4.0)
    ]
    assert found[0].ranks.equals(found[1].ranks)


@pytest.mark.parametrize("noise", ["normal", "student_t"])
def test_log_likelihood_and_loss_ahead_are_those_of_the_fit(noise: str) -> None:
    size = np.repeat(np.geomspace(1e6, 1e9, 7), 2)  # repeated inputs are grouped in a fit
    loss = (1.8 + 400.0 / size**0.34) * np.exp(0.01 * np.random.default_rng(0).standard_normal(14))
    runs = read_quietly({"N": size, "loss": loss})
    fit = bs.fit(
        "power_floor(N)", runs, noise=noise, method="laplace", draws=200, chains=2, progress=False
    )
    flat = {name: values.ravel() for name, values in fit.draws.items()}
    likelihood = fit.log_likelihood_sum.ravel()
    for i in (0, 100, 399):
        truth = {name: float(values[i]) for name, values in flat.items()}
        # The rank of a draw among all draws, whatever computes it.
        found = ranks(fit, truth, {"N": np.array([1e10])}, 400)
        for name, values in flat.items():
            assert found[name] == np.sum(values < truth[name])
        assert abs(found[LIKELIHOOD] - np.sum(likelihood < likelihood[i] - 1e-9)) <= np.sum(
            np.abs(likelihood - likelihood[i]) < 1e-9
        )
        ahead = fit.log_law({"N": np.array([1e10])}).ravel()
        assert abs(found[AHEAD] - np.sum(ahead < ahead[i] - 1e-12)) <= np.sum(
            np.abs(ahead - ahead[i]) < 1e-12
        )
    low = ranks(
        fit,
        {name: values.min() * 0.5 for name, values in flat.items()},
        {"N": np.array([1e10])},
        255,
    )
    high = ranks(
        fit,
        {name: values.max() * 2.0 for name, values in flat.items()},
        {"N": np.array([1e10])},
        255,
    )
    assert (low["E"], high["E"]) == (0, 255)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n": 5}, "number of data sets is 5"),
        ({"reference": "mine"}, "no reference 'mine'"),
        ({"level": 0.0}, "level is 0"),
        ({"draws": 100}, "200 draws a fit are too few"),
    ],
)
def test_settings_that_cannot_be_used(options: dict[str, Any], said: str) -> None:
    with pytest.raises(LawError, match=said):
        bs.checks.sbc("power_floor(N)", DESIGN, **{**OPTIONS, "n": N, **options})


def test_plot_takes_a_calibration_only(found: Calibration) -> None:
    figure = bs.plots.plot(found, "sbc")
    assert sum(ax.get_visible() for ax in figure.axes) == len(found.quantities)
    with pytest.raises(bs.BayescaleError, match="Give a calibration"):
        bs.plots.plot(3, "sbc")


def test_the_curve_and_its_process_pass_and_need_losses_for_their_scale() -> None:
    x = np.geomspace(1e6, 1e8, 16)
    options = OPTIONS | {"noise": None}
    with pytest.raises(LawError, match="'matern'.*no losses"):
        bs.checks.sbc("curve", {"x": x}, 20, **options)
    design = {"x": x, "loss": 0.4 + (x / 1e6) ** -0.4}
    found = bs.checks.sbc("curve", design, 20, **options)
    assert found.quantities[-4:] == ("wander", "length", AHEAD, LIKELIHOOD)
    assert found.ok and found.refused > 0
    alone = bs.checks.sbc("curve", {"x": x}, 20, discrepancy="none", **options)
    assert "wander" not in alone.quantities
