"""Measure the numbers that the pages of ``docs`` quote.

    python benchmarks/docs/measure.py footing  # priors: the same footing in every law
    python benchmarks/docs/measure.py widen RUNS [LAW]  # priors: every scale times 3, over 3
    python benchmarks/docs/measure.py design                 # laws: what a design identifies
    python benchmarks/docs/measure.py audit   RUNS           # verdict: loss, outliers
    python benchmarks/docs/measure.py forward RUNS           # verdict: fit small, score large
    python benchmarks/docs/measure.py coverage               # verdict: bands, law right

RUNS is the table of 245 points that Besiroglu et al. 2024 (arXiv 2404.10102) read off Figure 4 of
Hoffmann et al. 2022 (arXiv 2203.15556), with columns n_params, d_tokens, flops, loss and
outlier_epoch (1 for the five points that they leave out). It is not part of this repository.
"""

from __future__ import annotations

import sys
import time
import warnings

import numpy as np

import bayescale as bs

USUAL = "outlier_epoch == 0"
FAR = {"N": 70e9, "D": 1.4e12}
CHINCHILLA = bs.laws.get("chinchilla")
TRUTH = CHINCHILLA.preset("besiroglu2024")


def footing() -> None:
    """What the default priors of each law imply for the loss at the reference point."""
    rng = np.random.default_rng(0)
    for name in ("power(C)", "power_floor(C)", "kaplan", "kaplan_floor", "chinchilla", "skaling",
                 "subscaling"):  # fmt: skip
        law = bs.laws.get(name)
        at = [p for p in law.parameters if p.role in ("floor", "contribution")]
        total = sum(p.prior.draws(400_000, rng, 1.0, p.positive) for p in at)
        low, middle, high = np.quantile(total, [0.025, 0.5, 0.975])
        density = np.mean(np.abs(np.log(total)) < 0.05) / 0.1
        print(f"{name:16s} L0 {middle:.2f} [{low:.2f}, {high:.2f}]  density at the reference loss "
              f"{density:.2f}, log {np.log(density):+.2f}")  # fmt: skip


def latent(fit: bs.Fit) -> str:
    """The law's loss at 70B parameters and 1.4T tokens, with its 90 % interval."""
    ahead = bs.forecast(fit, FAR)
    low, high = ahead.interval(0.9, "latent")
    return f"L(70B, 1.4T) {ahead.quantile(0.5, 'latent')[0]:.3f} [{low[0]:.3f}, {high[0]:.3f}]"


def checks(fit: bs.Fit) -> str:
    """The verdict's main numbers."""
    d = fit.diagnosis
    return f"bulk ESS {d.ess_bulk_min:.0f}, R-hat {d.rhat_max:.4f}, Pareto k {d.pareto_k:.2f}"


def left_to_prior(fit: bs.Fit) -> str:
    """The prior-dominated parameters."""
    return f"prior-dominated: {', '.join(fit.diagnosis.prior_dominated) or 'none'}"


def widen(path: str, *names: str) -> None:
    """Refit with the scale of every prior, the noise's too, multiplied."""
    runs = bs.read_runs(path, where=USUAL, count="total")
    for name in names or ("chinchilla", "skaling", "subscaling"):
        priors = bs.laws.get(name).priors
        priors |= {p.name: p.prior for p in bs.noise.get("student_t").parameters if p.prior}
        for factor in (1 / 3, 1.0, 3.0):
            widened = {key: prior.widened(factor) for key, prior in priors.items()}
            fit = bs.fit(name, runs, priors=widened)
            table = fit.table()
            shown = [
                n for n in ("E", "alpha", "beta", "a", "k", "rho", "k_N", "k_D") if n in table.index
            ]
            numbers = "; ".join(
                f"{n} {table.loc[n, 'mean']:.4g} ({table.loc[n, 'sd']:.2g}), "
                f"contraction {table.loc[n, 'contraction']:.2f}" for n in shown
            )  # fmt: skip
            print(f"{name} x{factor:.2f}: {numbers}; {latent(fit)}; {left_to_prior(fit)}")


def design() -> None:
    """90 % intervals from 40 invented runs, by spread of D/N and of compute."""
    rng = np.random.default_rng(0)
    for spread in ([1.0], [0.5, 1.0, 2.0], [0.1, 0.3, 1.0, 3.0, 10.0]):
        for decades in (3, 1):
            c = np.logspace(21.8 - decades, 21.8, 40)
            m = 20 * np.resize(spread, 40)
            inputs = {"N": np.sqrt(c / 6 / m), "D": np.sqrt(c / 6 * m)}
            noise = np.exp(0.005 * rng.standard_normal(40))
            fit = bs.fit(
                "chinchilla",
                bs.read_runs({**inputs, "loss": CHINCHILLA.loss(inputs, TRUTH) * noise}),
            )
            table = fit.table()
            numbers = "; ".join(
                f"{n} {table.loc[n, 'q05']:.2f} to {table.loc[n, 'q95']:.2f}"
                for n in ("E", "alpha", "beta", "a")
            )  # fmt: skip
            ratio = max(spread) / min(spread)
            print(f"D/N within x{ratio:.0f}, {decades} decades of C: {numbers}; "
                  f"{latent(fit)}; {left_to_prior(fit)}")  # fmt: skip


