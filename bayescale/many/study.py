"""The verb ``fit_many``: a study of many fits."""

from __future__ import annotations

import os
import secrets
import time
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from bayescale.errors import BayescaleError, BayescaleWarning, FileError, LawError
from bayescale.fitting import build_model, check_options
from bayescale.inference.nuts import Settings
from bayescale.inference.progress import Progress, progress_bar
from bayescale.many import packing
from bayescale.many.content import computation, digest, model_content, seed_of
from bayescale.many.engines import Engine, engine_of
from bayescale.many.result import Failure, Many
from bayescale.many.schedule import Batch, Schedule
from bayescale.many.store import Store
from bayescale.many.task import Task, Tasks, named
from bayescale.many.work import Answer, Chunk, Job, Orders, answer
from bayescale.model import Model, bucket

__all__ = ["fit_many"]


def fit_many(
    tasks: Tasks,
    *,
    method: str = "quick",
    seed: int = 0,
    draws: int = 1000,
    warmup: int = 300,
    chains: int = 4,
    reduce: Callable[..., Any] | None = None,
    folder: str | os.PathLike[str] | None = None,
    executor: Any = None,
    workers: int | None = None,
    progress: bool | Progress = True,
) -> Many:
    """Fit many laws to many tables of runs.

    Every fit depends on its own content alone: the same task has the same seed and the same draws
    whatever its name, its place among the others, the number of workers and the engine. A fit that
    fails is reported by name, and the others go on.

    Parameters
    ----------
    tasks : mapping of str to Task, or iterable of Task
        What to fit, by name; without names they are called ``"0"``, ``"1"``, ... A pair
        ``(law, runs)`` stands for a task. Tasks of the same content are fitted once.
    method : {"quick", "nuts", "laplace", "auto"}
        ``quick`` draws from the Laplace approximation with Pareto-smoothed importance weights, and
        samples by NUTS where its check fails; see :func:`bayescale.fit`.
    seed : int
        The study's seed, from which every fit's follows.
    draws, warmup, chains : int
        As for :func:`bayescale.fit`.
    reduce : callable, optional
        Called in the worker as ``reduce(fit, **task.given)``; what it returns (numbers, text,
        arrays, lists, mappings by text) is kept in place of the fit, whose draws are megabytes. A
        stored result is used again while the function's own source is unchanged; what it calls is
        not looked into.
    folder : path, optional
        Finished fits are stored here as they come, under a hash of all that they depend on, and
        are not computed twice: run the same study again after a kill and it goes on. Several
        studies may share a folder, also at the same time. Without it, results are held in memory.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Where to compute; it is left running. Unless given, processes on this machine.
    workers : int, optional
        Number of processes on this machine, or of chunks on their way to ``executor`` at once. By
        default as many as there are processors (for ``nuts``, whose chains are threads, processors
        over chains); for fewer than 150 quick fits, this process.
    progress : bool or callable, default True
        Whether to show a bar with the time left, where standard error is a terminal; or a function
        that is called with fits done and fits in all.

    Returns
    -------
    Many

    Raises
    ------
    BayescaleError
        Where the settings cannot be used or the folder cannot be written; not where a fit fails.

    Warns
    -----
    BayescaleWarning
        Where fits failed, stored files were damaged, or workers died.

    Examples
    --------
    >>> import bayescale as bs
    >>> runs = bs.datasets.load("tiny")  # doctest: +SKIP
    >>> many = bs.fit_many(
    ...     {law: (law, runs) for law in ("chinchilla", "skaling")}
    ... )  # doctest: +SKIP
    >>> many.table(), many["skaling"]  # doctest: +SKIP
    """
    started = time.perf_counter()
    check_options(method, draws, warmup, chains, seed)
    if reduce is not None and not callable(reduce):
        raise LawError(f"The function reduce is {type(reduce).__name__}. Give one of a fit.")
    settings = Settings(warmup, draws, chains)
    study = _Study(named(tasks), method, settings, seed, reduce, Store(folder) if folder else None)
    study.look_up()
    jobs = study.jobs()
    threads = chains if method == "nuts" else 1
    engine = engine_of(executor, workers, len(jobs), threads) if jobs else None
    with _reporting(progress, len(study.keys)) as report, study.told_on_interrupt():
        study.report = report
        study.tell()
        if engine is None:
            study.here(jobs)
        else:
            study.elsewhere(jobs, engine)
    many = study.result(time.perf_counter() - started)
    if many.troubles:
        warnings.warn("\n".join(many.troubles), BayescaleWarning, stacklevel=2)
    return many


