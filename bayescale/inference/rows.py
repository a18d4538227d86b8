"""How the rows of a large table are laid out: grouped, in blocks, over devices.

A program that took a million rows at once would hold every intermediate of every lane for all of
them. So the rows of a large table lie in an array of shape ``(device, block, row)``: a program goes
from block to block (:func:`bayescale.inference.density.log_likelihood_sum`), and where JAX has
several devices each holds its own rows, by :class:`jax.sharding.NamedSharding` and ordinary
``jit``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from bayescale.inference.runtime import float64, rows_at_once
from bayescale.model import LARGE, NUMBERS, Data, Signature, bucket

__all__ = [
    "arranged",
    "by_row",
    "flat",
    "grouped",
    "is_large",
    "n_devices",
    "n_rows",
    "n_runs",
    "thinned",
]

FEWER = 2
"""Runs are grouped where there are at least this many times fewer groups."""


def n_rows(data: Data) -> int:
    """Number of rows, without padding."""
    return int(np.sum(data["mask"]))


def n_runs(data: Data) -> int:
    """Number of runs: of rows, or of those that groups stand for."""
    if "count" not in data:
        return n_rows(data)
    return round(float(np.sum(np.asarray(data["count"]), where=np.asarray(data["mask"]))))


def is_large(data: Data) -> bool:
    """Whether a table is taken in blocks."""
    return data["mask"].ndim > 1 or n_rows(data) > LARGE


def n_devices(data: Data) -> int:
    """Number of devices over which the rows are spread."""
    return data["mask"].shape[0] if data["mask"].ndim > 1 else 1


def by_row(data: Data) -> dict[str, Any]:
    """The arrays that have a value for each row."""
    return {name: v for name, v in data.items() if name not in NUMBERS}


def flat(data: Data) -> Data:
    """Rows one after the other again, without padding, on the host."""
    n = n_rows(data)  # padding is at the end
    laid = np.ndim(data["mask"])

    def out(values: Any) -> np.ndarray:
        values = np.asarray(values)
        return np.asarray(values.reshape(-1, *values.shape[laid:])[:n])

    return {**data, **jax.tree.map(out, by_row(data))}


def arranged(data: Data, devices: Sequence[jax.Device] | None = None) -> Data:
    """A large table in blocks, on its devices; a smaller one as it is.

    Parameters
    ----------
    data : dict
        From :meth:`bayescale.model.Model.data` or :func:`grouped`.
    devices : sequence of jax.Device, optional
        The devices to spread the rows over; all of this process unless said.
    """
    if data["mask"].ndim > 1 or not is_large(data):
        return data
    devices = list(devices or jax.local_devices())
    n = n_rows(data)
    each = -(-n // len(devices))
    width = min(rows_at_once(), bucket(each))
    shape = (len(devices), _blocks(-(-each // width)), width)

    def lay(values: Any) -> Any:
        values = np.asarray(values)
        padded = np.empty((np.prod(shape), *values.shape[1:]), dtype=values.dtype)
        padded[:], padded[:n] = values[0], values[:n]
        return place(padded.reshape((*shape, *values.shape[1:])))

    def place(values: np.ndarray) -> Any:
        if len(devices) == 1:
            return jax.device_put(values)
        mesh = jax.sharding.Mesh(np.array(devices), ("run",))
        return jax.device_put(values, jax.sharding.NamedSharding(mesh, jax.P("run")))

    with float64():
        rows = jax.tree.map(lay, by_row(data))
        mask = (np.arange(np.prod(shape)) < n).reshape(shape)
        return {**data, **rows, "mask": place(mask)}


def _blocks(n: int) -> int:
    """Blocks come in few numbers, so that few programs serve all tables: 8, 9, ... 16, 18, ..."""
    step = 1
    while n > 16 * step:
        step *= 2
    return -(-n // step) * step


def grouped(data: Data, signature: Signature) -> Data | None:
    """Runs with the same inputs as one row each, where that loses nothing; else None.

    With Normal noise the log likelihood depends on the losses of such runs through their number,
    the mean of their logs and the sum of squares about it alone: an identity, not an approximation.
    Small tables are left as they are.
    """
    if not signature.noise.groups or "count" in data or not is_large(data):
        return None
    data = flat(data)
    x, log_loss = data["x"], np.log(data["loss"])
    codes = np.zeros(len(log_loss), np.int64)
    for values in x.values():
        own = np.unique(values, axis=0, return_inverse=True)[1].reshape(-1)
        joint = codes * (int(own.max()) + 1) + own
        codes = np.unique(joint, return_inverse=True)[1]
    _, first, count = np.unique(codes, return_index=True, return_counts=True)
    if FEWER * len(count) > len(log_loss):
        return None
    mean = np.bincount(codes, log_loss) / count
    square = np.bincount(codes, (log_loss - mean[codes]) ** 2)
    size = bucket(len(count))

    def padded(values: np.ndarray) -> np.ndarray:
        filled = np.empty((size, *values.shape[1:]), np.float64)
        filled[:], filled[: len(values)] = values[0], values
        return filled

    rest = {name: data[name] for name in NUMBERS}
    return {
        **rest,
        "x": {name: padded(values[first]) for name, values in x.items()},
        "noise": {},
        "mask": np.arange(size) < len(count),
        "count": padded(count),
        "mean": padded(mean),
        "square": padded(square),
    }


def thinned(data: Data, n: int) -> Data:
    """A table of ``n`` rows drawn at random, always the same ones, for a first look."""
    data = flat(data)
    chosen = np.sort(np.random.default_rng(0).choice(n_rows(data), n, replace=False))
    return {**data, **jax.tree.map(lambda values: values[chosen], by_row(data))}