def audit(path: str) -> None:
    """The fitting loss and five points, by point fits and by posteriors."""
    for where in (USUAL, "N > 0"):
        runs = bs.read_runs(path, where=where, count="total")
        for noise in ("huber(1e-3)", "normal"):
            started = time.perf_counter()
            point = bs.point_fit("chinchilla", runs, noise=noise, objective="ml")
            seconds = time.perf_counter() - started
            v = point.values
            numbers = ", ".join(f"{n} {v[n]:.3f}" for n in ("E", "alpha", "beta"))
            print(f"{len(runs)} runs, {noise}, maximum likelihood: {numbers}, "
                  f"L(70B, 1.4T) {float(point.loss(FAR)):.3f} ({seconds:.2f} s)")  # fmt: skip
        for method in ("laplace", "nuts"):
            fit = bs.fit("chinchilla", runs, method=method)
            t = fit.table()
            steps = fit.sample_stats["n_steps"].mean() if method == "nuts" else 0
            numbers = ", ".join(
                f"{n} {t.loc[n, 'mean']:.4f} ({t.loc[n, 'sd']:.4f})"
                for n in ("E", "alpha", "beta", "a")
            )
            print(f"{len(runs)} runs, student_t, {method}: {numbers}, {latent(fit)}; "
                  f"{steps:.1f} leapfrog steps a draw, {checks(fit)}")  # fmt: skip


def forward(path: str) -> None:
    """Fit the small runs, forecast the large ones."""
    runs = bs.read_runs(path, where=USUAL, count="total")
    for cut in ("1e20", "1e21"):
        small, large = runs.where(f"C <= {cut}"), runs.where(f"C > {cut}")
        for name in ("chinchilla", "skaling"):
            fit = bs.fit(name, small)
            ahead = bs.forecast(fit, large, discrepancy="none")
            inside = ", ".join(
                f"{p:.0%}: {ahead.covered(p).mean():.2f}" for p in (0.5, 0.8, 0.9, 0.95)
            )
            verdict = "ok" if fit.diagnosis.ok else "not ok"
            print(f"{name}, {len(small)} runs up to {cut} FLOP, {len(large)} beyond: verdict "
                  f"{verdict}; covered {inside}; rms log error {ahead.rmsle:.4f}")  # fmt: skip


def coverage(repetitions: int = 200) -> None:
    """How often 90 % intervals hold the truth where the law is right, by the Laplace method."""
    rng = np.random.default_rng(0)
    c = np.repeat(np.logspace(18.8, 21, 8), 5)
    n = np.sqrt(c / 120) * np.tile([0.2, 0.45, 1.0, 2.2, 5.0], 8)
    inputs = {"N": n, "D": c / (6 * n)}
    mean = CHINCHILLA.loss(inputs, TRUTH)
    target = {"N": np.sqrt(1e22 / 120), "D": 1e22 / 6 / np.sqrt(1e22 / 120)}
    ahead = float(CHINCHILLA.loss(target, TRUTH))
    held = dict.fromkeys(("E", "A", "alpha", "beta", "the law at 1e22 FLOP", "a new run there"), 0)
    for i in range(repetitions):
        loss = mean * np.exp(0.005 * rng.standard_t(5, len(n)))
        fit = bs.fit("chinchilla", bs.read_runs({**inputs, "loss": loss}), method="laplace", seed=i)
        for name in ("E", "A", "alpha", "beta"):
            low, high = np.quantile(fit.parameters[name], [0.05, 0.95])
            held[name] += bool(low <= TRUTH[name] <= high)
        forecast = bs.forecast(fit, target, discrepancy="none")
        low, high = forecast.interval(0.9, "latent")
        held["the law at 1e22 FLOP"] += bool(low[0] <= ahead <= high[0])
        low, high = forecast.interval(0.9)
        held["a new run there"] += bool(
            low[0] <= ahead * np.exp(0.005 * rng.standard_t(5)) <= high[0]
        )
    error = np.sqrt(0.09 / repetitions)
    print(
        "; ".join(f"{k} {v / repetitions:.3f}" for k, v in held.items()),
        f"(standard error {error:.3f})",
    )


MEASURES = {f.__name__: f for f in (footing, widen, design, audit, forward, coverage)}

if __name__ == "__main__":
    warnings.simplefilter("ignore", bs.BayescaleWarning)
    if len(sys.argv) < 2 or sys.argv[1] not in MEASURES:
        sys.exit(__doc__)
    MEASURES[sys.argv[1]](*sys.argv[2:])
