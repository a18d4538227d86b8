"""Structure of the pictures; their looks are judged by eye."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest

import bayescale as bs
from bayescale.errors import BayescaleError
from bayescale.plots import KINDS, plot
from bayescale.posterior import Fit
from bayescale.runs import Runs

TRUTH = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2000.0, "beta": 0.37}


def simulated(n: int, seed: int, compute: tuple[float, float]) -> Runs:
    rng = np.random.default_rng(seed)
    c = np.exp(rng.uniform(*np.log(compute), n))
    size = np.sqrt(c / 6 / 20) * np.exp(rng.uniform(-1.2, 1.2, n))
    law = bs.laws.get("chinchilla")
    loss = law.loss({"N": size, "D": c / 6 / size}, TRUTH) * np.exp(rng.normal(0, 0.004, n))
    loss[0] *= 1.08  # an outlier to name
    table = {"run": [f"run_{i}_$x$" for i in range(n)], "N": size, "D": c / 6 / size}
    return bs.read_runs({**table, "loss": loss})


@pytest.fixture(scope="module")
def fit() -> Fit:
    return bs.fit("chinchilla", simulated(30, 0, (1e18, 1e20)), method="laplace", draws=100)


@pytest.fixture(scope="module")
def held_out() -> Runs:
    return simulated(12, 1, (1e20, 3e21))


@pytest.fixture(scope="module")
def single() -> Fit:
    rng = np.random.default_rng(3)
    x = np.geomspace(1e4, 1e7, 16)
    loss = (0.2 + 5 * x**-0.3) * np.exp(rng.normal(0, 0.01, 16))
    runs = bs.read_runs({"seen_examples": x, "loss": loss}, loss_unit="error rate")
    return bs.fit("power_floor", runs, noise="normal", method="laplace", draws=100)


def by_gid(ax: Any, gid: str) -> list[Any]:
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("which", ["fit", "single"])
def test_every_kind_is_drawn_and_written(
    kind: str, which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    before = dict(matplotlib.rcParams)
    if which == "single" and kind in ("frontier", "isoflop"):
        with pytest.raises(BayescaleError, match="no N and D"):
            plot(request.getfixturevalue(which), kind)
        return
    figure = plot(request.getfixturevalue(which), kind)
    path = tmp_path / ("picture.pdf" if kind == "band" else "picture.png")
    figure.savefig(path, dpi=60)
    assert path.stat().st_size > 2000
    assert dict(matplotlib.rcParams) == before


def test_band_against_compute(fit: Fit) -> None:
    ax = plot(fit).axes[0]
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert ax.get_xlabel() == "Training compute $C$ (FLOP)"
    assert ax.get_ylabel() == "Loss (nats/token)"
    assert by_gid(ax, "fitted runs")[0].get_offsets().shape == (30, 2)
    (frontier,) = by_gid(ax, "frontier")
    assert frontier.get_xdata()[0] == pytest.approx(fit.runs["C"].max())
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    assert labels and all(float(label) > 0 for label in labels)


def edges(band: Any) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of a band at each place."""
    vertices = band.get_paths()[0].vertices
    places = np.unique(vertices[:, 0])
    low = np.array([vertices[vertices[:, 0] == x, 1].min() for x in places])
    return low, np.array([vertices[vertices[:, 0] == x, 1].max() for x in places])


@pytest.mark.parametrize("of", ["new", "latent"])
def test_bands_contain_one_another(fit: Fit, of: str) -> None:
    ax = plot(fit, of=of).axes[0]
    low50, high50 = edges(by_gid(ax, "band 0.5")[0])
    low90, high90 = edges(by_gid(ax, "band 0.9")[0])
    assert np.all(low90 < low50) and np.all(low50 < high50) and np.all(high50 < high90)


def test_the_compute_optimal_line_is_where_the_law_says(fit: Fit) -> None:
    from bayescale.plots.path import optimal

    path = optimal(fit, np.geomspace(1e18, 1e21, 7))
    values = {name: np.median(v) for name, v in fit.parameters.items()}
    g = (values["alpha"] * values["A"] / values["beta"] / values["B"]) ** (
        1 / (values["alpha"] + values["beta"])
    )
    expected = g * (path.x / 6) ** values["a"]
    assert path.inputs["N"] == pytest.approx(expected, rel=0.25)
    assert path.inputs["N"] * path.inputs["D"] * 6 == pytest.approx(path.x)


def test_held_out_runs_are_judged_as_the_forecast_does(fit: Fit, held_out: Runs) -> None:
    ahead = bs.forecast(fit, held_out)
    for figure in (plot(fit, held_out=held_out), ahead.plot()):
        ax = figure.axes[0]
        inside = sum(len(a.get_offsets()) for a in by_gid(ax, "held out inside"))
        outside = sum(len(a.get_offsets()) for a in by_gid(ax, "held out outside"))
        assert inside == int(ahead.covered(0.9).sum())
        assert inside + outside == 12
        assert len(figure.axes) == 3  # the strip, and the colour bar
        right = ax.get_xlim()[1]
        assert right > held_out["C"].max()


