"""Draw the pictures of ``docs/figures``: ``python docs/make_figures.py [FOLDER]``.

Prior predictive curves of four laws at the design of Hoffmann et al. 2022: nine isoFLOP budgets
from 6e18 to 3e21 FLOP. The losses are invented from a published fit, so that no data set is needed;
they only set the reference loss, in whose units the amplitudes' priors are stated.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import bayescale as bs
from bayescale.plots import plot

LAWS = ("chinchilla", "kaplan", "skaling", "subscaling")
BUDGETS = (6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21)


def invented_runs(seed: int = 0) -> bs.Runs:
    """81 runs: at each budget nine sizes, from a fifth to five times the size at 20 tokens each."""
    rng = np.random.default_rng(seed)
    budget = np.repeat(BUDGETS, 9)
    n = np.sqrt(budget / 120) * np.tile(np.geomspace(0.2, 5, 9), len(BUDGETS))
    inputs = {"N": n, "D": budget / (6 * n)}
    law = bs.laws.get("chinchilla")
    noise = np.exp(0.005 * rng.standard_normal(len(n)))
    return bs.read_runs(
        {**inputs, "loss": law.loss(inputs, law.preset("besiroglu2024")) * noise}, count="total"
    )


def main(folder: Path) -> None:
    """Draw one picture for each law; the posterior of the fit is not used."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in LAWS:
        fit = bs.fit(name, invented_runs(), method="laplace")
        plot(fit, "prior").savefig(folder / f"prior-{name}.png", dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "figures"))
