"""Which prior on the degrees of freedom of Student-t noise keeps its promise?

Residuals of a known law, 240 of them, are drawn with a true nu; the posterior of (nu, sigma) is
taken on a grid, and the coverage of the central 90 % interval of each is counted. The default prior
is the one that holds from nu = 3 to nu = 30.

    python benchmarks/noise_prior/run.py            # about two minutes; writes table.md here
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import special, stats

RUNS, REPETITIONS = 240, 400
TRUTHS = (3.0, 4.0, 8.0, 30.0)
PRIORS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "2 + Gamma(2, 0.1)": lambda nu: stats.gamma.logpdf(nu - 2, 2, scale=10),
    "2 + Exponential, mean 10 (default)": lambda nu: stats.expon.logpdf(nu - 2, scale=10),
    "2 + Exponential, mean 5": lambda nu: stats.expon.logpdf(nu - 2, scale=5),
    "2 + LogNormal(median 4, sd 1)": lambda nu: stats.lognorm.logpdf(nu - 2, 1.0, scale=4),
}

LOG_EXCESS = np.linspace(np.log(0.02), np.log(300.0), 160)  # ln(nu - 2)
LOG_SIGMA = np.linspace(-0.6, 0.6, 61)


def log_likelihood(residuals: np.ndarray) -> np.ndarray:
    """Log likelihood on the grid, shape (sigma, nu)."""
    n, nu = len(residuals), 2.0 + np.exp(LOG_EXCESS)
    square = (residuals / np.exp(LOG_SIGMA)[:, None]) ** 2
    constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2) - 0.5 * np.log(nu * np.pi)
    spread = np.stack([np.log1p(square / v).sum(axis=1) for v in nu], axis=1)
    return n * constant - n * LOG_SIGMA[:, None] - 0.5 * (nu + 1) * spread


def covered(marginal: np.ndarray, grid: np.ndarray, truth: float) -> bool:
    """Whether the truth lies in the central 90 % of a marginal on a grid."""
    return bool(0.05 < np.interp(truth, grid, np.cumsum(marginal)) < 0.95)


def main() -> None:
    """Count, and write the table."""
    lines = [
        f"Coverage of the central 90 % interval of nu / of sigma; {RUNS} residuals, "
        f"{REPETITIONS} repetitions, standard error about 0.02. Written by run.py, seed 0.",
        "",
        "| prior on nu | " + " | ".join(f"true nu {t:g}" for t in TRUTHS) + " |",
        "|---|" + "---|" * len(TRUTHS),
    ]
    counts = {name: [] for name in PRIORS}
    for truth in TRUTHS:
        rng = np.random.default_rng(0)
        found = {name: np.zeros(2) for name in PRIORS}
        for _ in range(REPETITIONS):
            likelihood = log_likelihood(rng.standard_t(truth, RUNS))
            for name, prior in PRIORS.items():
                density = likelihood + prior(2.0 + np.exp(LOG_EXCESS)) + LOG_EXCESS
                weight = np.exp(density - density.max())
                weight /= weight.sum()
                found[name] += (
                    covered(weight.sum(axis=0), LOG_EXCESS, np.log(truth - 2.0)),
                    covered(weight.sum(axis=1), LOG_SIGMA, 0.0),
                )
        for name, pair in found.items():
            counts[name].append("{:.2f} / {:.2f}".format(*(pair / REPETITIONS)))
    lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in counts.items()]
    text = "\n".join(lines) + "\n"
    (Path(__file__).parent / "table.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
