"""Seeds, runs and families that share an intercept."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import scipy.stats as ss

import bayescale as bs
from bayescale.errors import LawError, RunsError
from bayescale.evidence.loo import psis_loo
from bayescale.fitting import build_model

EXAMPLES = runpy.run_path(str(Path(__file__).with_name("examples.py")))
LAW, densities, recovered, residuals, simulated = (
    EXAMPLES[name]
    for name in (
        "LAW",
        "densities",
        "recovered",
        "residuals",
        "simulated",
    )
)


OWN = {"sigma": 0.004, "between": 0.02}
NOISE = "effects(seed)"
SEEDS = np.random.default_rng(5).permutation(np.repeat(np.arange(24), 5))


def test_the_rows_add_up_to_the_joint_normal_density() -> None:
    runs = simulated(NOISE, OWN, 1, seed=SEEDS)
    same = SEEDS[:, None] == SEEDS[None, :]
    covariance = OWN["between"] ** 2 * same + OWN["sigma"] ** 2 * np.eye(len(SEEDS))
    joint = ss.multivariate_normal(cov=covariance).logpdf(residuals(runs))
    joint -= np.log(runs.loss).sum()
    assert densities(NOISE, runs, OWN).sum() == pytest.approx(joint, abs=1e-6)


def test_rows_may_have_scales_of_their_own() -> None:
    se = 0.03 * (np.arange(len(SEEDS)) % 2)
    runs = simulated("measured(effects(seed))", OWN, 1, seed=SEEDS, loss_se=se)
    same = SEEDS[:, None] == SEEDS[None, :]
    own = OWN["sigma"] ** 2 + (se / runs.loss) ** 2
    covariance = OWN["between"] ** 2 * same + np.diag(own)
    joint = ss.multivariate_normal(cov=covariance).logpdf(residuals(runs))
    joint -= np.log(runs.loss).sum()
    assert densities("measured(effects(seed))", runs, OWN).sum() == pytest.approx(joint, abs=1e-6)


@pytest.fixture(scope="module")
def fit() -> bs.Fit:
    return recovered(NOISE, OWN, 3, seed=SEEDS)


def test_shared_errors_are_not_taken_for_many_independent_ones(fit: bs.Fit) -> None:
    """Ten rows a seed know the level no better than the seeds do."""
    plain = bs.fit(LAW, fit.runs, noise="normal", method="laplace", progress=False)
    at = {"N": np.array([3e7])}
    assert np.std(fit.log_law(at)) > 1.4 * np.std(plain.log_law(at))


def test_leave_one_out_leaves_out_whole_seeds(fit: bs.Fit) -> None:
    score = psis_loo(fit)
    assert len(score.pointwise) == 24
    held = fit.log_likelihood.reshape(-1, len(SEEDS))
    # The density of the units is that of all runs.
    assert score.elpd < held.sum(axis=1).mean()
    assert score.elpd > held.sum(axis=1).mean() - 40.0


def test_a_new_run_is_of_a_new_seed(fit: bs.Fit) -> None:
    width = bs.forecast(fit, {"N": 3e7}).predictive.parts(0.9)["noise"][0]
    scale = np.hypot(fit.draws["sigma"], fit.draws["between"])
    assert width == pytest.approx(2 * 1.645 * np.median(scale), rel=0.1)


def test_refusals() -> None:
    runs = simulated("normal", {"sigma": 0.01}, 3, n=20)
    with pytest.raises(RunsError, match="no column 'seed'.*--column seed=NAME"):
        bs.fit(LAW, runs, noise=NOISE, progress=False)
    many = simulated("normal", {"sigma": 0.01}, 3, n=5000, seed=np.arange(5000))
    with pytest.raises(LawError, match="5,000 rows"):
        build_model(LAW, NOISE).data(many)
