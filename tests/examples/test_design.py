from __future__ import annotations

import statistics

import numpy as np
import pytest


@pytest.fixture(scope="module")
def runs(study):
    return study("design").Design().runs() + study("subscaling").Subscaling().runs()


@pytest.fixture(scope="module")
def second(study):
    return study("subscaling").Subscaling().runs()


def cells(runs):
    return {(run.shape.n_params, run.tokens) for run in runs}


def test_names_are_unique_and_cells_exact(runs):
    assert len(runs) >= 300
    assert len({run.name for run in runs}) == len(runs)
    for run in runs:
        assert run.tokens == run.steps * run.batch * 128
        assert run.tokens == run.unique_tokens * run.epochs


def test_every_run_has_a_seed_of_its_own_unless_its_block_shares_one(second):
    own = [run.seed for run in second if run.seed >= 10_000]
    assert len(own) == len(set(own)) > 100
    assert {run.seed for run in second if run.seed < 10_000} == {0, 1, 2, 3}


def test_over_training_spans_three_decades(runs):
    grid = [run for run in runs if run.role in ("grid", "over_training")]
    ratio = [run.tokens / run.shape.n_params for run in grid]
    assert min(ratio) < 5 and max(ratio) > 1000
    assert len({run.shape.n_params for run in grid if run.tokens / run.shape.n_params > 300}) >= 3


def test_every_text_is_trained_over_the_same_cells(study, second):
    texts = {run.corpus for run in second} - {"base"}
    assert texts == set(study("corpora").RECIPES) == set(study("subscaling").Subscaling().corpora)
    assert len(texts) >= 6
    of = {t: cells(r for r in second if r.corpus == t and r.role == "density") for t in texts}
    assert len(set(map(frozenset, of.values()))) == 1
    grid = cells(run for run in study("design").Design().runs() if run.role == "grid")
    assert of["dup2"] <= grid  # so the base text has each of these cells too
    assert len({n for n, _ in of["dup2"]}) >= 3 and len({d for _, d in of["dup2"]}) >= 5


def test_repetition_goes_from_one_epoch_to_sixty_four(second):
    assert {run.epochs for run in second if run.role == "repetition"} == {2, 4, 8, 16, 32, 64}


def test_batches_rates_schedules_and_shapes_vary(second):
    for role in ("batch_sweep", "critical_batch"):
        block = [run for run in second if run.role == role]
        assert len({run.shape for run in block}) == 3
        assert max(run.batch for run in block) >= 32 * min(run.batch for run in block)
    assert len({run.schedule for run in second if run.role == "schedule"}) >= 3
    shapes = [run.shape for run in second if run.role == "shape"]
    sizes = np.array(sorted({shape.n_params for shape in shapes}))
    assert len({shape.n_layers for shape in shapes}) >= 6
    small, large = sizes[sizes < 1e5], sizes[sizes > 1e5]
    assert small.max() / small.min() < 1.1 and large.max() / large.min() < 1.1
    for shape in shapes:
        assert shape.d_model % (2 * shape.n_heads) == 0  # rotary positions need even heads


def test_held_out_runs_have_thirty_times_the_median_compute(runs):
    median = statistics.median(run.flops for run in runs)
    held_out = [run.flops for run in runs if run.role == "held_out"]
    assert len(held_out) >= 4 and min(held_out) >= 30 * median
    assert max(run.flops for run in runs if run.role != "held_out") < min(held_out)


def test_cheap_blocks_do_not_wait_for_dear_ones(second):
    done = set()
    for run in second[:175]:
        done.add(run.role)
    assert {"density", "repetition", "critical_batch", "schedule", "held_out"} <= done


def test_reading_a_design_twice_gives_the_same_runs(study):
    assert study("subscaling").Subscaling().runs() == study("subscaling").Subscaling().runs()
