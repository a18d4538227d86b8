"""Which prior on the scale of the noise keeps its promise, from quiet data to noisy?

Data sets are simulated from a power law with a floor, with normal noise of a known scale on log
loss, and fitted with the default Student-t noise; the coverage of 90 % bands inside the range of
the runs is counted, of a new run and of the law, and the share of the points that are vouched for.

    python benchmarks/noise_prior/scale.py          # about two minutes; writes scale.md here
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common

import bayescale as bs
from bayescale.prior import HalfNormal, LogNormal
from bayescale.runs.read import read_quietly

REPETITIONS = 24
CASES = ((12, 0.005), (12, 0.1), (12, 0.3), (40, 0.005), (40, 0.3))
PRIORS = {
    "halfnormal(0.02)": HalfNormal(0.02),
    "lognormal(0.01, 1.5) (default)": LogNormal(0.01, 1.5),
}
AT = np.geomspace(1.5e6, 8e9, 40)


def law(x: np.ndarray) -> np.ndarray:
    """The true curve."""
    return np.asarray(1.8 + 400.0 / x**0.34)


def once(runs: int, noise: float, prior: bs.prior.Prior, seed: int) -> list[float]:
    """Coverage of a new run and of the law, share vouched for, log width; of one data set."""
    rng = np.random.default_rng([runs, round(1e4 * noise), seed])
    x = np.geomspace(1e6, 1e10, runs)
    table = read_quietly({"N": x, "loss": law(x) * np.exp(noise * rng.standard_normal(runs))})
    fit = bs.fit(
        "power_floor(N)",
        table,
        method="quick",
        priors={"sigma": prior},
        draws=500,
        progress=False,
    )
    ahead = bs.forecast(fit, {"N": AT})
    new = law(AT) * np.exp(noise * rng.standard_normal(len(AT)))
    found = []
    for kind, seen in (("new", new), ("latent", law(AT))):
        low, high = ahead.interval(0.9, kind)
        found.append(float(np.mean((low <= seen) & (seen <= high))))
    low, high = ahead.interval(0.9)
    return [*found, float(ahead.trustworthy.mean()), float(np.mean(np.log(high / low)))]


def main() -> None:
    """Count, and write the table."""
    rows = []
    for runs, noise in CASES:
        for name, prior in PRIORS.items():
            mean = np.mean([once(runs, noise, prior, s) for s in range(REPETITIONS)], axis=0)
            rows.append([str(runs), f"{noise:g}", name, *(f"{v:.2f}" for v in mean)])
    header = ["runs", "true noise", "prior on sigma", "new run", "law", "vouched", "log width"]
    text = (
        "# The prior on the scale of the noise\n\nWritten by `scale.py`. Coverage of 90 % bands "
        f"inside the range of the runs, {REPETITIONS} simulated data sets a row, the true noise "
        "normal, the noise model the default Student-t.\n\n" + common.markdown(header, rows)
    )
    (Path(__file__).parent / "scale.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
