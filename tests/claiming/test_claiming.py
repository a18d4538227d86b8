"""Claims held to runs: what is missing is told, and questions of known answer are answered."""

from __future__ import annotations

import numpy as np
import pytest

import bayescale as bs
from bayescale.claiming import CLAIMS
from bayescale.claiming.answer import by_factor, by_probability
from bayescale.claiming.claim import Claim
from bayescale.claiming.measures import parameter
from bayescale.claiming.needs import Columns, Curve, Curves, Levels, Off, Varied
from bayescale.claiming.question import Agreement, EverySize, Factor, Forward, Question, Value
from bayescale.errors import BayescaleError, LawError
from bayescale.runs.read import read_quietly

QUICK = {"method": "laplace", "progress": False}


def curve(n: int = 40, seed: int = 1) -> bs.Runs:
    """A curve in N with a floor: E = 1.8, alpha = 0.35."""
    x = np.geomspace(1e6, 1e10, n)
    noise = np.exp(0.003 * np.random.default_rng(seed).standard_normal(n))
    return read_quietly({"N": x, "loss": (1.8 + 480 / x**0.35) * noise})


def grid(**more: object) -> bs.Runs:
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(5e8, 5e10, 5)))
    loss = 1.8 + 480 / n**0.35 + 2000 / d**0.37
    return read_quietly({"N": n, "D": d, "loss": loss, **more})


def claim(key: str, question: Question) -> Claim:
    return Claim(key, "a paper", f"{key} holds.", "a number", "1", (), question)


@pytest.fixture(scope="module")
def answers() -> bs.Claims:
    alpha = parameter("alpha")
    questions = {
        "floor": Factor("power_floor({x})", ("power({x})",)),
        "no floor": Factor("power({x})", ("power_floor({x})",)),
        "steep": Value(("power_floor({x})",), alpha, "alpha", low=0.3),
        "flat": Value(("power_floor({x})",), alpha, "alpha", low=0.0, high=0.1),
        "pooled": Value(("power({x})", "power_floor({x})"), alpha, "alpha", low=0.3),
        "published": Agreement(("power_floor({x})",), alpha, "alpha", {"N": 0.35}),
        "Kaplan's": Agreement(("power({x})",), alpha, "alpha", 0.5, rival="power_floor({x})"),
        "for D only": Agreement(("power_floor({x})",), alpha, "alpha", {"D": 0.3}),
        "every size": EverySize("power_floor({x})", ("power({x})",)),
        "at no size": EverySize("power({x})", ("power_floor({x})",)),
        "forward": Forward("power_floor({x})", "{x}"),
        "too steep": Forward("power({x})", "{x}"),
    }
    which = [claim(key, question) for key, question in questions.items()]
    return bs.claims(curve(), which=which, **QUICK)


def test_verdicts_on_what_is_known(answers):
    verdicts = {c.key: a.verdict for c, a in answers.tested.items()}
    assert verdicts == {
        "floor": "supported",
        "no floor": "contradicted",
        "steep": "supported",
        "flat": "contradicted",
        "pooled": "supported",
        "published": "supported",
        "Kaplan's": "contradicted",
        "for D only": "undecided",
        "every size": "supported",
        "at no size": "contradicted",
        "forward": "supported",
        "too steep": "contradicted",
    }


def test_numbers_are_those_of_the_fits(answers):
    fit = bs.fit("power_floor(N)", answers.runs, **QUICK)
    draws = fit.parameters["alpha"].ravel()
    steep = answers["steep"]
    assert steep.probability == pytest.approx(np.mean(draws >= 0.3))
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95])
    assert (steep.lower, steep.median, steep.upper) == pytest.approx((low, middle, high), rel=1e-3)
    assert low < 0.35 < high
    assert answers["floor"].log_bayes_factor == -answers["no floor"].log_bayes_factor > 3
    assert answers["floor"].probability + answers["no floor"].probability == pytest.approx(1.0)
    assert answers["pooled"].probability == pytest.approx(steep.probability, abs=1e-3)
    assert "Weights: power({x}) 0.000" in " ".join(answers["pooled"].messages)
    assert "do not fit" in answers["Kaplan's"].messages[0].replace("does not", "do not")
    assert "nothing is published for N" in answers["for D only"].sentence


