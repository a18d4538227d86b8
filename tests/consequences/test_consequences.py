"""What follows from a law, held to closed forms, to published numbers and to brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

import bayescale as bs
from bayescale import consequences as follows
from bayescale.consequences import DrawnLaw
from bayescale.errors import LawError

PRESETS = {
    "chinchilla": "besiroglu2024",
    "kaplan": "kaplan2020",
    "skaling": "busbridge2025",
    "subscaling": "chen2025",
}
BUDGETS = [1e19, 1e21, 5.76e23, 1e25]


def preset(name: str, which: str = "") -> tuple[bs.Law, dict[str, float], DrawnLaw]:
    law = bs.laws.get(name)
    values = law.preset(which or PRESETS[name])
    return law, values, follows.published(law, values)


@pytest.fixture(scope="module")
def fit() -> bs.Fit:
    """A posterior of the sub-scaling law, which has no closed form."""
    return fitted("subscaling")


def fitted(law: str) -> bs.Fit:
    rng = np.random.default_rng(3)
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(2e7, 2e9, 6), np.geomspace(5e8, 1e11, 6)))
    loss = (1.8 + 480 / n**0.35 + 2000 / d**0.37) * np.exp(0.004 * rng.standard_normal(n.size))
    runs = bs.read_runs({"N": n, "D": d, "loss": loss}, count="total")
    return bs.fit(law, runs, method="laplace", draws=100)


# --- the compute-optimal point ---------------------------------------------------------------


@pytest.mark.parametrize("law", PRESETS)
@pytest.mark.parametrize("flops", BUDGETS)
def test_the_optimum_is_that_of_brute_force(law, flops):
    own, values, at = preset(law)

    def loss(m: float) -> float:
        n = np.sqrt(flops / 6 / np.exp(m))
        return float(own.loss({"N": n, "D": flops / 6 / n}, values))

    grid = np.linspace(np.log(1e-4), np.log(1e8), 4001)
    n = np.sqrt(flops / 6 / np.exp(grid))
    cell = int(np.argmin(own.loss({"N": n, "D": flops / 6 / n}, values)))
    known = optimize.minimize_scalar(
        loss, bounds=grid[[cell - 1, cell + 1]], method="bounded", options={"xatol": 1e-12}
    )
    found = follows.optimum(at, flops)
    assert found.interior.all()
    assert found.loss[0, 0] == pytest.approx(known.fun, rel=1e-12)
    # The loss is flat at its minimum: by values alone the place is known to a few parts in 1e7.
    assert np.log(found.tokens_per_param[0, 0]) == pytest.approx(known.x, abs=2e-6)
    assert 6 * found.N * found.D == pytest.approx(flops)


@pytest.mark.parametrize("law", ["chinchilla", "kaplan", "skaling"])
def test_the_closed_form_is_the_search(law, monkeypatch):
    *_, at = preset(law)
    closed = follows.optimum(at, BUDGETS)
    monkeypatch.setattr(DrawnLaw, "two_powers", None)
    searched = follows.optimum(at, BUDGETS)
    np.testing.assert_allclose(searched.N, closed.N, rtol=1e-9)
    np.testing.assert_allclose(searched.loss, closed.loss, rtol=1e-13)
    np.testing.assert_allclose(searched.size_exponent, closed.size_exponent, rtol=1e-9)


def test_the_formulas_of_the_additive_law():
    _, p, at = preset("chinchilla")
    alpha, beta, reducible = p["alpha"], p["beta"], None
    g = (alpha * p["A"] / (beta * p["B"])) ** (1 / (alpha + beta))
    a = beta / (alpha + beta)
    c = np.array(BUDGETS)
    found = follows.optimum(at, BUDGETS)
    np.testing.assert_allclose(found.N[0], g * (c / 6) ** a, rtol=1e-9)
    np.testing.assert_allclose(found.D[0], (c / 6) ** (1 - a) / g, rtol=1e-9)
    reducible = (p["A"] * g**-alpha + p["B"] * g**beta) * (c / 6) ** (-alpha * a)
    np.testing.assert_allclose(found.loss[0], p["E"] + reducible, rtol=1e-12)
    np.testing.assert_allclose(found.size_exponent, a, rtol=1e-9)
    np.testing.assert_allclose(found.curvature[0], alpha * beta * reducible, rtol=1e-9)
    whole = alpha * a * reducible / (p["E"] + reducible)
    np.testing.assert_allclose(found.loss_exponent[0], whole, rtol=1e-9)
    np.testing.assert_allclose(follows.frontier_exponents(at, BUDGETS), alpha * a, rtol=1e-9)


def test_published_tokens_per_parameter():
    """Besiroglu et al.'s refit and Hoffmann et al.'s unrounded fit, at Chinchilla's compute."""
    at = [1e21, 5.76e23, 1e25]
    *_, refit = preset("chinchilla", "besiroglu2024")
    found = follows.optimum(refit, at).tokens_per_param[0]
    np.testing.assert_allclose(found, [21.6, 18.4, 17.1], atol=0.06)
    *_, original = preset("chinchilla", "hoffmann2022")
    found = follows.optimum(original, at[:2]).tokens_per_param[0]
    np.testing.assert_allclose(found, [33.9, 58.9], atol=0.06)
    *_, paper = preset("subscaling")
    found = follows.optimum(paper, [1e19, 1e21, 1e23, 1e25]).tokens_per_param[0]
    np.testing.assert_allclose(found, [52, 50, 48, 46], atol=0.5)


