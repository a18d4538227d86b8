"""No discrepancy: the law is taken to be exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayescale.discrepancy.discrepancy import Discrepancy
from bayescale.laws.law import Law

__all__ = ["Exact"]


@dataclass(frozen=True)
class Exact(Discrepancy):
    """No discrepancy: beyond the data the law holds exactly, and bands are too narrow.

    Parameters
    ----------
    why : str
        Why there is none, where a discrepancy was asked for.
    """

    why: str = ""

    @property
    def name(self) -> str:
        return "none"

    @property
    def is_exact(self) -> bool:
        return True

    def resolved(self, law: Law) -> Exact:
        return self

    def distance(
        self, points: Mapping[str, np.ndarray], frontier: Mapping[str, float]
    ) -> np.ndarray:
        return np.zeros(len(next(iter(points.values()))))

    def slopes(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        return np.zeros(shape)

    def scaled(self, factor: float) -> Exact:
        return self

    def text(self) -> str:
        reason = f" ({self.why})" if self.why else ""
        return f"none{reason}: the law is taken to be exact beyond the data."

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "why": self.why}