def _reporting(progress: bool | Progress, total: int) -> Any:
    if progress is True:
        return progress_bar(f"{total} fits", "fits", ("starting", "fitting"))
    return nullcontext(progress or None)


@dataclass
class _Study:
    """A study under way: the one place that changes while it runs."""

    tasks: dict[str, Task]
    method: str
    settings: Settings
    seed: int
    reduce: Callable[..., Any] | None
    store: Store | None
    report: Progress | None = None
    keys: dict[str, str] = field(default_factory=dict)
    """Key by task, of those that could be prepared."""

    models: dict[str, Model] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By key, as are ``packed``, ``failed`` and ``reused``."""

    packed: dict[str, bytes] = field(default_factory=dict)
    failed: dict[str, Failure] = field(default_factory=dict)
    reused: set[str] = field(default_factory=set)
    refused: dict[str, Failure] = field(default_factory=dict)
    """By task: those that could not be prepared."""

    messages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        built: dict[Any, Model] = {}
        shared = digest(
            self.method,
            [self.settings.warmup, self.settings.draws, self.settings.chains],
            self.reduce,
            computation(),
            packing.FORMAT,
        )
        for name, task in self.tasks.items():
            try:
                model = self._model(task, built).resolved(task.runs)
                content = digest(model_content(model, task.runs), task.runs)
                seed = seed_of(self.seed, content) if task.seed is None else task.seed
                given = dict(task.given) if self.reduce is not None else {}
                self.keys[name] = digest(shared, content, seed, given)
                self.models[name], self.seeds[name] = model, seed
            except BayescaleError as error:
                self.refused[name] = Failure.of(error)

    @staticmethod
    def _model(task: Task, built: dict[Any, Model]) -> Model:
        """The model of a task; tasks of one declaration share it, and travel with it once."""
        law = task.law if isinstance(task.law, str) else id(task.law)
        noise = task.noise if isinstance(task.noise, str) else id(task.noise)
        beyond = task.discrepancy if isinstance(task.discrepancy, str) else id(task.discrepancy)
        key = (
            law,
            noise,
            beyond,
            task.pool,
            tuple(sorted((task.priors or {}).items(), key=lambda item: item[0])),
        )
        if key not in built:
            built[key] = build_model(task.law, task.noise, task.priors, task.discrepancy, task.pool)
        return built[key]

    def look_up(self) -> None:
        """Find what is finished already."""
        if self.store is None:
            return
        self.store.sweep()
        for name, key in self.keys.items():
            if key in self.records:
                continue
            try:
                record = self.store.record(key)
            except FileError as error:
                self.messages.append(
                    f"The finished fit of the task {name!r} in {str(self.store.path(key))!r} was "
                    f"damaged and is computed again. {error}"
                )
                continue
            if record is not None:
                self.records[key] = record
                self.reused.add(key)

    def jobs(self) -> list[tuple[Hashable, Job]]:
        """What is to be computed, each with the shape that its compiled programs are for."""
        found: dict[str, tuple[Hashable, Job]] = {}
        for name, key in self.keys.items():
            if key not in self.records and key not in found:
                model, task = self.models[name], self.tasks[name]
                given = task.given if self.reduce is not None else {}
                job = Job(key, self.seeds[name], model, task.runs, given)
                found[key] = (model.signature, bucket(len(task.runs))), job
        return list(found.values())

    def tell(self) -> None:
        """Move the progress bar."""
        if self.report:
            done = self.records.keys() | self.failed.keys()
            self.report(sum(key in done for key in self.keys.values()), len(self.keys))

    def orders(self, token: str = "") -> Orders:
        """What workers need beside their jobs."""
        folder = str(self.store.folder) if self.store and token else None
        return Orders(self.method, self.settings, self.reduce, computation(), folder, token)

    def take_in(self, found: Answer) -> None:
        """Keep an answer."""
        if found.failure is not None:
            self.failed[found.key] = found.failure
        else:
            assert found.record is not None
            self.records[found.key] = found.record
            if found.packed is not None:
                if self.store is not None:
                    self.store.write(found.key, found.packed)
                else:
                    self.packed[found.key] = found.packed
        self.tell()

    def here(self, jobs: Iterable[tuple[Hashable, Job]]) -> None:
        """Compute in this process, one shape after the other."""
        groups: dict[Hashable, list[Job]] = {}
        for shape, job in jobs:
            groups.setdefault(shape, []).append(job)
        orders = self.orders()
        for group in groups.values():
            for job in group:
                self.take_in(answer(job, orders, self.store))

    def elsewhere(self, jobs: Iterable[tuple[Hashable, Job]], engine: Engine) -> None:
        """Compute by an engine."""
        token = f".study-{secrets.token_hex(8)}"
        if self.store is not None:
            (self.store.folder / token).touch()
        clean = False
        try:
            _Dispatch(self, Schedule(jobs), engine, self.orders(token)).run()
            clean = True
        finally:
            engine.close(kill=not clean)
            if self.store is not None:
                (self.store.folder / token).unlink(missing_ok=True)

    @contextmanager
    def told_on_interrupt(self) -> Iterator[None]:
        """Say on an interrupt what is safe."""
        try:
            yield
        except KeyboardInterrupt as interrupt:
            if self.store is not None:
                interrupt.add_note(
                    f"{len(self.records)} of {len(set(self.keys.values()))} fits are finished in "
                    f"{str(self.store.folder)!r}. Run the same study again and it goes on."
                )
            raise

    def result(self, seconds: float) -> Many:
        """The frozen result, in the order of the tasks."""
        by_task = {**self.refused}
        by_task |= {n: self.failed[key] for n, key in self.keys.items() if key in self.failed}
        return Many(
            tasks=self.tasks,
            method=self.method,
            seed=self.seed,
            records={n: self.records[k] for n, k in self.keys.items() if k in self.records},
            failures={name: by_task[name] for name in self.tasks if name in by_task},
            reused=frozenset(n for n, key in self.keys.items() if key in self.reused),
            messages=tuple(self.messages),
            seconds=seconds,
            _models=self.models,
            _packed=self.packed if self.store is None else self.store,
        )


@dataclass
class _Dispatch:
    """Keep every worker of an engine busy, and outlive the death of some."""

    study: _Study
    schedule: Schedule
    engine: Engine
    orders: Orders
    _flying: dict[Future[bytes], Batch] = field(default_factory=dict)

    def run(self) -> None:
        import pickle

        self._fill(None)
        try:
            while self._flying:
                landed, _ = wait(self._flying, return_when=FIRST_COMPLETED)
                # What came back is taken in before what is lost with a broken pool.
                for future in sorted(landed, key=lambda future: future.exception() is not None):
                    batch = self._flying.pop(future, None)
                    if batch is None:
                        continue
                    error = future.exception()
                    if error is None:
                        answers: list[Answer] = pickle.loads(future.result())
                        self.schedule.done(batch, answers)
                        for found in answers:
                            self.study.take_in(found)
                    elif isinstance(error, BayescaleError):
                        raise error  # the study's fault, not that of one fit
                    else:
                        self._lost(batch, error)
                    self._fill(batch.shape)
        finally:
            for future in self._flying:
                future.cancel()

    def _fill(self, last: Hashable) -> None:
        import cloudpickle

        while len(self._flying) < self.engine.workers:
            batch = self.schedule.take(self.engine.workers, len(self._flying), last)
            if batch is None:
                return
            payload = cloudpickle.dumps(Chunk(self.orders, batch.jobs))
            try:
                future = self.engine.submit(payload)
            except BrokenExecutor as error:
                self.schedule.suspect(batch)
                self._broken(error)
                continue
            self._flying[future] = batch
            if batch.alone:
                return

    def _lost(self, batch: Batch, error: BaseException) -> None:
        """A chunk did not come back: its worker died, or could not read it."""
        if batch.alone:
            failure = Failure(
                type(error).__name__,
                f"Its worker died or could not take it, twice ({error or 'no reason given'}). "
                "Fit it by itself to see why; a table too large for memory is one reason.",
            )
            self.study.take_in(Answer(batch.jobs[0].key, 0.0, failure=failure))
        else:
            self.schedule.suspect(batch)
        if isinstance(error, BrokenExecutor):
            self._broken(error)

    def _broken(self, error: BrokenExecutor) -> None:
        """The pool is gone with everything that was on its way."""
        for batch in self._flying.values():
            self.schedule.suspect(batch)
        self._flying.clear()
        if self.engine.renew():
            self.study.messages.append(
                "A worker process died; what it was fitting was fitted again, one by one."
            )
            return
        reason = (
            "The executor broke: one of its workers died. Start a new one and run the study again; "
            "give a folder, and what is finished is not computed twice."
        )
        for job in self.schedule.left():
            failure = Failure(type(error).__name__, reason)
            self.study.take_in(Answer(job.key, 0.0, failure=failure))
        self.schedule = Schedule(())