@pytest.mark.parametrize("law", PRESETS)
def test_exponents_of_allocation_are_slopes(law):
    *_, at = preset(law)
    c, step = 1e22, 1e-3
    ends = follows.optimum(at, [c * np.exp(-step), c * np.exp(step)])
    here = follows.optimum(at, c)
    slope = np.diff(ends.log_n) / (2 * step)
    np.testing.assert_allclose(here.size_exponent, slope, atol=1e-6)
    fall = -np.diff(ends.log_loss) / (2 * step)
    np.testing.assert_allclose(here.loss_exponent, fall, atol=1e-6)


def test_draws_of_a_fit_are_those_of_its_parameters(fit):
    both = follows.optimum(fit, [1e20, 1e22])
    assert both.N.shape == (400, 2)
    values = {name: fit.parameters[name].ravel()[:7] for name in fit.law.field_names}
    some = follows.optimum(follows.published(fit.law, values), [1e20, 1e22])
    np.testing.assert_allclose(some.N, both.N[:7], rtol=1e-6)


def test_without_an_optimum_nothing_is_invented():
    """Tokens that do nothing, or parameters that do nothing: the best lies at the end."""
    law = bs.laws.parse("irreducible + power(N)*overtraining(N) + power(M, exponent=0.3)")
    values = {"E": 1.0, "A": 400.0, "alpha": 0.3, "rho": 0.0, "k_N": 1e-3, "A_M": 1e-9}
    found = follows.optimum(follows.published(law, values), 1e21)
    assert not found.interior[0, 0]
    assert found.log_n[0, 0] == np.inf and found.log_d[0, 0] == -np.inf
    assert np.isnan(found.size_exponent[0, 0]) and np.isfinite(found.loss[0, 0])
    with pytest.raises(LawError, match="nothing to allocate"):
        follows.optimum(follows.published(bs.laws.get("power(D)"), {"A": 1.0, "alpha": 0.1}), 1e21)
    with pytest.raises(LawError, match="budget is -1"):
        follows.optimum(preset("chinchilla")[2], -1.0)


def test_other_inputs_are_held():
    law = bs.laws.parse('irreducible + power(N) + power(U, field="B_U", exponent="beta_U")')
    values = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B_U": 2000.0, "beta_U": 0.37}
    with pytest.raises(LawError, match="held"):
        follows.tokens_to_loss(follows.published(law, values), 3.0, 1e9)
    at = follows.published(law, values, held={"U": 1e10})
    loss = law.loss({"N": 1e9, "U": 1e10}, values)
    assert follows.isoflop(at, 1e20, 1e9)[0, 0] == pytest.approx(float(loss))
    assert follows.smallest_size(at, loss)[0, 0] == pytest.approx(1e9)


