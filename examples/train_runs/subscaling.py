"""Read the second part of the study from ``subscaling.toml``."""

from __future__ import annotations

import itertools
import tomllib
import zlib
from pathlib import Path
from typing import Any

from design import TOKENS_PER_UNIT, Design
from run import Run
from train import LENGTH, Shape


class Subscaling(Design):
    """The designed runs about density, repetition, batches, schedules and shapes.

    Parameters
    ----------
    path
        The design as TOML; the one beside this file if left out.
    """

    def __init__(self, path: Path | None = None) -> None:
        super().__init__()
        path = path or Path(__file__).with_name("subscaling.toml")
        extension: dict[str, Any] = tomllib.loads(path.read_text())
        self._corpora: dict[str, str] = extension["corpora"]
        self._blocks: list[dict[str, Any]] = extension["block"]
        for table in ("lengths", "batch"):
            self._design[table] |= extension[table]
        for name, shape in extension["shapes"].items():
            self._design["lr"][name] = self._design["lr"][shape.pop("lr_of")]
            self._shapes[name] = Shape(**shape)

    @property
    def corpora(self) -> dict[str, str]:
        """SHA-256 of each redundant text."""
        return self._corpora

    def runs(self) -> list[Run]:
        """Return all runs in the order of training."""
        return [
            run
            for block in self._blocks
            for run in sorted(self._of_block(block), key=lambda run: run.flops_exact)
        ]

    def _of_block(self, block: dict[str, Any]) -> list[Run]:
        factors = itertools.product(
            block["cells"],
            block.get("corpora", ["base"]),
            block.get("epochs", [1]),
            block.get("batches", [None]),
            block.get("schedules", [None]),
            block.get("lr_factors", [None]),
            block.get("seeds", [None]),
        )
        return [self._of_cell(block, *levels) for levels in factors]

    def _of_cell(
        self,
        block: dict[str, Any],
        cell: str,
        corpus: str,
        epochs: int,
        batch: int | None,
        schedule: str | None,
        factor: float | None,
        seed: int | None,
    ) -> Run:
        parts = {
            cell: True,
            corpus: corpus != "base",
            f"ep{epochs}": epochs > 1,
            f"b{batch}": batch is not None,
            str(schedule): schedule is not None,
            f"x{factor}": factor is not None,
            f"seed{seed}": seed is not None,
        }
        name = "-".join(part for part, named in parts.items() if named)
        size, length = cell.split("-")
        used_batch = batch or self._batch(cell)
        rate = self._rate(size, used_batch) * (factor or 1.0)
        return Run(
            name=name,
            role=block["role"],
            shape=self._shapes[size],
            steps=self._design["lengths"][length] * TOKENS_PER_UNIT // (used_batch * LENGTH),
            batch=used_batch,
            lr=float(f"{rate:.3g}"),
            seed=next(s for s in (seed, block.get("seed"), own_seed(name)) if s is not None),
            corpus=corpus,
            epochs=epochs,
            schedule=schedule or "cosine",
            curve=block.get("curve", False),
            noise_scale=block.get("noise_scale", False),
        )


def own_seed(name: str) -> int:
    """Return the seed of a run: a number made from its name, above all that are chosen by hand."""
    return 10_000 + zlib.crc32(name.encode()) % 1_000_000
