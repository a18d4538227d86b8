"""The sampler: it draws the prior where there are no data, and it compiles once."""

from __future__ import annotations

import logging

import jax
import numpy as np
import pytest
from scipy import stats

from bayescale.fitting import build_model
from bayescale.inference import nuts
from bayescale.inference.evaluate import evaluate
from bayescale.inference.laplace import laplace
from bayescale.inference.nuts import Settings, sample
from bayescale.inference.point import optimise
from bayescale.model import LOSS_SCALE
from bayescale.prior import LogNormal
from bayescale.runs.read import read_quietly


def grid(seed: int = 0):
    rng = np.random.default_rng(seed)
    n, d = (a.ravel() for a in np.meshgrid([1e7, 4e7, 1.6e8, 6.4e8], [5e8, 2e9, 8e9, 3.2e10]))
    loss = (1.8 + 480 / n**0.35 + 2000 / d**0.37) * np.exp(0.004 * rng.standard_normal(16))
    return read_quietly({"N": n, "D": d, "loss": loss})


@pytest.fixture(scope="module")
def without_data():
    """Chains on a table of which every row is masked: the posterior is the prior."""
    model = build_model("chinchilla")
    data = model.data(grid())
    data["mask"] = np.zeros_like(data["mask"])
    approximation = laplace(optimise(model, data))
    starts = np.random.default_rng(0).standard_normal((4, len(approximation.mode)))
    arguments = (data, approximation.mode, approximation.factor, starts, 0.0)
    chains = sample(model.signature, *arguments, 0, Settings(draws=2000))
    data["mask"][:] = True  # so that nothing is taken for padding
    evaluated = evaluate(model.signature, chains.u.reshape(-1, chains.u.shape[-1]), data)
    return model, data, evaluated.params


def test_without_data_the_prior_is_drawn(without_data):
    """Every parameter, by its coordinates and their Jacobian: quantiles against closed forms."""
    model, data, params = without_data
    for parameter in model.parameters:
        prior = model.priors[parameter.name]
        unit = data["reference"][LOSS_SCALE] if prior.is_relative else 1.0
        for p in (0.05, 0.25, 0.5, 0.75, 0.95):
            edge = unit * float(prior.quantile(p, parameter.positive))
            below = float(np.mean(params[parameter.name] < edge))
            # Five standard errors, were the 8000 draws worth 1000.
            assert abs(below - p) < 5 * np.sqrt(p * (1 - p) / 1000), (parameter.name, p, below)


def test_without_data_the_parameters_are_independent(without_data):
    model, _, params = without_data
    ranks = stats.rankdata(np.stack([params[p.name] for p in model.parameters]), axis=1)
    correlation = np.corrcoef(ranks) - np.eye(len(ranks))
    assert np.abs(correlation).max() < 0.15


def test_the_record_of_the_chains():
    model = build_model("chinchilla")
    data = model.data(grid())
    approximation = laplace(optimise(model, data))
    d = len(approximation.mode)
    starts = np.zeros((4, d))
    arguments = (model.signature, data, approximation.mode, approximation.factor, starts, 0.0)
    seen: list[tuple[int, int]] = []
    settings = Settings(draws=200)
    chains = sample(*arguments, 5, settings, lambda done, total: seen.append((done, total)))
    assert chains.u.shape == (4, 200, d)
    assert all(values.shape[:2] == (4, 200) for values in chains)
    done = [n for n, _ in seen]
    assert done[0] == 0 and done[-1] == 500 and done == sorted(done)
    assert {total for _, total in seen} == {500}
    assert np.all(chains.steps >= 1) and np.all(chains.steps < 2**settings.max_tree_depth)
    assert np.all((chains.acceptance >= 0) & (chains.acceptance <= 1))
    assert len(np.unique(chains.step_size, axis=1).T) == 1  # fixed after the warm-up

    again = sample(*arguments, 5, settings)
    other = sample(*arguments, 6, settings)
    assert np.array_equal(chains.u, again.u)
    assert not np.array_equal(chains.u, other.u)
    potential = -evaluate(model.signature, chains.u[0], data).log_density
    assert np.allclose(potential, chains.potential[0], rtol=1e-9)


def test_a_retry_is_more_careful():
    settings = Settings(300, 1000, 4)
    retry = settings.cautious()
    assert retry.warmup >= 3 * settings.warmup and retry.warmup % nuts.CHUNK == 0
    assert settings.target_accept < retry.target_accept < 1
    assert (retry.draws, retry.chains) == (settings.draws, settings.chains)
    assert (settings.thin, retry.thin) == (1, nuts.LONGER)
    assert settings.cautious(longer=False).thin == 1


def test_thinned_chains_are_every_so_many_transitions_of_longer_ones():
    model = build_model("chinchilla")
    runs = grid(0)
    reference = model.reference(runs)
    data = model.data(runs, reference)
    best = laplace(optimise(model, data))
    d = len(model.parameters)
    arguments = (model.signature, data, best.mode, best.factor, np.zeros((4, d)), 0.0)
    long = sample(*arguments, 5, Settings(draws=400))
    settings = Settings(draws=100, thin=4)
    chains = sample(*arguments, 5, settings)
    assert all(np.array_equal(a, b) for a, b in zip(long, chains, strict=True))
    diverging = np.zeros((4, 400), bool)
    diverging[1, 5] = True
    kept = chains._replace(diverging=diverging).thinned(settings.thin)
    assert np.array_equal(kept.u, long.u[:, 3::4])
    assert np.argwhere(kept.diverging).tolist() == [[1, 1]]


def test_other_runs_and_other_widths_compile_nothing(caplog):
    """One program serves every table of a bucket, and every width of the same priors."""
    from bayescale.fitting import fit

    fit("chinchilla", grid(0), seed=0, draws=100)
    before = nuts._programs.cache_info()
    with caplog.at_level(logging.DEBUG, logger="jax"), jax.log_compiles():
        runs = grid(1).select(np.arange(13))
        fit("chinchilla", runs, seed=3, draws=200, priors={"alpha": LogNormal(0.4, 0.2)})
    assert nuts._programs.cache_info().misses == before.misses
    compiled = [r.getMessage() for r in caplog.records if "ompil" in r.getMessage()]
    ours = [message for message in compiled if "advance" in message or "initialise" in message]
    assert not ours, ours
