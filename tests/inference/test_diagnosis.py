"""The verdict: good chains pass, each kind of trouble is named."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bayescale.inference.diagnosis import (
    Diagnosis,
    after_quick,
    conflicts,
    contraction,
    diagnose_chains,
    diagnose_importance,
    prior_sensitivity,
)
from bayescale.inference.nuts import Chains


def record(n: int = 1000, **replaced: np.ndarray) -> Chains:
    rng = np.random.default_rng(0)
    good = {
        "u": rng.standard_normal((4, n, 2)),
        "potential": rng.standard_normal((4, n)),
        "energy": rng.standard_normal((4, n)),
        "steps": np.full((4, n), 7),
        "acceptance": np.full((4, n), 0.9),
        "diverging": np.zeros((4, n), bool),
        "step_size": np.full((4, n), 0.5),
    }
    return Chains(**{**good, **replaced})


def verdict(
    draws: np.ndarray, chains: Chains | None = None, kept: float = 0.0, sensitive: float = 0.0
) -> Diagnosis:
    ahead = np.random.default_rng(2).standard_normal(draws.shape)
    contractions = {"alpha": 1.0 - kept, "sigma": 0.0}
    chains = record(draws.shape[1]) if chains is None else chains
    sensitivities = {"alpha": sensitive, "sigma": 0.0}
    return diagnose_chains(
        {"alpha": draws}, ahead, chains, 10, contractions, sensitivities, ("alpha",), ("A note.",)
    )


def normal(n: int = 1000) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((4, n))


def test_good_chains():
    found = verdict(normal())
    assert found.converged and found.ok and not found.retried
    assert found.rhat_max < 1.01 and found.ess_bulk_min > 2000
    assert found.messages == ("A note.",)
    assert "Converged" in found.text() and "A note." in found.text()


def test_a_chain_elsewhere():
    found = verdict(normal() + np.array([[0.0], [0.0], [0.0], [1.0]]))
    assert not found.converged and not found.ok
    assert "R-hat of alpha" in found.messages[0]
    assert "NOT TRUSTWORTHY" in found.text()


def test_a_forecast_that_has_not_converged_counts():
    """Agreement is asked of the predicted loss too, not of the parameters alone."""
    ahead = normal() + np.arange(4.0)[:, None]
    found = diagnose_chains(
        {"alpha": normal()}, ahead, record(), 10, {"alpha": 1.0}, {"alpha": 0.0}, ("alpha",)
    )
    assert not found.converged and "ten times the compute" in found.messages[0]


def test_slow_chains():
    steps = np.random.default_rng(3).standard_normal((4, 1000)) * 0.05
    walk = np.zeros((4, 1000))
    for i in range(1, 1000):
        walk[:, i] = 0.98 * walk[:, i - 1] + steps[:, i]
    assert any("effective sample size" in m for m in verdict(walk).messages)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_stuck_chains():
    """No variance at all is not agreement."""
    apart = np.repeat(np.arange(4.0)[:, None], 1000, axis=1)
    assert not verdict(apart).converged
    assert not verdict(np.ones((4, 1000))).converged


def test_one_divergence_is_one_too_many():
    diverging = np.zeros((4, 1000), bool)
    diverging[2, 17] = True
    found = verdict(normal(), record(diverging=diverging))
    assert found.divergences == 1 and not found.converged
    assert any("1 of 4000 transitions diverged" in m for m in found.messages)


def test_low_energy_fraction():
    energy = np.cumsum(np.random.default_rng(4).standard_normal((4, 1000)), axis=1)
    found = verdict(normal(), record(energy=energy))
    assert found.ebfmi_min < 0.3 and not found.converged
    assert any("E-BFMI" in m for m in found.messages)


def test_deep_trees_are_slow_and_not_wrong():
    found = verdict(normal(), record(steps=np.full((4, 1000), 1023)))
    assert found.converged and any("tree depth" in m for m in found.messages)


def test_nan_draws_do_not_pass():
    with np.errstate(all="ignore"):
        assert not verdict(np.full((4, 1000), np.nan)).converged


def test_what_the_prior_wrote():
    found = verdict(normal(), kept=0.6)
    assert found.converged and not found.ok
    assert found.prior_dominated == ("alpha",)  # sigma is noise, and not asked
    assert any("prior-dominated" in m for m in found.messages)


def test_importance():
    good = diagnose_importance(0.3, 2000.0, {"alpha": 0.9}, {"alpha": 0.0}, ("alpha",))
    assert good.ok and "Pareto k 0.30" in good.text()
    for k, ess in ((0.8, 2000.0), (float("nan"), 2000.0), (0.3, 50.0), (0.3, float("nan"))):
        bad = diagnose_importance(k, ess, {"alpha": 0.9}, {"alpha": 0.0}, ("alpha",))
        assert not bad.converged and bad.messages, (k, ess)


def test_a_parameter_that_follows_its_prior_is_prior_dominated():
    assert verdict(normal(), kept=0.4).ok  # contraction 0.6, and the prior does not move it
    moved = verdict(normal(), kept=0.4, sensitive=0.2)
    assert moved.converged and not moved.ok and moved.prior_dominated == ("alpha",)
    assert verdict(normal(), kept=0.01, sensitive=0.2).ok  # the data say nearly all


def test_prior_sensitivity():
    """A posterior that is its prior moves with it; one that the data hold does not."""
    rng = np.random.default_rng(0)
    free = np.exp(rng.standard_normal((4, 1000)))
    held = np.exp(0.001 * rng.standard_normal((4, 1000)))
    log_prior = -0.5 * np.log(free) ** 2
    found = prior_sensitivity({"free": free, "held": held}, log_prior, {"free": True, "held": True})
    assert found["free"] > 0.05 and found["held"] < 0.02


def test_contraction():
    rng = np.random.default_rng(0)
    prior = np.exp(rng.standard_normal(100_000))
    assert contraction(prior**0.1, prior, True) == pytest.approx(0.99, abs=1e-3)
    assert contraction(prior, prior, True) == pytest.approx(0.0, abs=1e-9)
    assert contraction(np.ones(5), prior, True) == 1.0


def test_json_is_plain():
    document = json.loads(json.dumps(verdict(normal()).to_json(), allow_nan=False))
    assert document["ok"] is True and document["pareto_k"] is None
    assert document["contraction"] == {"alpha": 1.0, "sigma": 0.0}
    assert document["messages"] == ["A note."]


def test_prior_sensitivity_is_arvizs() -> None:
    from arviz_stats.base import array_stats

    rng = np.random.default_rng(5)
    kept = rng.integers(0, 2000, 2000)  # with repeats, as after resampling
    wide, narrow = (np.exp(s * rng.standard_normal(2000))[kept].reshape(4, 500) for s in (1.0, 0.1))
    draws = {"wide": wide, "narrow": narrow, "real": np.log(wide * narrow)}
    log_prior = -2.0 * (np.log(wide) + np.log(narrow)) ** 2
    positive = {"wide": True, "narrow": True, "real": False}
    found = prior_sensitivity(draws, log_prior, positive)
    weights = [
        np.exp(array_stats.power_scale_lw(log_prior.ravel(), alpha=power)).reshape(4, 500)
        for power in (1 / 1.01, 1.01)
    ]
    for name, values in draws.items():
        values = np.log(values) if positive[name] else values
        expected = array_stats.power_scale_sense(values, *weights, 1 / 1.01, 1.01)
        assert found[name] == pytest.approx(float(expected), rel=1e-9), name


@pytest.mark.parametrize(
    ("k", "size", "elsewhere", "why"),
    [
        (0.9, 2000.0, 0.0, "(Pareto k 0.90, not below 0.7)"),
        (0.5, 200.0, 0.0, "(an effective sample size of 200, below 400)"),
        (0.5, 2000.0, 0.1, "(other maxima hold 5% of the posterior or more)"),
    ],
)
def test_why_nuts_took_over(k: float, size: float, elsewhere: float, why: str) -> None:
    quick = diagnose_importance(k, size, {}, {}, (), elsewhere=elsewhere)
    assert not quick.converged
    after = after_quick(diagnose_importance(0.1, 4000.0, {}, {}, ()), k, size)
    assert why in after.messages[-1]
    assert after.quick_k == k
    assert after.converged


@pytest.mark.parametrize(
    ("centre", "width", "may_vanish", "expected"),
    [
        (0.3, 0.02, False, False),  # where the prior is
        (3.0, 0.02, False, True),  # 4.6 of the prior's sds above
        (0.03, 0.02, False, True),
        (0.003, 0.02, True, False),  # next to zero, which is an ordinary place
        (3.0, 0.02, True, True),
        (0.1, 0.49, False, True),  # as wide as the prior, 2.2 of its sds off: held against data
        (0.28, 0.49, False, False),
    ],
)
def test_conflicts(centre: float, width: float, may_vanish: bool, expected: bool) -> None:
    rng = np.random.default_rng(0)
    prior = 0.3 * np.exp(0.5 * rng.standard_normal(4000))
    posterior = centre * np.exp(width * rng.standard_normal(4000))
    assert conflicts(posterior, prior, True, may_vanish) == expected
