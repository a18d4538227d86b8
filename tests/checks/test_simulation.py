"""Truths and data sets: whose prior they are from, and what is drawn again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import bayescale as bs
from bayescale.checks.ranks import beyond
from bayescale.checks.simulation import NEAR, draw, fixed_priors, layout
from bayescale.discrepancy.process import loss_span
from bayescale.errors import LawError, RunsError
from bayescale.fitting import build_model
from bayescale.prior import Beta, Gamma, HalfNormal, LogNormal, Normal, Prior, Uniform
from bayescale.runs.schedule import sums

SIZE = np.geomspace(1e6, 1e9, 14)


def design() -> bs.Runs:
    return layout({"N": SIZE}, ("N",))[0]


def test_relative_priors_keep_their_numbers() -> None:
    model = build_model("chinchilla")
    fixed = fixed_priors(model, None)
    assert not any(prior.is_relative for prior in fixed.values())
    for name, prior in fixed.items():
        assert prior.numbers == model.priors[name].numbers


@pytest.mark.parametrize(
    "prior",
    [
        Normal(1.6, 0.1),
        LogNormal(1.6, 0.2),
        HalfNormal(2.0),
        Uniform(1.0, 2.0),
        Gamma(2.0, 3.0, 0.5),
    ],
)
def test_absolute_priors_in_units_of_the_loss_are_scaled(prior: Prior) -> None:
    fixed = fixed_priors(build_model("chinchilla", priors={"E": prior}), 2.5)["E"]
    p = np.array([0.01, 0.3, 0.5, 0.9])
    np.testing.assert_allclose(2.5 * fixed.quantile(p), prior.quantile(p))


def test_an_absolute_prior_needs_a_reference_loss() -> None:
    model = build_model("chinchilla", priors={"E": Normal(1.6, 0.1)})
    with pytest.raises(LawError, match="'E'.*no losses"):
        fixed_priors(model, None)
    model = build_model("chinchilla", priors={"E": Beta(2.0, 2.0)})
    with pytest.raises(LawError, match="cannot be stated"):
        fixed_priors(model, 2.0)


def test_truths_are_drawn_from_the_priors_and_losses_from_the_noise() -> None:
    model = build_model("power_floor(N)", "normal")
    model = build_model("power_floor(N)", "normal", fixed_priors(model, None))
    drawn = draw(model, design(), 200, 3, None, near=False)
    for parameter in model.parameters:
        own = model.priors[parameter.name]
        grid = own.quantile(np.linspace(0.0, 1.0, 401)[1:-1])
        truths = [truth[parameter.name] for truth in drawn.truths]
        u = np.searchsorted(grid, truths) / 400
        assert stats.kstest(u, "uniform").pvalue > 1e-3, parameter.name
    z = []
    for runs, truth in zip(drawn.runs, drawn.truths, strict=True):
        at = np.exp(np.mean(np.log(SIZE)))  # the reference point
        mean = truth["E"] + truth["T_N"] * (SIZE / at) ** -truth["alpha"]
        z.append(np.log(runs.loss / mean) / truth["sigma"])
    assert stats.kstest(np.ravel(z), "norm").pvalue > 1e-3


def test_a_data_set_depends_on_its_number_alone() -> None:
    model = build_model("power(N)", priors=fixed_priors(build_model("power(N)"), None))
    few, more = (draw(model, design(), n, 1, None, near=False) for n in (2, 4))
    for i in range(2):
        assert few.truths[i] == more.truths[i]
        np.testing.assert_array_equal(few.runs[i].loss, more.runs[i].loss)
    assert more.truths[2] != more.truths[3]


def test_rules_on_the_data_are_counted() -> None:
    model = build_model("power(N)", priors=fixed_priors(build_model("power(N)"), None))
    near = draw(model, design(), 10, 1, None, near=True)
    means = [np.mean(np.log(runs.loss)) for runs in near.runs]
    assert np.abs(means).max() <= NEAR
    assert near.refused > 0
    assert near.unusable == 0
    falling = draw(model, design(), 10, 1, lambda runs: runs.loss[0] > 2.0, near=False)
    assert all(runs.loss[0] > 2.0 for runs in falling.runs)
    assert falling.refused > 0


def test_losses_that_overflow_are_drawn_again_and_counted() -> None:
    priors = fixed_priors(build_model("power(N)"), None) | {"T_N": LogNormal(1e300, 60.0)}
    found = draw(build_model("power(N)", priors=priors), design(), 10, 1, None, near=False)
    assert found.unusable > 0
    assert all(np.isfinite(runs.loss).all() for runs in found.runs)


def test_a_rule_that_nothing_meets_is_told() -> None:
    model = build_model("power(N)", priors=fixed_priors(build_model("power(N)"), None))
    with pytest.raises(LawError, match="none could be used.*refused by the rule"):
        draw(model, design(), 1, 0, lambda runs: False, near=False)


def test_designs() -> None:
    runs, loss = layout({"N": SIZE, "loss": np.full(14, 2.5)}, ("N",))
    assert loss == pytest.approx(2.5)
    assert layout(runs, ("N",))[1] == pytest.approx(2.5)
    with pytest.raises(LawError, match="shapes"):
        layout({"N": SIZE, "D": SIZE[1:]}, ("N", "D"))
    with pytest.raises(LawError, match="design is int"):
        layout(3, ("N",))  # type: ignore[arg-type]
    with pytest.raises(RunsError, match="D"):
        layout({"N": SIZE}, ("N", "D"))


def test_a_design_with_schedules_is_laid_out_and_simulated() -> None:
    steps = np.linspace(200.0, 2000.0, 10)
    schedules = np.repeat("0:0 100:0.001 2000:0.0001", 10)
    inputs = {"S": steps, "S1": sums(schedules, steps), "lr_schedule": schedules}
    law = bs.laws.get("annealing")
    runs, loss = layout(inputs, (*law.inputs, *law.paths))
    model = build_model("annealing", noise="student_t")
    model = build_model("annealing", noise="student_t", priors=fixed_priors(model, loss))
    drawn = draw(model, runs, 3, 0, None, near=False)
    assert all(np.all(own.loss > 0) and len(own) == 10 for own in drawn.runs)
    with pytest.raises(RunsError, match="lr_schedule"):
        layout({"S": steps, "S1": steps}, (*law.inputs, *law.paths))


def test_ahead_is_ten_times_the_largest_run() -> None:
    runs = layout({"N": [1e6, 1e9, 1e8], "D": [1e9, 1e9, 1e11]}, ("N", "D"))[0]
    ahead = beyond(runs, bs.laws.get("chinchilla"))
    assert ahead["N"] * ahead["D"] == pytest.approx(1e20)
    assert ahead["N"] / 1e8 == pytest.approx(ahead["D"] / 1e11)
    assert beyond(runs, bs.laws.get("power(N)")) == {"N": pytest.approx(1e10)}


def test_a_process_is_simulated_and_the_log_range_of_the_losses_is_held() -> None:
    x = np.geomspace(1e6, 1e9, 14)
    truth = {"x": x, "loss": 0.4 + (x / 1e6) ** -0.4}
    runs, loss = layout(truth, ("x",))
    model = build_model("curve")
    model = build_model("curve", priors=fixed_priors(model, loss))
    drawn = draw(model, runs, 20, 0, None, near=False)
    span = loss_span(truth, "x")
    for own in drawn.runs:
        assert abs(np.log(loss_span(own.columns, "x") / span)) <= NEAR
    assert set(drawn.truths[0]) == {p.name for p in model.parameters} >= {"wander", "length"}
    assert drawn.refused > 0


def test_ahead_keeps_the_schedule_of_the_largest_run() -> None:
    schedules = np.array(["0:0 10:0.001 200:0.0001", "0:0 10:0.002 300:0.0001"])
    steps = np.array([200.0, 300.0])
    inputs = {"S": steps, "S1": sums(schedules, steps), "lr_schedule": schedules}
    law = bs.laws.get("annealing")
    ahead = beyond(layout(inputs, (*law.inputs, *law.paths))[0], law)
    assert list(ahead["lr_schedule"]) == [schedules[1]]
    assert np.isfinite(bs.laws.get("annealing").coordinates(ahead)[law.inputs[0]]).all()