def test_steps_stand_for_tokens_at_a_held_batch():
    law = bs.laws.parse("irreducible + power(N) + power(S)")
    values = {"E": 1.8, "A": 480.0, "alpha": 0.35, "A_S": 30.0, "alpha_S": 0.37}
    at = follows.published(law, values, held={"B": 1e6})
    same = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 30.0 * 1e6**0.37, "beta": 0.37}
    known = follows.published(bs.laws.get("chinchilla"), same)
    np.testing.assert_allclose(
        follows.optimum(at, 1e21).N, follows.optimum(known, 1e21).N, rtol=1e-8
    )
    steps = follows.steps_to_loss(at, 2.5, 1e9, 1e6)
    np.testing.assert_allclose(steps * 1e6, follows.tokens_to_loss(known, 2.5, 1e9), rtol=1e-9)


# --- reaching a loss -------------------------------------------------------------------------


def test_tokens_and_compute_to_a_loss():
    _, p, at = preset("chinchilla")
    n, target = np.array([1e9, 1e10]), 2.3
    known = (p["B"] / (target - p["E"] - p["A"] / n ** p["alpha"])) ** (1 / p["beta"])
    np.testing.assert_allclose(follows.tokens_to_loss(at, target, n)[0], known, rtol=1e-9)
    np.testing.assert_allclose(follows.steps_to_loss(at, target, n, 2e6)[0], known / 2e6, rtol=1e-9)
    g = (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / (p["alpha"] + p["beta"]))
    k = p["A"] * g ** -p["alpha"] + p["B"] * g ** p["beta"]
    power = (p["alpha"] + p["beta"]) / (p["alpha"] * p["beta"])
    least = 6 * (k / (target - p["E"])) ** power
    assert follows.compute_to_loss(at, target)[0, 0] == pytest.approx(least, rel=1e-9)
    assert follows.compute_to_loss(at, [1.8, 1.81]).tolist() == [[np.inf, np.inf]]
    assert follows.tokens_to_loss(at, 1.9, 1e7)[0, 0] == np.inf
    assert follows.smallest_size(at, 1.8)[0, 0] == np.inf


def test_compute_to_a_loss_inverts_the_frontier(fit):
    loss = follows.optimum(fit, 3e21).loss
    few = follows.published(
        fit.law, {n: fit.parameters[n].ravel()[:5] for n in fit.law.field_names}
    )
    for draw in range(5):
        back = follows.compute_to_loss(few, loss[draw, 0])[draw, 0]
        assert back == pytest.approx(3e21, rel=1e-6)


def test_the_cost_of_the_wrong_size():
    """Half the size needs 2.52 times the tokens: 26 % more compute; below 0.146 none suffice."""
    _, p, at = preset("chinchilla")
    alpha, beta = p["alpha"], p["beta"]
    k = np.array([0.5, 2.0])
    tokens = (1 - beta / alpha * (k**-alpha - 1)) ** (-1 / beta)
    np.testing.assert_allclose(follows.overhead(at, k, 1e23)[0], k * tokens - 1, rtol=1e-8)
    assert follows.overhead(at, 0.5, 1e23)[0, 0] == pytest.approx(0.26, abs=0.005)
    assert follows.overhead(at, 1.0, 1e23)[0, 0] == pytest.approx(0.0, abs=1e-9)
    best = follows.optimum(at, 1e23)
    smallest = follows.smallest_size(at, best.loss)[0, 0] / best.N[0, 0]
    assert smallest == pytest.approx((1 + alpha / beta) ** (-1 / alpha), rel=1e-8)
    assert follows.overhead(at, 0.99 * smallest, 1e23)[0, 0] == np.inf
    assert 1 < follows.overhead(at, 1.01 * smallest, 1e23)[0, 0] < np.inf


