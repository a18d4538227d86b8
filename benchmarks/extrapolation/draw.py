"""Draw ``docs/figures/how_far.png`` from ``families.csv``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent
METHODS = {
    "Huber point fit, parameter bootstrap": ("#999999", "x", "point fit, bootstrap"),
    "chinchilla, no discrepancy": ("#D55E00", "o", "chinchilla, no discrepancy"),
    "half, no discrepancy": ("#E69F00", "s", "four laws, no discrepancy"),
    "half, slope": ("#0072B2", "D", "four laws, with discrepancy"),
    "half with skaling:matern, slope": ("#CC79A7", "v", "and skaling:matern"),
}


def main() -> None:
    """Coverage of the 90 % bands by family."""
    table = pd.read_csv(HERE / "families.csv")
    families = list(dict.fromkeys(table["family"]))
    figure = Figure(figsize=(6.5, 3.4), layout="constrained")
    axes = figure.subplots()
    for i, (method, (colour, marker, label)) in enumerate(METHODS.items()):
        mean = table[table["method"] == method].groupby("family")["cover90"].mean()
        at = np.arange(len(families)) + 0.12 * (i - 2)
        axes.plot(mean.loc[families], at, marker, color=colour, label=label, markersize=5)
    axes.axvline(0.9, color="#444444", linewidth=0.8)
    names = [f"{f} (held out)" if f == "loss_to_loss" else f for f in families]
    axes.set_yticks(np.arange(len(families)), names)
    axes.invert_yaxis()
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("share of the larger runs inside the 90 % band")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize="small")
    figure.savefig(HERE.parents[1] / "docs" / "figures" / "how_far.png", dpi=160)


if __name__ == "__main__":
    main()
