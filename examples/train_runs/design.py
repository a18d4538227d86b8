"""Read the runs of the study from ``design.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from run import Run
from train import LENGTH, Shape

TOKENS_PER_UNIT = 1024
"""The lengths of the design are in this many tokens."""


class Design:
    """The designed study.

    Parameters
    ----------
    path
        The design as TOML; the one beside this file if left out.
    """

    def __init__(self, path: Path | None = None) -> None:
        path = path or Path(__file__).with_name("design.toml")
        self._design: dict[str, Any] = tomllib.loads(path.read_text())
        self._shapes = {name: Shape(**shape) for name, shape in self._design["sizes"].items()}
        self._lengths: dict[str, int] = self._design["lengths"]

    @property
    def sha256(self) -> str:
        """Expected SHA-256 of the assembled text."""
        return self._design["text"]["sha256"]

    def runs(self) -> list[Run]:
        """Return all runs in the order of training.

        The sweep comes first.  The rest follows once the design has learning rates, cheapest run
        first, so that what is done is a usable grid at any time.
        """
        if "lr" not in self._design:
            return self._sweep()
        tuned = self._pilot() + self._one_block() + self._grid() + self._repeats()
        return self._sweep() + sorted(tuned, key=lambda run: run.flops_exact)

    def _sweep(self) -> list[Run]:
        sweep = self._design["sweep"]
        return [
            self._run(
                name=f"{group['cell']}-lr{lr:g}",
                role="lr_sweep",
                batch=group.get("batch", sweep["batch"]),
                lr=lr,
                seed=sweep["seed"],
            )
            for group in sweep["cells"]
            for lr in group["lr"]
        ]

    def _pilot(self) -> list[Run]:
        pilot = self._design["pilot"]
        return [self._tuned(name, "pilot", pilot["batch"]) for name in pilot["runs"]]

    def _one_block(self) -> list[Run]:
        names = self._design["one_block"]["runs"]
        return [self._tuned(name, "one_block", self._batch(name)) for name in names]

    def _grid(self) -> list[Run]:
        grid = self._design["grid"]
        cells = [f"{size}-{length}" for size in grid["sizes"] for length in self._lengths]
        return [
            self._tuned(cell, "grid", self._batch(cell))
            for cell in cells
            if cell not in grid["left_out"]
        ]

    def _repeats(self) -> list[Run]:
        repeats = self._design["seeds"]
        return [
            self._tuned(f"{cell}-seed{seed}", "seed", self._batch(cell))
            for cell in repeats["cells"]
            for seed in repeats["seeds"]
        ]

    def _batch(self, cell: str) -> int:
        return self._design["batch"][cell.split("-")[1]]

    def _seed(self, name: str) -> int:
        """Return the seed in the name, or else that of the cell."""
        size, length, *rest = name.split("-")
        named = [int(part.removeprefix("seed")) for part in rest if part.startswith("seed")]
        first = self._design["first_seed"][size]
        return named[0] if named else first + list(self._lengths).index(length)

    def _tuned(self, name: str, role: str, batch: int) -> Run:
        """Return a run at the tuned learning rate of its size and batch."""
        lr = self._rate(name.split("-")[0], batch)
        return self._run(name, role, batch, float(f"{lr:.3g}"), self._seed(name))

    def _rate(self, size: str, batch: int) -> float:
        """Return the tuned learning rate of a size and a batch in sequences."""
        rates = self._design["lr"]
        return rates[size] * (batch / self._design["sweep"]["batch"]) ** rates["batch_exponent"]

    def _run(self, name: str, role: str, batch: int, lr: float, seed: int) -> Run:
        size, length = name.split("-")[:2]
        steps = self._lengths[length] * TOKENS_PER_UNIT // (batch * LENGTH)
        return Run(name, role, self._shapes[size], steps, batch, lr, seed)
