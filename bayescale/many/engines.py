"""Where chunks of fits are done: processes here, or any executor that is given."""

from __future__ import annotations

import os
import signal
import threading
import time
from abc import ABC, abstractmethod
from concurrent.futures import Executor, Future
from typing import Any

from bayescale.errors import LawError
from bayescale.inference.runtime import processors, side_by_side
from bayescale.many.work import work

__all__ = ["Engine", "Given", "Processes", "engine_of"]


class Engine(ABC):
    """Somewhere to send chunks to."""

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many chunks to have on their way at once."""

    @abstractmethod
    def submit(self, payload: bytes) -> Future[bytes]:
        """Send a chunk."""

    @abstractmethod
    def renew(self) -> bool:
        """Start again after workers died; False where that is not ours to do."""

    @abstractmethod
    def close(self, *, kill: bool) -> None:
        """Let go of what was started here."""


class Processes(Engine):
    """Processes on this machine, by loky.

    They start from nothing, not as forks of a process with JAX in it, and do not run the user's
    script again, so that it needs no guard.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool = self._started()

    def _started(self) -> Executor:
        from loky import ProcessPoolExecutor

        pool: Executor = ProcessPoolExecutor(
            self._workers, initializer=_begin, initargs=(os.getpid(),), env=self._share()
        )
        return pool

    def _share(self) -> dict[str, str]:
        """Each worker's part of the processors, for the threads of its chains, of NumPy and of XLA.

        XLA, which reads ``NPROC``, would else share every small step of every worker out over all
        processors: a fit takes a fifth longer then, and gives the same bits.
        """
        share = str(max(1, processors() // self._workers))
        blas = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        return {"BAYESCALE_PROCESSORS": share, "NPROC": share, **dict.fromkeys(blas, share)}

    @property
    def workers(self) -> int:
        return self._workers

    def submit(self, payload: bytes) -> Future[bytes]:
        return self._pool.submit(work, payload)

    def renew(self) -> bool:
        self.close(kill=True)
        self._pool = self._started()
        return True

    def close(self, *, kill: bool) -> None:
        self._pool.shutdown(wait=True, kill_workers=kill)  # type: ignore[call-arg]


def _begin(study: int) -> None:
    """Start a worker: it leaves an interrupt to the study, and does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(study,), daemon=True).start()


def _end_with(study: int) -> None:
    while os.getppid() == study:  # a parent that is gone is replaced by another
        time.sleep(1.0)
    os._exit(1)


class Given(Engine):
    """An executor that the user started, and ends."""

    def __init__(self, executor: Any, workers: int | None) -> None:
        # A Dask client makes executors; what such an executor computes on may grow and shrink.
        client = executor if hasattr(executor, "get_executor") else None
        self._client = client or getattr(executor, "_client", None)
        self._executor = client.get_executor(pure=False) if client else executor
        self._asked = workers

    @property
    def workers(self) -> int:
        if self._asked:
            return self._asked
        if self._client is not None:
            return max(1, int(sum(self._client.nthreads().values())))
        return int(getattr(self._executor, "_max_workers", 0)) or processors()

    def submit(self, payload: bytes) -> Future[bytes]:
        sent: Future[bytes] = self._executor.submit(work, payload)
        return sent

    def renew(self) -> bool:
        return False

    def close(self, *, kill: bool) -> None:
        pass


def engine_of(executor: Any, workers: int | None, jobs: int, threads: int) -> Engine | None:
    """The engine for a number of jobs; None for this process itself.

    Each job keeps so many threads busy by itself.

    Raises
    ------
    LawError
        Where the executor is none, or the number of workers is not above zero.
    """
    if workers is not None and workers < 1:
        raise LawError(f"The number of workers is {workers}. Give at least 1.")
    if executor is not None:
        if not hasattr(executor, "submit"):
            raise LawError(
                f"The executor is {type(executor).__name__}, which has no method submit. Give a "
                "concurrent.futures.Executor or a Dask client."
            )
        return Given(executor, workers)
    workers = workers or _sensible(jobs, threads)
    return Processes(workers) if workers > 1 else None


MANY = 150
"""Fits from which the start of worker processes pays: it takes as long as a hundred quick fits."""


def _sensible(jobs: int, threads: int) -> int:
    """Processes for a number of jobs on this machine."""
    if jobs * threads < MANY or side_by_side():  # one process holds an accelerator
        return 1
    return max(1, processors() // threads)
