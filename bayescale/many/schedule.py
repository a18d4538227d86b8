"""In what order, and how many at a time, jobs are handed to workers.

Jobs of one shape share compiled programs. The first job of a shape goes out alone, so that it is
compiled once and the other workers find its programs in the cache on disk; a worker that has done
jobs of a shape gets more of the same. Chunks are about two seconds long, and shorter towards the
end, so that workers finish together. None of this changes a result.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from bayescale.many.work import Answer, Job

__all__ = ["Batch", "Schedule"]

SECONDS = 2.0
"""Length of a chunk: long beside the cost of handing it over, short beside a user's patience."""

FIRST = 4
"""Jobs in a chunk of a shape whose cost is not known yet."""

MOST = 64


@dataclass(frozen=True)
class Batch:
    """Jobs of one shape that go out together; ``alone`` where one of them may kill its worker."""

    shape: Hashable
    jobs: tuple[Job, ...]
    alone: bool = False


@dataclass
class _Queue:
    waiting: deque[Job]
    begun: bool = False
    known: bool = False
    seconds: float = math.nan


@dataclass
class Schedule:
    """The jobs that have not been handed out."""

    jobs: Iterable[tuple[Hashable, Job]]
    _queues: dict[Hashable, _Queue] = field(init=False, default_factory=dict)
    _suspects: deque[tuple[Hashable, Job]] = field(init=False, default_factory=deque)

    def __post_init__(self) -> None:
        for shape, job in self.jobs:
            self._queues.setdefault(shape, _Queue(deque())).waiting.append(job)

    def __bool__(self) -> bool:
        """Whether anything is left to hand out."""
        return bool(self._suspects) or any(q.waiting for q in self._queues.values())

    def take(self, workers: int, in_flight: int, last: Hashable = None) -> Batch | None:
        """The next batch for a worker that did ``last``; None where it has to wait."""
        shape = self._shape(last)
        if shape is not None:
            queue = self._queues[shape]
            size = self._size(queue, workers) if queue.known else 1
            queue.begun = True
            return Batch(shape, tuple(queue.waiting.popleft() for _ in range(size)))
        if self._suspects and not in_flight:
            shape, job = self._suspects.popleft()
            return Batch(shape, (job,), alone=True)
        return None

    def done(self, batch: Batch, answers: Iterable[Answer]) -> None:
        """Learn what the jobs of a shape cost."""
        queue = self._queues[batch.shape]
        seconds = [a.seconds for a in answers if a.seconds > 0.0 and a.failure is None]
        if queue.known and seconds:
            queue.seconds = sum(seconds) / len(seconds)
        queue.known = True

    def suspect(self, batch: Batch) -> None:
        """Hold back jobs whose worker died; they are tried again one by one, with nothing beside.

        So the one that kills its worker is told from those that were there by chance.
        """
        self._suspects.extend((batch.shape, job) for job in batch.jobs)
        self._queues[batch.shape].known = True

    def left(self) -> list[Job]:
        """What was not handed out."""
        waiting = [job for queue in self._queues.values() for job in queue.waiting]
        return waiting + [job for _, job in self._suspects]

    def _shape(self, last: Hashable) -> Hashable:
        waiting = {shape: q for shape, q in self._queues.items() if q.waiting}
        if last in waiting and waiting[last].known:
            return last
        new = [shape for shape, q in waiting.items() if not q.begun]
        known = [shape for shape, q in waiting.items() if q.known]
        for candidates in (new, known):
            if candidates:
                return max(candidates, key=lambda shape: len(waiting[shape].waiting))
        return None

    @staticmethod
    def _size(queue: _Queue, workers: int) -> int:
        fair = math.ceil(len(queue.waiting) / (2 * workers))
        wanted = FIRST if math.isnan(queue.seconds) else math.ceil(SECONDS / queue.seconds)
        return max(1, min(fair, wanted, MOST))
