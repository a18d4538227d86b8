"""What a law refuses, and what it says of itself."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats as ss

from bayescale import laws, prior
from bayescale.errors import BayescaleError, LawError, PriorError

LAW = laws.get("chinchilla")
PARAMS = LAW.preset("besiroglu2024")
X = {"N": 1e9, "D": 2e10}


def test_a_law_is_returned_as_it_is() -> None:
    assert laws.get(LAW) is LAW


@pytest.mark.parametrize(
    ("text", "symbol", "named"),
    [
        ("chinchila", None, "chinchilla"),
        ("power", "Q", "Q"),
        ("power(lr2)", None, "lr2"),
        ("chinchilla", "N", "fixed inputs"),
    ],
)
def test_unknown_laws(text: str, symbol: str | None, named: str) -> None:
    with pytest.raises(LawError, match=named):
        laws.get(text, symbol)


def test_unknown_preset() -> None:
    with pytest.raises(LawError, match="hoffmann2022"):
        LAW.preset("hoffman")


def test_presets_are_copies() -> None:
    LAW.preset("besiroglu2024")["E"] = 0.0
    assert LAW.preset("besiroglu2024")["E"] == 1.8169


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_inputs_and_parameters_out_of_range(bad: float) -> None:
    with pytest.raises(LawError, match="'N'"):
        LAW.loss({**X, "N": [1e9, bad]}, PARAMS)
    with pytest.raises(LawError, match="'alpha'"):
        LAW.loss(X, {**PARAMS, "alpha": bad})
    if bad != 0.0:
        with pytest.raises(LawError, match="'E'"):
            LAW.loss(X, {**PARAMS, "E": bad})


def test_missing_and_unknown_parameters() -> None:
    with pytest.raises(LawError, match="'D'"):
        LAW.loss({"N": 1e9}, PARAMS)
    with pytest.raises(LawError, match="'E'"):
        LAW.loss(X, {k: v for k, v in PARAMS.items() if k != "E"})
    with pytest.raises(LawError, match="'k'"):
        LAW.loss(X, {**PARAMS, "k": 1.0})


def test_draws_broadcast_against_inputs() -> None:
    draws = {name: np.full((5, 1), value) for name, value in PARAMS.items()}
    out = LAW.loss({"N": np.array([1e8, 1e9, 1e10]), "D": 1e11}, draws)
    assert out.shape == (5, 3)
    assert out.dtype == np.float64


# --- priors ------------------------------------------------------------------------------------


def test_a_prior_is_replaced_by_name() -> None:
    mine = prior.Normal(1.6, 0.1)
    law = LAW.with_priors(E=mine)
    assert law.priors["E"] == mine
    assert LAW.priors["E"] != mine
    assert law.with_priors(alpha=prior.Uniform(0.1, 1.0)).priors["E"] == mine


def test_a_derived_name_takes_no_prior() -> None:
    with pytest.raises(PriorError, match="derived.*T_N"):
        LAW.with_priors(A=prior.LogNormal(400, 1))


def test_an_unknown_name_takes_no_prior() -> None:
    with pytest.raises(PriorError, match="no parameter 'gamma'.*alpha"):
        LAW.with_priors(gamma=prior.LogNormal(1, 1))


@pytest.mark.parametrize(
    "bad",
    [
        prior.Uniform(-0.1, 1.0),
        prior.Gamma(2.0, 1.0, low=-1.0),
        prior.Normal(-50.0, 1.0),  # no mass above zero that a float could hold
    ],
)
def test_a_positive_parameter_takes_no_negative_prior(bad: prior.Prior) -> None:
    with pytest.raises(PriorError, match="below zero"):
        LAW.with_priors(alpha=bad)


@pytest.mark.parametrize("mean", [-0.3, 0.0, 0.05, 0.5, 1.0, 1.6, 2.0, 3.5])
@pytest.mark.parametrize("sd", [0.001, 0.01, 0.1, 0.3, 3.0])
def test_a_normal_prior_is_cut_not_refused(mean: float, sd: float) -> None:
    """Whatever its width: rounding at the cut must not look like negative support."""
    if mean / sd < -30:
        return
    assert LAW.with_priors(E=prior.Normal(mean, sd)).priors["E"] == prior.Normal(mean, sd)


# --- the same footing --------------------------------------------------------------------------

FOOTING = {
    "power(N)": "power(N)",
    "power_floor(N)": "power_floor(N)",
    **{name: name for name in ("chinchilla", "kaplan", "kaplan_floor", "skaling", "subscaling")},
}


def density_at_the_reference_loss(name: str, n: int = 200_000) -> float:
    """Implied prior density of ln L at the reference point, at the reference loss, by histogram.

    At the reference point every law is its floor plus its contributions (test_field_form).
    """
    rng, law = np.random.default_rng(0), laws.get(name)
    total = np.zeros(n)
    for parameter in law.parameters:
        if parameter.role in ("floor", "contribution"):
            total += parameter.prior.draws(n, rng, 2.5, positive=True)  # type: ignore[union-attr]
    half_width = 0.05
    return float(np.mean(np.abs(np.log(total / 2.5)) < half_width) / (2 * half_width))


def test_default_priors_put_laws_on_the_same_footing() -> None:
    """Evidence must not depend on how wide a law's priors happen to make its loss."""
    log_density = {name: float(np.log(density_at_the_reference_loss(name))) for name in FOOTING}
    spread = max(log_density.values()) - min(log_density.values())
    assert spread < 0.3, log_density  # 0.21: from power (+0.28) down to power_floor (+0.07)
    of_two_inputs = [v for name, v in log_density.items() if not name.startswith("power")]
    assert max(of_two_inputs) - min(of_two_inputs) < 0.1, log_density


