"""The result of simulation-based calibration: ranks, verdicts, and what could hide a fault."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.checks.simulation import NEAR
from bayescale.checks.uniformity import Bands, Uniformity, bands, judge, spread_out

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Calibration"]


@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """Ranks of truths among the draws of their posteriors, with a verdict.

    Parameters
    ----------
    law, noise : str
    n_runs : int
        Number of runs in the design.
    n : int
        Data sets simulated and given to the fit.
    reference : str
        Whose reference loss the fits used; see :func:`bayescale.checks.sbc`.
    level : float
        Probability that a right posterior fails, over all quantities together.
    method : str
    seed : int
    quantities : tuple of str
    ranks : pandas.DataFrame
        One row for each data set that was fitted, one column for each quantity: how many of
        ``n_draws`` draws lie below the truth.
    n_draws : int
    fits : pandas.DataFrame
        How every fit was made and its verdict; see :meth:`bayescale.Many.table`.
    failures : mapping of int to str
        Data sets that could not be fitted, with the reason.
    unusable, refused : int
        Data sets drawn again: those with a loss that is not finite and above zero, and those that a
        rule on the data did not accept.
    seconds : float
    """

    law: str
    noise: str
    n_runs: int
    n: int
    reference: str
    level: float
    method: str
    seed: int
    quantities: tuple[str, ...]
    ranks: pd.DataFrame
    n_draws: int
    fits: pd.DataFrame
    failures: Mapping[int, str]
    unusable: int
    refused: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the ranks of every quantity, over all fits made, lie within the bands."""
        return all(v.inside for v in self.verdicts.values())

    @functools.cached_property
    def verdicts(self) -> dict[str, Uniformity]:
        """The verdict on each quantity."""
        return self._verdicts(self.ranks)

    @functools.cached_property
    def uniform(self) -> pd.DataFrame:
        """The ranks as numbers that are uniform on (0, 1) under a right posterior."""
        return self._uniform(self.ranks)

    def bands(self, n: int | None = None) -> Bands:
        """Simultaneous bands for one quantity.

        They hold with probability ``1 - level / (number of quantities)``, by Bonferroni, so that
        all quantities together fail a right posterior with probability of at most ``level``
        however their ranks depend on one another.
        """
        return bands(n or len(self.ranks), 1.0 - self.level / len(self.quantities))

    def _uniform(self, ranks: pd.DataFrame) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(
            {name: spread_out(ranks[name].to_numpy(), self.n_draws) for name in self.quantities},
            index=ranks.index,
        )

    def _verdicts(self, ranks: pd.DataFrame) -> dict[str, Uniformity]:
        band, uniform = self.bands(len(ranks)), self._uniform(ranks)
        return {name: judge(uniform[name].to_numpy(), band) for name in self.quantities}

    def sensitivity(self) -> dict[str, tuple[str, ...]]:
        """The quantities outside their bands, as fits are left out or put at the ends.

        Returns
        -------
        dict of str to tuple of str
            ``all fits``; ``converged``: without the fits that did not converge; where fits failed,
            ``failed below`` and ``failed above``: with their truths below and above all draws.
        """
        import pandas as pd

        converged = self.fits["converged"].reindex(self.ranks.index).astype(bool)
        variants = {"all fits": self.ranks}
        if not converged.all() and converged.sum() >= 2:
            variants["converged"] = self.ranks[converged]
        for where, rank in (("below", 0), ("above", self.n_draws)):
            if self.failures:
                missing = pd.DataFrame(
                    rank, index=list(self.failures), columns=list(self.quantities)
                )
                variants[f"failed {where}"] = pd.concat([self.ranks, missing])
        return {
            name: tuple(k for k, v in self._verdicts(ranks).items() if not v.inside)
            for name, ranks in variants.items()
        }

    def table(self) -> pd.DataFrame:
        """One row for each quantity.

        Returns
        -------
        pandas.DataFrame
            ``inside`` the bands; ``largest``, the largest distance of the distribution function
            from the uniform one; ``bias_z`` (above zero: the posterior lies too low) and
            ``spread_z`` (above zero: too narrow) in standard errors; ``above``, the share of truths
            above the posterior median; ``cover50, cover90``; ``kind`` of miscalibration, empty
            where there is none.
        """
        import pandas as pd

        band = self.bands()
        rows = {
            name: {
                "inside": v.inside,
                "largest": float(
                    np.max(np.abs(band.distribution(self.uniform[name].to_numpy()) - band.at))
                ),
                "bias_z": v.bias_z,
                "spread_z": v.spread_z,
                "above": v.above,
                "cover50": v.cover50,
                "cover90": v.cover90,
                "kind": ", ".join(v.kinds),
            }
            for name, v in self.verdicts.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("quantity")

    def text(self) -> str:
        """The verdict, what is wrong where it fails, and what could have hidden a fault."""
        made = self.fits["method"].value_counts()
        how = ", ".join(f"{made[k]} by {k}" for k in made.index if k)
        outside = [name for name, v in self.verdicts.items() if not v.inside]
        lines = [
            f"SBC of {self.law}, {self.noise} noise, {self.n_runs} runs: "
            f"{'PASSES' if self.ok else 'FAILS'}. {len(self.ranks)} data sets ({how}), "
            f"{len(self.quantities)} quantities, {self.seconds:.1f} s.",
        ]
        if outside:
            lines += [self.verdicts[name].text(name) for name in outside]
        else:
            lines.append(
                f"Ranks of every quantity lie within bands that a right posterior leaves with "
                f"probability {self.level:g} over all of them."
            )
        lines += [self._reference_text(), *self._kept_text(), *self._doubt_text(outside)]
        return "\n".join(lines)

    def _reference_text(self) -> str:
        if self.reference == "fixed":
            return "The reference loss was fixed beforehand, for truths and fits alike."
        return (
            "Each fit took the reference loss from its data, as fits do; data sets were kept whose "
            f"own is within {NEAR:.0%} of the one that truths were drawn with."
        )

    def _kept_text(self) -> list[str]:
        lines = []
        if self.unusable:
            lines.append(
                f"Drawn again: {self.unusable} data sets with losses that are not finite and above "
                "zero."
            )
        if self.refused:
            lines.append(
                f"Drawn again: {self.refused} data sets that the rule on the data refused. The "
                "rule does not see the truth, so ranks stay uniform; the verdict is on data sets "
                "that meet it."
            )
        return lines

    def _doubt_text(self, outside: list[str]) -> list[str]:
        lines, found = [], self.sensitivity()
        doubtful = int((~self.fits["converged"].reindex(self.ranks.index).astype(bool)).sum())
        if doubtful:
            line = f"{doubtful} fits did not converge and said so; they are in the verdict."
            if "converged" in found:
                line += f" Without them: {_said(found['converged'])}."
            lines.append(line)
        if self.failures:
            first = next(iter(self.failures.values()))
            lines.append(
                f"{len(self.failures)} fits failed and have no ranks ({first}). With their truths "
                f"below all draws: {_said(found['failed below'])}; above: "
                f"{_said(found['failed above'])}."
            )
        return lines

    def plot(self, **options: Any) -> Figure:
        """Draw every quantity's distribution of ranks less the uniform one, with the bands.

        Options are those of :func:`bayescale.plots.plot_sbc`.
        """
        figure: Figure = import_module("bayescale.plots").plot(self, "sbc", **options)
        return figure

    def __repr__(self) -> str:
        return "\n".join(self.text().splitlines()[:12])


def _said(outside: tuple[str, ...]) -> str:
    return f"fails ({', '.join(outside)})" if outside else "passes"
