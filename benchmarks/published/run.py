"""Published numbers: the Besiroglu refit, the five points that decide, an independent point fit."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
import independent

import bayescale as bs

HERE = Path(__file__).resolve().parent

PUBLISHED = {
    "E": (1.817, 0.026),
    "alpha": (0.348, 0.015),
    "beta": (0.366, 0.021),
    "a": (0.513, 0.020),
}
"""Besiroglu et al. 2024, arXiv 2404.10102: value and bootstrap standard error."""

AUDIT = {
    ("240", "huber(1e-3)"): (1.817, 0.347, 0.367, 1.973, 17.9),
    ("240", "normal"): (1.865, 0.360, 0.406, 1.995, 14.3),
    ("245", "huber(1e-3)"): (1.891, 0.349, 0.453, 2.012, 6.8),
    ("245", "normal"): (1.992, 0.372, 0.612, 2.075, 2.0),
}
"""E, alpha, beta, L(70B, 1.4T), tokens per parameter at 5.76e23: an earlier audit by others."""

TARGET, COMPUTE = {"N": 70e9, "D": 1.4e12}, 5.76e23


def runs_of(with_outliers: bool) -> Any:
    """The points as runs, with no warning about what is known of them."""
    points = common.chinchilla_points().kept(with_outliers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.BayescaleWarning)
        return bs.read_runs({"N": points.N, "D": points.D, "loss": points.loss}, count="total")


def tokens_per_parameter(field: dict[str, Any]) -> Any:
    """D*/N* at the compute of Chinchilla, C = 6ND."""
    alpha, beta = field["alpha"], field["beta"]
    gain = (alpha * field["A"] / (beta * field["B"])) ** (1 / (alpha + beta))
    return gain**-2 * (COMPUTE / 6) ** ((alpha - beta) / (alpha + beta))


def loss_at_target(field: dict[str, Any]) -> Any:
    return (
        field["E"]
        + field["A"] * TARGET["N"] ** -field["alpha"]
        + field["B"] * TARGET["D"] ** -field["beta"]
    )


def interval(values: np.ndarray, digits: int = 3) -> str:
    low, mid, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{mid:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def refit(fit: Any) -> list[str]:
    """The posterior of the 240 points beside the published refit."""
    rows = []
    for name, (value, se) in PUBLISHED.items():
        draws = fit.parameters[name]
        off = (draws.mean() - value) / se
        rows.append(
            [name, f"{draws.mean():.4f}", f"{draws.std(ddof=1):.4f}", value, se, f"{off:+.2f}"]
        )
    header = ("parameter", "posterior mean", "posterior sd", "published", "its SE", "off by, SE")
    worst = max(abs(float(row[-1])) for row in rows)
    d = fit.diagnosis
    return [
        "## The published refit, 240 points, default settings",
        "",
        common.markdown(header, rows),
        f"All within one published standard error: {'yes' if worst <= 1 else 'NO'} "
        f"(largest {worst:.2f}). Verdict: converged {d.converged}, retried {d.retried}, "
        f"divergences {d.divergences}, R-hat at most {d.rhat_max:.4f}, least bulk ESS "
        f"{d.ess_bulk_min:.0f}, tail ESS {d.ess_tail_min:.0f}.",
        "",
    ]


def audit(data: dict[str, Any], fits: dict[str, Any]) -> list[str]:
    """Loss and outliers decide the answer."""
    rows = []
    for (which, noise), expected in AUDIT.items():
        at = bs.point_fit("chinchilla", data[which], noise=noise, objective="ml").values
        got = (
            at["E"],
            at["alpha"],
            at["beta"],
            loss_at_target(at),
            tokens_per_parameter(at),
        )
        shown = [f"{v:.3f}" for v in got[:4]] + [f"{got[4]:.1f}"]
        listed = [f"{v:.3f}" for v in expected[:4]] + [f"{expected[4]:.1f}"]
        rows.append(
            [
                f"{which} points, {noise}, most likely law",
                *(
                    mine if mine == theirs else f"{mine} ({theirs})"
                    for mine, theirs in zip(shown, listed, strict=True)
                ),
            ]
        )
    for which, fit in fits.items():
        p = fit.parameters
        rows.append(
            [
                f"{which} points, student_t, posterior",
                *(interval(p[name]) for name in ("E", "alpha", "beta")),
                interval(loss_at_target(p)),
                interval(tokens_per_parameter(p), 1),
            ]
        )
    notes = [f"- {message}" for message in fits["245"].diagnosis.messages] or ["- none"]
    shift = {
        name: (fits["245"].parameters[name].mean() - fits["240"].parameters[name].mean())
        / fits["240"].parameters[name].std()
        for name in ("E", "alpha", "beta")
    }
    moved = ", ".join(f"{name} {value:+.1f}" for name, value in shift.items())
    return [
        "## All 245 points: the noise model and five points decide",
        "",
        "In brackets the figure of an earlier audit by others, where it differs in the last digit. "
        "Posteriors: median and 90 % interval. Squared error of the loss itself, the audit's fifth "
        "row, is not offered: noise is on log loss throughout.",
        "",
        common.markdown(
            ("fit", "E", "alpha", "beta", "L(70B, 1.4T)", "tokens per parameter at 5.76e23"), rows
        ),
        f"With Student-t noise the five points move the posterior means by {moved} posterior sd. "
        "What the fit to 245 points says of itself:",
        "",
        *notes,
        "",
    ]


def computed_twice(data: dict[str, Any]) -> list[str]:
    """The most likely law by the package and by the independent grid."""
    rows, agree = [], True
    for which in ("240", "245"):
        runs = data[which]
        arrays = (runs["N"], runs["D"], runs.loss)
        others = {
            "normal": independent.log_mse(*arrays),
            "huber(1e-3)": independent.log_huber(*arrays),
            "student_t": independent.student_t(*arrays)[0],
        }
        for noise, other in others.items():
            mine = bs.point_fit("chinchilla", runs, noise=noise, objective="ml").values
            cells = []
            for name in ("E", "A", "alpha", "B", "beta"):
                theirs = getattr(other, name)
                off = abs(mine[name] / theirs - 1)
                agree &= name in "AB" or off < 5e-4
                cells.append(f"{mine[name]:.5g} / {theirs:.5g}")
            rows.append([f"{which}, {noise}", *cells])
    return [
        "## Computed twice",
        "",
        'Most likely law, flat priors: `point_fit(objective="ml")` / `independent.py` (E, A, B '
        "eliminated by reweighted least squares on a refined grid of exponents; plain NumPy).",
        "",
        common.markdown(("points, noise", "E", "A", "alpha", "B", "beta"), rows),
        f"E, alpha and beta agree to three digits (within 0.05 %): {'yes' if agree else 'NO'}.",
        "",
    ]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    source = common.chinchilla_points().source
    if not common.POINTS.is_file():
        sys.exit("The Chinchilla points are not there: put shared/ beside the checkout.")
    data = {"240": runs_of(False), "245": runs_of(True)}
    fits = {which: bs.fit("chinchilla", runs, seed=0) for which, runs in data.items()}
    text = [
        "# Published numbers",
        "",
        f"Written by `benchmarks/published/run.py`. Data: {source}.",
        f"Machine: {common.machine()}. "
        f"{common.in_words(common.versions('bayescale', 'jax', 'numpyro', 'numpy', 'scipy'))}.",
        "",
        *refit(fits["240"]),
        *audit(data, fits),
        *computed_twice(data),
    ]
    (HERE / "table.md").write_text("\n".join(text).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