def test_sample_efficiency():
    _, p, at = preset("chinchilla")
    n, d = 1e9, np.array([1e10, 1e12])
    known = -p["alpha"] * p["A"] * n ** -p["alpha"] / (p["beta"] * p["B"] * d ** -p["beta"])
    np.testing.assert_allclose(follows.elasticity(at, n, d)[0], known, rtol=1e-9)


# --- exponents, slices, bounds ---------------------------------------------------------------


@pytest.mark.parametrize("law", PRESETS)
@pytest.mark.parametrize("along", ["N", "D", "C", "M"])
def test_local_exponents_are_differences(law, along):
    own, values, at = preset(law)
    floor = values.get("E", 0.0)
    moves = {"N": (1, 0), "D": (0, 1), "C": (0.5, 0.5), "M": (-0.5, 0.5)}[along]
    h = 1e-5
    logs = [
        float(np.log(own.loss({"N": 1e9 * np.exp(s * h * moves[0]),
                               "D": 3e10 * np.exp(s * h * moves[1])}, values) - floor))
        for s in (-1, 1)
    ]  # fmt: skip
    found = follows.local_exponents(at, {"N": 1e9, "D": 3e10}, along)[0, 0]
    assert found == pytest.approx(-(logs[1] - logs[0]) / (2 * h), abs=1e-7)


def test_gains_slow_down_where_they_should():
    *_, plain = preset("chinchilla")
    assert follows.slowing(plain, 1e19, 1e24).probability == 0.0  # a pure power on the frontier
    assert follows.slowing(plain, 1e19, 1e24, reducible=False).probability == 1.0  # its floor
    ends = ({"N": 1e9, "D": 1e10}, {"N": 1e9, "D": 1e12})
    over = follows.slowing(plain, *ends, "D")
    assert over.probability == 1.0 and "falls is 1.000" in over.text()
    one = follows.published(bs.laws.get("power_floor(x)"), {"E": 1.0, "A": 3.0, "alpha": 0.4})
    np.testing.assert_allclose(follows.local_exponents(one, {"x": [1.0, 9.0]}, "x"), 0.4)
    with pytest.raises(LawError, match="no input 'C'"):
        follows.local_exponents(one, {"x": 1.0}, "C")
    with pytest.raises(LawError, match="no D"):
        follows.local_exponents(plain, {"N": 1.0}, "N")


@pytest.mark.parametrize("law", PRESETS)
def test_near_optimal_sizes_by_brute_force(law):
    own, values, at = preset(law)
    flops, within = 1e22, 0.002
    low, high = (v[0, 0] for v in follows.nearly_optimal(at, flops, within))
    best = follows.optimum(at, flops)
    assert low < best.N[0, 0] < high
    edges = own.loss({"N": [low, high], "D": flops / 6 / np.array([low, high])}, values)
    np.testing.assert_allclose(edges, best.loss[0, 0] * (1 + within), rtol=1e-9)
    n = np.geomspace(low, high, 500)
    inside = follows.isoflop(at, flops, n)[0]
    assert np.all(inside <= best.loss[0, 0] * (1 + within) * (1 + 1e-9))
    np.testing.assert_allclose(inside, own.loss({"N": n, "D": flops / 6 / n}, values), rtol=1e-12)


def test_the_data_bound_of_kaplan():
    """Published as D > 5e3 N^0.74 tokens at two per cent."""
    _, p, at = preset("kaplan")
    r = p["alpha_N"] / p["alpha_D"]
    n = np.array([1e8, 1e10])
    known = p["D_c"] * (n / p["N_c"]) ** r / (1.02 ** (1 / p["alpha_D"]) - 1)
    found = follows.data_bound(at, n)[0]
    np.testing.assert_allclose(found, known, rtol=1e-8)
    np.testing.assert_allclose(found / n**r, 5.5e3, rtol=0.01)
    np.testing.assert_allclose(follows.overfitting(at, n, found), 0.02, rtol=1e-8)
    assert found[1] / found[0] == pytest.approx(100**r)


