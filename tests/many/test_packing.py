"""Packed fits come back whole, and damage is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import bayescale as bs
from bayescale.errors import FileError, LawError
from bayescale.many import packing


@pytest.fixture(scope="module")
def fit(make_runs: Callable[..., bs.Runs], options: dict[str, Any]) -> bs.Fit:
    return bs.fit("power_floor(N)", make_runs(0), noise="normal", seed=3, **options)


def test_a_fit_comes_back_as_it_was(fit: bs.Fit) -> None:
    again = packing.unpack(packing.pack(fit, "key"), fit.model, fit.runs)
    for group in ("draws", "log_prior", "sample_stats"):
        assert list(getattr(again, group)) == list(getattr(fit, group))
        for name, values in getattr(fit, group).items():
            np.testing.assert_array_equal(getattr(again, group)[name], values)
    np.testing.assert_array_equal(again.log_likelihood, fit.log_likelihood)
    for name in ("reference", "optima", "method", "seed", "seconds", "versions"):
        assert getattr(again, name) == getattr(fit, name)
    assert again.diagnosis.to_json() == fit.diagnosis.to_json()
    ahead, before = (bs.forecast(f, {"N": [1e10]}).interval(0.9) for f in (again, fit))
    np.testing.assert_array_equal(ahead, before)


def test_the_record_holds_the_table(fit: bs.Fit) -> None:
    record = packing.verified(packing.pack(fit, "key"), "key")
    table = fit.table()
    for name, numbers in record["parameters"].items():
        np.testing.assert_allclose(
            numbers, table.loc[name, ["mean", "sd", "q05", "q50", "q95"]].astype(float)
        )


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        1.5,
        "text",
        [1, [2.5, None]],
        {"array": [1], "mapping": {"a": "b"}},
        {"ranks": np.arange(6.0).reshape(2, 3), "names": np.array(["a", "bc"])},
    ],
)
def test_values_come_back(fit: bs.Fit, value: Any) -> None:
    again = packing.unpack_value(packing.pack_value(fit, "key", value))
    np.testing.assert_equal(again, value)
    assert type(again) is type(value)


def test_tuples_and_numpy_scalars_become_plain(fit: bs.Fit) -> None:
    again = packing.unpack_value(packing.pack_value(fit, "key", (np.float64(2.0), np.int64(3))))
    assert again == [2.0, 3]


def test_what_cannot_be_stored_is_refused(fit: bs.Fit) -> None:
    with pytest.raises(LawError, match="returned Fit, which cannot be stored"):
        packing.pack_value(fit, "key", {"fit": fit})


def test_damage_anywhere_is_told(fit: bs.Fit) -> None:
    data = packing.pack(fit, "key")
    rng = np.random.default_rng(0)
    for cut in (0, 1, len(data) // 2, len(data) - 1):
        with pytest.raises(FileError):
            packing.verified(data[:cut], "key")
    inside = data.index(b"\x93NUMPY") + 200  # among the first array's numbers
    for place in (inside, *rng.integers(inside, int(0.9 * len(data)), 20)):
        changed = bytearray(data)
        changed[place] ^= 0xFF
        try:
            packing.verified(bytes(changed), "key")
        except FileError:
            continue
        # Between members a byte may change that nothing reads.
        again = packing.unpack(bytes(changed), fit.model, fit.runs)
        np.testing.assert_array_equal(again.log_likelihood, fit.log_likelihood)
    with pytest.raises(FileError, match="not the fit that its name says"):
        packing.verified(data, "another key")