def test_the_table_the_text_and_the_document(answers):
    table = answers.table()
    assert list(table.index) == [c.key for c in answers.tested]
    assert table.loc["steep", "probability"] == answers["steep"].probability
    document = answers.to_json()
    assert [entry["key"] for entry in document["tested"]] == list(table.index)
    assert document["untestable"] == []
    text = answers.text()
    assert "steep holds. Published: 1. SUPPORTED. By power_floor(N), alpha is 0.3" in text
    assert "Claims: 12 tested" in repr(answers)
    figure = answers.plot()
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert labels[::-1] == list(table.index)
    with pytest.raises(BayescaleError, match="no answer on a claim 'other'"):
        answers["other"]


def test_what_the_prior_decides_is_not_vouched_for():
    n = np.geomspace(1e6, 5e6, 12)
    noise = np.exp(0.003 * np.random.default_rng(2).standard_normal(12))
    runs = read_quietly({"N": n, "loss": (1.8 + 480 / n**0.35) * noise})
    found = bs.claims(
        runs,
        which=[claim("floor", Value(("power_floor({x})",), parameter("E"), "E", low=1.0))],
        **QUICK,
    )
    assert not found.ok
    assert "leave to the prior" in " ".join(found["floor"].messages) or (
        "not converged" in " ".join(found["floor"].messages)
    )


def test_a_number_of_a_law_that_does_not_fit_is_not_vouched_for(answers):
    told = "power(N) leaves structure in its residuals"
    assert not answers["Kaplan's"].ok and told in " ".join(answers["Kaplan's"].messages)
    assert answers["steep"].ok and "structure" not in " ".join(answers["steep"].messages)


def test_the_better_of_laws_that_do_not_fit_is_not_vouched_for(answers):
    assert answers["floor"].ok and answers["no floor"].ok
    x = np.geomspace(1e6, 1e10, 40)
    noise = np.exp(0.003 * np.random.default_rng(3).standard_normal(40))
    steeper = (1.8 + 480 / x**0.35) * np.exp(-0.02 * np.log(x / 1e8) ** 2) * noise
    which = [claim("floor", Factor("power_floor({x})", ("power({x})",)))]
    found = bs.claims(read_quietly({"N": x, "loss": steeper}), which=which, **QUICK)
    assert np.isfinite(found["floor"].log_bayes_factor)
    assert not found["floor"].ok and not found.ok
    assert "a law that does not fit, whatever it is better than" in " ".join(
        found["floor"].messages
    )


def test_what_is_missing():
    both, one = grid(), curve()
    assert Varied(("N", "D")).missing(both) == ""
    assert "column D" in Varied(("N", "D")).missing(one)
    n = np.geomspace(1e7, 1e9, 9)
    line = read_quietly({"N": n, "D": 20 * n, "loss": 1.8 + 480 / n**0.35})
    assert "apart" in Varied(("N", "D")).missing(line)
    fixed = read_quietly({"N": n, "D": np.full(9, 1e10), "loss": 1.8 + 480 / n**0.35})
    assert "different D" in Varied(("N", "D")).missing(fixed)
    assert Curve().missing(one) == Curve().missing(fixed) == ""
    assert "curve in one input" in Curve().missing(both)
    assert Off(10.0).missing(both) == "" and "factor of 100" in Off(1e6).missing(both).replace(
        "1e+06", "1000000"
    )
    assert Off(10.0).missing(one) == "the column D"
    assert Columns(("N", "S")).missing(both) == "the column S"
    assert "column run" in Curves().missing(both)
    assert Curves(25).missing(grid(run=["a"] * 25)) == ""
    assert "here 2" in Levels("z", 5, "corpora").missing(grid(z=[0.5] * 12 + [0.6] * 13))


