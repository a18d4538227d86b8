"""How JAX is used: float64 inside the library, and compiled programs kept on disk.

The user's process keeps its own precision: float64 is switched on for the duration of a call, by
JAX's own context manager. The persistent compilation cache is switched on at the first fit unless
the user has chosen one; set ``BAYESCALE_CACHE_DIR`` to move it, or to the empty string to go
without.
"""

from __future__ import annotations

import functools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import platformdirs

__all__ = ["Program", "cache_dir", "float64", "processors", "rows_at_once", "side_by_side"]

COMPILER_OPTIONS = {"xla_backend_optimization_level": 1}
"""On the host, level 1 compiles a fifth faster than the default and samples as fast; level 0 is
five times slower to sample. Accelerators keep their default: nothing was measured there."""


def cache_dir() -> Path | None:
    """Folder of compiled programs, or None where the user wants none."""
    chosen = os.environ.get("BAYESCALE_CACHE_DIR")
    if chosen is not None:
        return Path(chosen).expanduser() / "programs" if chosen else None
    return Path(platformdirs.user_cache_dir("bayescale")) / "programs"


@functools.cache
def _keep_programs() -> None:
    """Switch on JAX's persistent compilation cache, unless the user has chosen one."""
    folder = cache_dir()
    if folder is None or jax.config.jax_compilation_cache_dir:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # a read-only home is no reason not to fit; programs are then compiled each time
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


@contextmanager
def float64() -> Iterator[None]:
    """Compute in float64 within the block, whatever the user's process is set to."""
    _keep_programs()
    with jax.enable_x64(True):
        yield


def processors() -> int:
    """Number of processors that this process may use.

    ``BAYESCALE_PROCESSORS`` in the environment says it where several processes share a machine.
    """
    if chosen := os.environ.get("BAYESCALE_PROCESSORS", ""):
        return max(1, int(chosen))
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not every system can tell
        return os.cpu_count() or 1


def side_by_side() -> bool:
    """Whether independent chains are best run as lanes of one program.

    So it is on an accelerator, where a second lane costs nothing. On the host each lane costs its
    full price, and waits for the slowest of all.
    """
    return jax.default_backend() != "cpu"


def rows_at_once() -> int:
    """Rows of a large table in one block.

    On the host a block and what is computed from it should stay in the processor's cache, for one
    lane as for a hundred. An accelerator wants many rows at once, and has little memory for many
    lanes of them; nothing was measured there.
    """
    return 131072 if side_by_side() else 4096


class Program:
    """A function compiled once for each set of argument shapes, ahead of its call if asked.

    Compilation runs in a thread, so that several programs compile at once and while the next one
    is traced. (Tracing does not: NumPyro's handlers share one stack.) A process keeps the programs
    that it used last, whatever they are of; one that was let go comes back from the cache on disk.

    Parameters
    ----------
    function : callable
        A pure JAX function of arrays, traced in float64.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._options = None if side_by_side() else COMPILER_OPTIONS

    def prepare(self, *arguments: Any) -> Any:
        """Start compiling for arguments of these shapes.

        Returns
        -------
        tuple of Future and pytree
            The compiled program to be, and the shapes of its result.
        """
        leaves, structure = jax.tree.flatten(arguments)
        key = (self, structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves))
        with _tracing:
            if key not in _compiled:
                # A function of its own for each program: JAX's caches let go of a compiled program
                # when its function goes, not before.
                own = functools.partial(self._function)
                lowered = jax.jit(own, compiler_options=self._options).lower(*arguments)
                future = _compilers().submit(_compile, lowered)
                shapes = jax.tree.map(
                    lambda out: jax.ShapeDtypeStruct(out.shape, out.dtype), lowered.out_info
                )
                _compiled[key] = (future, shapes)
                if len(_compiled) > KEPT:
                    _compiled.popitem(last=False)
            _compiled.move_to_end(key)
            return _compiled[key]

    def __call__(self, *arguments: Any) -> Any:
        """Run; arguments are arrays."""
        future, _ = self.prepare(*arguments)
        return future.result()(*arguments)


KEPT = 64
"""Compiled programs that a process keeps: those of eight laws or so, or of eight sizes of table."""

_compiled: OrderedDict[Any, tuple[Future[Any], Any]] = OrderedDict()
_tracing = threading.RLock()


def _compile(lowered: Any) -> Any:
    with float64():
        return lowered.compile()


@functools.cache
def _compilers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=processors(), thread_name_prefix="compile")