def test_implied_prior_of_a_single_contribution() -> None:
    """The histogram against the closed form: without a floor ln L is Normal(0, 0.3)."""
    expected = ss.norm.pdf(0.0, 0.0, 0.3)
    assert density_at_the_reference_loss("power(N)") == pytest.approx(expected, rel=0.03)


def test_one_role_has_one_prior_in_every_law_of_a_kind() -> None:
    with_floor = ["power_floor(N)", "chinchilla", "kaplan_floor", "skaling", "subscaling"]
    for names in (with_floor, ["power(N)", "kaplan"]):
        for role in ("floor", "exponent", "coupling"):
            found = {p.prior for name in names for p in laws.get(name).parameters if p.role == role}
            assert len(found) <= 1, (role, found)


# --- what it says of itself --------------------------------------------------------------------


@pytest.mark.parametrize("name", laws.names())
def test_every_named_law_describes_itself(name: str) -> None:
    law = laws.get(name)
    assert law.title
    assert law.formula
    assert "arXiv" in law.source
    assert law.notes
    assert all(p.meaning and p.unit for p in law.parameters)
    assert len({p.name for p in law.parameters}) == len(law.parameters)
    for p in law.parameters:
        assert p.name in repr(law) or len(law.parameters) > 11


def test_a_law_needs_an_input() -> None:
    with pytest.raises(LawError, match="no input"):
        laws.Law(name="flat", term=laws.Irreducible())


def test_registered_laws_are_found_and_names_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayescale.laws.registry._registered", {})
    law = laws.register(laws.Law(name="test_law_mine", term=laws.Power("N") + laws.Power("C")))
    assert laws.get("test_law_mine") is law
    assert "test_law_mine" in laws.names()
    for name in ("chinchilla", "not a word", "a.b"):
        with pytest.raises(BayescaleError):
            laws.register(laws.Law(name=name, term=law.term))


def test_finding_a_law_starts_no_jax_backend() -> None:
    code = (
        "from bayescale import laws; laws.get('subscaling').priors; "
        "from jax._src import xla_bridge; assert not xla_bridge._backends"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ}, timeout=120, check=False
    )
    assert done.returncode == 0


# --- allocation exponents ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["chinchilla", "skaling", "kaplan", "kaplan_floor"])
def test_allocation_exponents_against_a_grid(name: str) -> None:
    """The best N at C = 6ND grows as C^a with a = beta/(alpha + beta)."""
    law = laws.get(name)
    names = law.allocation_exponents
    assert names is not None
    p = dict.fromkeys(law.field_names, 0.0)
    p |= {"E": 1.0, "A": 300.0, "B": 900.0, "alpha": 0.3, "beta": 0.4, "k": 0.7}
    p |= {"N_c": 1e14, "D_c": 3e13, "alpha_N": 0.07, "alpha_D": 0.11}
    p = {k: p[k] for k in law.field_names}
    best = []
    for flops in (1e20, 1e24):
        log_n = np.linspace(np.log(1e5), np.log(1e16), 200_001)
        loss = law.loss({"N": np.exp(log_n), "D": flops / 6 / np.exp(log_n)}, p)
        best.append(log_n[np.argmin(loss)])
    slope = (best[1] - best[0]) / np.log(1e4)
    alpha, beta = (p[name] for name in names)
    assert slope == pytest.approx(beta / (alpha + beta), abs=1e-3)


@pytest.mark.parametrize(
    "expression",
    [
        "subscaling",
        "power(N)",
        "irreducible + power(N) + power(C)",
        "irreducible + coupled(power(N)) + power(D)",
        'power(N, per="beta") + power(D)',
    ],
)
def test_other_forms_have_no_allocation_exponents(expression: str) -> None:
    assert laws.get(expression).allocation_exponents is None
