"""What the benchmarks share: the Chinchilla design, the machine in words, and tables."""

from __future__ import annotations

import csv
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
POINTS = ROOT.parent / "shared" / "data" / "chinchilla_epoch.csv"
"""245 points read off figure 4 of Hoffmann et al. 2022 by Besiroglu et al. 2024."""


class Points(NamedTuple):
    """Runs as arrays, and where they come from."""

    N: np.ndarray
    D: np.ndarray
    loss: np.ndarray
    outlier: np.ndarray
    source: str

    def kept(self, with_outliers: bool = False) -> Points:
        """The 240 points of the published refit, or all."""
        keep = np.ones(len(self.N), bool) if with_outliers else ~self.outlier
        return Points(*(column[keep] for column in self[:4]), self.source)


def chinchilla_points() -> Points:
    """The digitised Chinchilla points where the file is there, else the stand-in."""
    if not POINTS.is_file():
        return stand_in()
    table = np.genfromtxt(POINTS, delimiter=",", names=True, dtype=None, encoding="utf-8")
    return Points(
        table["n_params"].astype(float),
        table["d_tokens"].astype(float),
        table["loss"].astype(float),
        table["outlier_epoch"] == 1,
        "Chinchilla points, 240 of 245",
    )


def stand_in() -> Points:
    """240 simulated runs of nearly the same design, by formula, where the points are not at hand.

    Ten compute budgets from 6e18 to 3e21 FLOP, evenly spaced in the logarithm; at each, 24 ratios
    D/N from 0.5 to 800, evenly spaced in the logarithm; N and D follow from C = 6ND. The loss is
    that of Besiroglu et al. 2024 with Student-t noise, sigma = 0.0045 and nu = 4, on its logarithm.
    """
    compute = np.geomspace(6e18, 3e21, 10)
    ratio = np.geomspace(0.5, 800.0, 24)
    c, r = (grid.ravel() for grid in np.meshgrid(compute, ratio, indexing="ij"))
    n = np.sqrt(c / 6.0 / r)
    d = n * r
    law = 1.8169 + 482.01 * n**-0.3478 + 2085.43 * d**-0.3658
    noise = 0.0045 * np.random.default_rng(0).standard_t(4.0, len(n))
    return Points(n, d, law * np.exp(noise), np.zeros(len(n), bool), "stand-in of 240 points")


def machine() -> str:
    """CPU model, cores and memory."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = ""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
        memory = f", {size:.0f} GiB"
    return (
        f"{model}, {cores} cores{memory}, {platform.system()}, Python {platform.python_version()}"
    )


def versions(*names: str) -> dict[str, str]:
    """Installed versions; packages that are not installed are left out."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def in_words(found: Mapping[str, str]) -> str:
    """``name 1.2, other 3.4``."""
    return ", ".join(f"{name} {number}" for name, number in found.items())


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown; every column but the first is flush right."""
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