def test_targets_without_a_loss(fit: Fit) -> None:
    figure = plot(bs.forecast(fit, {"N": ["70e9", "7e9"], "D": ["1.4e12", "1e12"]}))
    (targets,) = by_gid(figure.axes[0], "targets")
    assert len(targets.get_offsets()) == 2


@pytest.mark.parametrize("x", ["N", "D"])
def test_iso_lines(fit: Fit, x: str) -> None:
    figure = plot(fit, x=x, n_lines=4)
    assert len(by_gid(figure.axes[0], "median")) == 4
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sum(text.startswith("D = " if x == "N" else "N = ") for text in texts) == 4


def test_a_single_input_is_named_as_in_the_table(single: Fit) -> None:
    ax = plot(single).axes[0]
    assert ax.get_xlabel() == "Seen examples"
    assert ax.get_ylabel() == "Loss (error rate)"


def test_posterior_marks_parameters_priors_and_presets(fit: Fit) -> None:
    figure = plot(fit, "posterior", presets=["besiroglu2024"])
    labels = [ax.get_xlabel() for ax in figure.axes]
    assert labels == ["$E$", "$A$", r"$\alpha$", "$B$", r"$\beta$", "$a$", r"$\sigma$", r"$\nu$"]
    texts = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"posterior", "prior", "besiroglu2024"} <= texts


def test_the_prior_that_is_drawn_is_a_density(fit: Fit) -> None:
    from bayescale.plots.density import prior_density

    parameter = next(p for p in fit.model.parameters if p.name == "alpha")
    x = np.geomspace(1e-3, 30, 4000)
    for log, axis in ((False, x), (True, np.log(x))):
        height = prior_density(fit.model.priors["alpha"], parameter, 1.0, x, log)
        assert np.trapezoid(height, axis) == pytest.approx(1.0, abs=2e-3)


def test_contours_hold_their_share() -> None:
    from bayescale.plots.pairs import contoured

    rng = np.random.default_rng(0)
    first = rng.normal(size=20000)
    draws = np.vstack([first, 0.999 * first + 0.02 * rng.normal(size=20000)])  # a narrow ridge
    places, height, levels = contoured(draws, (0.5, 0.9))
    cells = np.array([height[height >= level].sum() for level in levels]) / height.sum()
    assert cells == pytest.approx([0.9, 0.5], abs=0.01)
    assert np.corrcoef(draws)[0, 1] > 0.99 and places.shape == (2, *height.shape)


def test_residuals_name_outliers_and_take_plain_text(fit: Fit) -> None:
    figure = plot(fit, "residuals")
    assert [ax.get_xlabel() for ax in figure.axes[:3]] == [
        "Training compute $C$ (FLOP)",
        "Model parameters $N$",
        "Training tokens seen $D$",
    ]
    for ax in figure.axes[:3]:
        assert [text.get_text() for text in by_gid(ax, "outlier")] == [r"run_0_\$x\$"]


def test_what_cannot_be_drawn(fit: Fit, single: Fit) -> None:
    cases: list[tuple[Any, str, dict[str, Any], str]] = [
        (fit, "pie", {}, "Kinds: band, posterior"),
        (fit, "band", {"colour": 1}, "no option 'colour'. Options: x, held_out"),
        (fit, "band", {"x": "lr"}, "Choose one of: C, N, D"),
        (single, "band", {"x": "C"}, "Choose one of: x"),
        (fit, "band", {"probs": (1.2,)}, "between 0 and 1"),
        (fit, "band", {"of": "both"}, "new or latent"),
        (fit, "band", {"extend": -1.0}, "from 0 to 12"),
        (fit, "band", {"tokens_per_param": 0.0}, "above zero"),
        (fit, "posterior", {"names": ["gamma"]}, "no parameter 'gamma'"),
        (fit, "posterior", {"presets": ["nobody"]}, "no preset 'nobody'"),
        (fit, "pairs", {"names": []}, "at least one"),
        (fit, "residuals", {"prob": 2.0}, "between 0 and 1"),
        ("text", "band", {}, "A str cannot be drawn"),
        (bs.forecast(fit, {"N": 1e9, "D": 1e10}), "pairs", {}, "Draw its fit"),
    ]
    for result, kind, options, message in cases:
        with pytest.raises(BayescaleError) as raised:
            plot(result, kind, **options)
        assert message in str(raised.value)


def test_importing_plots_loads_no_matplotlib() -> None:
    code = "import sys, bayescale.plots; print('matplotlib' in sys.modules, 'jax' in sys.modules)"
    assert printed(code) == "False False"
    drawn = (
        "import sys, bayescale.plots.style as s; s.styled(lambda: s.new_figure(2, 2))();"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    assert printed(drawn) == "False"


def printed(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