def test_the_early_stopping_bound_of_kaplan():
    _, p, data = preset("kaplan")
    text = 'power(N, exponent="aN", field="N_s", form="scale") + '
    curve = bs.laws.parse(text + 'power(S, exponent="aS", field="S_c", form="scale")')
    steps = follows.published(curve, {"N_s": 6.5e13, "aN": 0.077, "S_c": 2.1e3, "aS": 0.76})
    n, d = 1e8, 1e8
    law = bs.laws.get("kaplan")
    lost = float(law.loss({"N": n, "D": d}, p) - law.loss({"N": n, "D": 1e290}, p))
    found = follows.early_stopping(data, steps, n, d)[0, 0]
    assert found == pytest.approx(2.1e3 / lost ** (1 / 0.76), rel=1e-8)
    with pytest.raises(LawError, match="law of N and S"):
        follows.early_stopping(data, data, n, d)
    *_, adjusted = preset("kaplan_steps", "kaplan2020")
    assert follows.early_stopping(data, adjusted, n, d)[0, 0] == pytest.approx(found, rel=1e-8)


def test_the_critical_batch_of_kaplan():
    *_, at = preset("kaplan_steps", "kaplan2020")
    known = 2.1e8 / np.array([2.0, 3.0]) ** (1 / 0.21)
    np.testing.assert_allclose(follows.critical_batch(at, [2.0, 3.0])[0], known, rtol=1e-9)
    with pytest.raises(LawError, match="no critical batch"):
        follows.critical_batch(preset("chinchilla")[2], 2.0)


def test_the_compute_efficient_allocation_of_kaplan():
    """At a batch far below the critical one C is C_min, whose optimum the paper has closed."""
    _, p, _ = preset("kaplan_steps", "kaplan2020")
    at = follows.published(bs.laws.get("kaplan_steps"), p, held={"B": 1.0})
    on_n, on_s, on_b = p["alpha_N"], p["alpha_S"], p["alpha_B"]
    on_c = 1 / (1 / on_n + 1 / on_s + 1 / on_b)
    r = on_n / on_s
    scale = 6 * p["N_c"] * p["S_c"] * p["B_star"]
    c_c = scale * (1 + r) ** (1 / on_n + 1 / on_s) * r ** (-1 / on_s)
    c = np.array([1.0, 1e3]) * 8.64e19
    known = p["N_c"] * (c / c_c) ** (on_c / on_n) * (1 + r) ** (1 / on_n)
    found = follows.optimum(at, c)
    np.testing.assert_allclose(found.N[0], known, rtol=1e-4)
    np.testing.assert_allclose(found.size_exponent[0], on_c / on_n, rtol=1e-4)
    np.testing.assert_allclose(found.loss[0], (c_c / c) ** on_c, rtol=1e-5)
    # "About 10 % above the converged loss."
    converged = follows.isoflop(at, c[0], found.N[0, 0])[0, 0] / (p["N_c"] / found.N[0, 0]) ** on_n
    assert converged == pytest.approx(1 + r, rel=1e-4)


def test_the_best_ratio_of_gadre():
    law = bs.laws.get("gadre")
    values = {"E": 1.5, "a": 141.0, "b": 190.0, "eta": 0.12}
    found = follows.optimum(follows.published(law, values), [1e20, 1e22])
    np.testing.assert_allclose(found.tokens_per_param[0], (190 / 141) ** (1 / 0.24), rtol=1e-9)


def test_a_score_that_may_be_negative_is_held():
    law = bs.laws.get("dense")
    values = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2000.0, "beta": 0.37, "kappa": 0.3}
    at = follows.published(law, values, held={"z": -1.0})
    known = law.loss({"N": 1e9, "D": 1e21 / 6e9, "z": -1.0}, values)
    assert follows.isoflop(at, 1e21, 1e9)[0, 0] == pytest.approx(float(known))
    dense = follows.published(law, values, held={"z": 1.0})
    assert follows.optimum(dense, 1e21).D[0, 0] > follows.optimum(at, 1e21).D[0, 0]