def test_all_claims_of_a_table_that_can_test_none():
    found = bs.claims(read_quietly({"N": [1e9], "D": [1e10], "loss": [3.0]}), **QUICK)
    assert not found.tested and len(found.untestable) == len(CLAIMS)
    assert all(missing for missing in found.untestable.values())
    assert "Missing: " in found.text() and found.ok
    assert (found.table()["verdict"] == "not testable").all()
    with pytest.raises(BayescaleError, match="nothing to draw"):
        found.plot()


def test_the_registry():
    keys = [claim.key for claim in CLAIMS]
    assert len(set(keys)) == len(keys)
    for one in CLAIMS:
        assert one.needs and one.published and one.claim.endswith(".")
        for law in one.question.laws:
            own = bs.laws.get(law.format(x="N"))
            assert set(own.inputs) <= {"N", "D", "C", "M", "S", "B", "L", "z", "aspect"}
    with pytest.raises(LawError, match="no claim 'shapes'"):
        bs.claims(curve(), which=["shapes"])


def test_words():
    assert [by_probability(p) for p in (0.96, 0.5, 0.04, np.nan)] == [
        "supported", "undecided", "contradicted", "no answer",
    ]  # fmt: skip
    assert [by_factor(f) for f in (3.1, 0.0, -3.1, np.nan)] == [
        "supported", "undecided", "contradicted", "no answer",
    ]  # fmt: skip


@pytest.mark.slow
def test_public_runs(shared_data):
    """A mild bend that an outer exponent explains as well; a near one half; a floor."""
    runs = read_quietly(shared_data / "chinchilla_epoch.csv", where="outlier_epoch == 0")
    found = bs.claims(runs, progress=False)
    assert found["joint-power-law"].verdict == "contradicted"
    assert found["allocation"].verdict == "contradicted"
    assert found["allocation"].median == pytest.approx(0.504, abs=0.01)
    assert found["over-training"].verdict == "undecided"
    assert found["over-training-rates"].verdict == "contradicted"


def test_a_law_that_this_version_lacks_is_told():
    one = Claim("k", "p", "c.", "q", "1", (), Factor("nonesuch({x})", ("power({x})",)))
    assert one.missing(curve()) == ("the law 'nonesuch' (not in this version)",)


def test_laws_of_other_inputs():
    """A redundancy score that acts, shapes that do not, and Kaplan's batch exponent."""
    rng = np.random.default_rng(0)
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 1e9, 6), np.geomspace(5e8, 5e10, 6)))
    z, aspect = (
        rng.permutation(np.tile(np.linspace(-1, 1, 6), 6)),
        rng.choice([32, 64, 128, 256.0], 36),
    )
    data = 2000 / d**0.37 * np.exp(0.2 * z)
    noise = np.exp(0.003 * rng.standard_normal(36))
    dense = read_quietly({"N": n, "D": d, "z": z, "loss": (1.8 + 480 / n**0.35 + data) * noise})
    found = bs.claims(dense, which=["density"], **QUICK)["density"]
    assert found.verdict == "supported" and found.lower < 0.2 < found.upper
    plain = (1.8 + 480 / n**0.35 + 2000 / d**0.37) * noise
    shaped = read_quietly({"N": n, "D": d, "aspect": aspect, "loss": plain})
    assert bs.claims(shaped, which=["shape"], **QUICK)["shape"].verdict == "supported"
    at = np.linspace(2.0, 4.0, 12)
    batch = 2.1e8 / at**4.8 * np.exp(0.02 * rng.standard_normal(12))
    found = bs.claims(read_quietly({"L": at, "loss": batch}), which=["critical-batch"], **QUICK)
    assert found["critical-batch"].lower < 4.8 < found["critical-batch"].upper
