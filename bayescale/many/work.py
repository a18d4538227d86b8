"""What a worker does: fit the jobs that it is handed, one after the other.

A chunk of jobs travels as bytes, by cloudpickle, so that laws and functions that were written in a
script or a notebook reach any worker; so do the answers.
"""

from __future__ import annotations

import pickle
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bayescale.errors import BayescaleError, FileError
from bayescale.fitting import fit_model
from bayescale.inference.nuts import Settings
from bayescale.many import packing
from bayescale.many.content import computation
from bayescale.many.store import Store
from bayescale.model import Model
from bayescale.runs import Runs

__all__ = ["Answer", "Chunk", "Failure", "Job", "Orders", "VersionError", "answer", "work"]


class VersionError(BayescaleError):
    """A worker computes with another version of bayescale than the study."""


@dataclass(frozen=True)
class Failure:
    """A fit that could not be made.

    Parameters
    ----------
    error : str
        Type of the error.
    message : str
        What it said.
    trace : str
        Where it was raised, for errors that bayescale does not raise on purpose; else empty.
    """

    error: str
    message: str
    trace: str = ""

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """What an error says of itself."""
        expected = isinstance(error, BayescaleError)
        trace = "" if expected else "".join(traceback.format_exception(error))
        return cls(type(error).__name__, str(error), trace)


@dataclass(frozen=True)
class Job:
    """One fit, ready to be made."""

    key: str
    seed: int
    model: Model
    runs: Runs
    given: Mapping[str, Any]


@dataclass(frozen=True)
class Orders:
    """What all fits of a study have in common."""

    method: str
    settings: Settings
    reduce: Callable[..., Any] | None
    version: str
    folder: str | None
    token: str
    """Name of a file in the folder, by which a worker tells that it sees the same folder."""


@dataclass(frozen=True)
class Chunk:
    """Jobs of one shape, and how to do them."""

    orders: Orders
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Answer:
    """What became of a job: a record with the packed fit, unless that is stored; or a failure."""

    key: str
    seconds: float
    record: dict[str, Any] | None = None
    packed: bytes | None = None
    failure: Failure | None = None


def work(payload: bytes) -> bytes:
    """Do a chunk of jobs; for any executor."""
    chunk: Chunk = pickle.loads(payload)
    orders = chunk.orders
    if orders.version != computation():
        raise VersionError(
            f"A worker computes with {computation()}, the study with {orders.version}. Give every "
            "worker the environment of the study; if the code was changed meanwhile, start again."
        )
    store = _shared(orders)
    return pickle.dumps([answer(job, orders, store) for job in chunk.jobs])


def answer(job: Job, orders: Orders, store: Store | None) -> Answer:
    """Do one job, unless it is in the store by now; its failure is an answer too."""
    started = time.perf_counter()
    try:
        found = _finished(job.key, store)
        if found is not None:
            return Answer(job.key, 0.0, found)
        fit = fit_model(job.model, job.runs, orders.method, orders.settings, job.seed)
        if orders.reduce is None:
            packed = packing.pack(fit, job.key)
        else:
            packed = packing.pack_value(fit, job.key, orders.reduce(fit, **job.given))
    except Exception as error:
        return Answer(job.key, time.perf_counter() - started, failure=Failure.of(error))
    record = packing.read_record(packed)
    if store is not None:
        store.write(job.key, packed)
    return Answer(
        job.key, time.perf_counter() - started, record, None if store is not None else packed
    )


def _shared(orders: Orders) -> Store | None:
    """The study's store, where this worker sees the same folder and may write there."""
    if orders.folder is None or not Path(orders.folder, orders.token).is_file():
        return None
    try:
        return Store(orders.folder)
    except FileError:
        return None


def _finished(key: str, store: Store | None) -> dict[str, Any] | None:
    if store is None:
        return None
    try:
        return store.record(key)
    except FileError:  # damaged: computed again, and told by the study itself
        return None
