"""Do dense corpora sub-scale, and is the over-training modifier there? Asked of runs that ship.

The runs are those of ``bs.datasets.load("tiny_subscaling")``: small language models trained for
this package, on ten texts of graded redundancy, with repeated text, several schedules, batches and
shapes (``examples/train_runs/DESIGN.md``). Run it with ``python examples/tiny_subscaling.py``; each
question is a function, and ``--only density`` asks one of them. ``docs/make_tiny.py`` writes what
they print into ``docs/tiny-subscaling.md``.

Two laws are written out here to show how to write one: a data term that knows the redundancy of its
text, and one that knows how often text was repeated. The package has versions of both,
``dense_exponent`` and ``repetition``, in parameters of their own.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd

import bayescale as bs
from bayescale.laws import Irreducible, Law, Modifier, Pair, Parameter, Power, Term

REFERENCE_TOKENS = 1e6
FAMILIES = {"near-duplicates": "dup", "growing copies": "grow", "templates": "tpl"}
MILD = ("base", "dup1", "dup2", "grow75")
PROB = 0.9
LAWS = {
    "chinchilla": ("E", "alpha", "beta"),
    "subscaling": ("E", "alpha", "beta", "rho", "k_N", "k_D"),
    "skaling": ("E", "alpha", "beta", "k"),
}
"""The additive law, with the over-training modifier, with the coupling exponent; and parameters."""

LATE = ("n6-d3-seed", "n6-d4-seed", "n7-d3-seed")
"""Nine runs that were trained after the first version of the page had been written."""

NEGLIGIBLE = 0.03
"""A difference between shapes that Kaplan et al. call barely any, as a share of the loss."""


@dataclass(frozen=True)
class Dense(Modifier):
    """The factor ``z^kappa (D / D_0)^(delta log z)`` on the data term.

    The redundancy z is one for the base text, where the factor is one. kappa makes redundant text
    worth less at every length, by one factor; delta takes ``delta log z`` off the exponent of D, so
    that gains decelerate: sub-scaling.
    """

    kappa: float = 0.5
    delta: float = 0.2
    inputs = ("D", "z")
    expression = "dense(D, z)"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(
            Parameter(name, "rate", "1", meaning, bs.prior.Normal(0, sd), positive=False)
            for name, sd, meaning in (
                ("kappa", self.kappa, "log amplitude of the data term per e-fold of z"),
                ("delta", self.delta, "exponent of D lost per e-fold of z"),
            )
        )

    def log_factor(self, params: Any, x: Any) -> Any:
        distance = x["D"] - np.log(REFERENCE_TOKENS)
        return jnp.log(x["z"]) * (params["kappa"] + params["delta"] * distance)


@dataclass(frozen=True)
class RepeatedData(Term):
    """The data term of the tokens that repeated ones are worth.

    ``D' = U + U R* (1 - exp(-R / R*))`` with ``R = D / U - 1`` repeats (Muennighoff et al. 2023,
    arXiv 2305.16264, equation 5).
    """

    inputs = ("D", "U")
    parameters = (
        Parameter("T_D", "contribution", "loss", "contribution of D' at the reference"),
        Parameter("beta", "exponent", "1", "exponent of D'"),
        Parameter("R_star", "rate", "1", "repeats worth having", bs.prior.LogNormal(10.0, 0.7)),
    )
    pairs = (Pair("D", "T_D", "beta"),)
    expression = "repeated_data"

    def _log_tokens(self, params: Any, x: Any) -> Any:
        repeats = jnp.exp(x["D"] - x["U"]) - 1.0
        return x["U"] + jnp.log1p(-params["R_star"] * jnp.expm1(-repeats / params["R_star"]))

    def log_value(self, params: Any, x: Any, reference: Any) -> Any:
        distance = self._log_tokens(params, x) - self._log_tokens(params, reference)
        return jnp.log(params["T_D"]) - params["beta"] * distance

    def to_field(self, params: Any, reference: Any, log_gain: Any = 0.0) -> dict[str, Any]:
        gain = log_gain + params["beta"] * self._log_tokens(params, reference)
        own = {name: params[name] for name in ("beta", "R_star")}
        return {"B": params["T_D"] * jnp.exp(gain), **own}

    def from_field(self, field: Any, reference: Any, log_gain: Any = 0.0) -> dict[str, Any]:
        gain = log_gain + field["beta"] * self._log_tokens(field, reference)
        own = {name: field[name] for name in ("beta", "R_star")}
        return {"T_D": field["B"] * jnp.exp(-gain), **own}


def dense_law(kappa: float = 0.5, delta: float = 0.2) -> Law:
    """The additive law with the data term that knows z; prior scales of its two parameters."""
    term = Irreducible() + Power("N") + Power("D") * Dense(kappa, delta)
    return Law(name="dense", term=term, title="Chinchilla with redundancy")


REPETITION = Law(name="repeated", term=Irreducible() + Power("N") + RepeatedData())
PRIORS_OF_REPEATS = {
    "": bs.prior.LogNormal(10.0, 0.7),
    ", prior of R* 3 times as wide": bs.prior.LogNormal(10.0, 2.1),
    ", prior of R* about 3": bs.prior.LogNormal(3.0, 0.7),
    ", prior of R* about 30": bs.prior.LogNormal(30.0, 0.7),
}


@dataclass(frozen=True)
class Study:
    """The runs, and how they are fitted."""

    runs: bs.Runs
    curves: bs.Runs
    method: str = "nuts"

    def role(self, *roles: str) -> bs.Runs | None:
        """Runs of these roles that ended well, or None where there are none yet."""
        mask = np.isin(self.runs["role"], roles) & (self.runs["status"] == "ok")
        return self.runs.select(mask) if mask.any() else None

    def fit(self, law: str | Law, runs: bs.Runs) -> bs.Fit:
        return bs.fit(law, runs, method=self.method, seed=0)


def load(method: str = "nuts") -> Study:
    """Load the tables of the package."""
    runs = bs.datasets.load("tiny_subscaling", all_rows=True)
    return Study(runs, bs.datasets.load("tiny_curves"), method)


def interval(draws: Any) -> str:
    """Median and central interval of posterior draws."""
    low, middle, high = np.quantile(np.ravel(draws), [(1 - PROB) / 2, 0.5, (1 + PROB) / 2])
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def draws(fit: bs.Fit, name: str) -> np.ndarray:
    return np.ravel(fit.parameters[name])


def above_zero(values: np.ndarray) -> str:
    return f"P(> 0) = {np.mean(values > 0):.3f}"


def verdict(fit: bs.Fit) -> str:
    """Whether the numbers may be vouched for, and why not; then whether the law fits the runs."""
    sampled = fit.diagnosis.doubt or "vouched for"
    misfit = f"structure in the residuals ({fit.structure.share:.0%})"
    return f"{sampled}; {misfit if fit.structure.found else 'no structure in the residuals'}"


def losses_by_text(study: Study) -> None:
    """Mean loss of every text at every cell: what there is to explain."""
    runs = study.role("grid", "seed", "density", "density_seed")
    assert runs is not None
    table = runs.table().assign(size=lambda t: t["N"].map("{:.3g}".format), tokens=lambda t: t["D"])
    cells = table.pivot_table(index=["z", "corpus"], columns=["N", "tokens"], values="loss")
    print(cells.dropna(axis=1, thresh=3).to_string(float_format="{:.3f}".format, na_rep=""))


def density(study: Study) -> None:
    """Does redundancy raise the data term's amplitude, lower its exponent, or both?"""
    runs = study.role("grid", "seed", "density", "density_seed")
    assert runs is not None
    texts = np.asarray(runs["corpus"], str)
    kinds: dict[str, np.ndarray] = {"all texts": np.ones(len(runs), bool)} | {
        name: np.char.startswith(texts, prefix) | (texts == "base")
        for name, prefix in FAMILIES.items()
    }
    kinds |= {"redundancy below 2.5, no templates": np.isin(texts, MILD)}
    kinds |= {"all texts, falling parts of curves only": ~past_the_lowest(runs)}
    for name, mask in kinds.items():
        for scale in (1.0, 3.0) if name in ("all texts", "templates") else (1.0,):
            fit = study.fit(dense_law(0.5 * scale, 0.2 * scale), runs.select(mask))
            prior = "" if scale == 1.0 else f", priors {scale:g} times as wide"
            print(
                f"{name}{prior}: {mask.sum()} runs; kappa {interval(draws(fit, 'kappa'))}, "
                f"{above_zero(draws(fit, 'kappa'))}; delta {interval(draws(fit, 'delta'))}, "
                f"{above_zero(draws(fit, 'delta'))}; noise {interval(draws(fit, 'sigma'))}; "
                f"{verdict(fit)}"
            )


def past_the_lowest(runs: bs.Runs) -> np.ndarray:
    """Which runs have more tokens than the best run of the same text and size: over-fitted ones."""
    table = runs.table().reset_index(drop=True)
    best = table.loc[table.groupby(["corpus", "N"])["loss"].idxmin()]
    longest = best.set_index(["corpus", "N"])["D"]
    own = longest.loc[pd.MultiIndex.from_frame(table[["corpus", "N"]])].to_numpy()
    return np.asarray(table["D"].to_numpy() > own)


def density_rates(study: Study) -> None:
    """Was the rate, tuned on the base text, wrong for the two most redundant texts?"""
    runs = study.role("density", "density_seed", "density_lr")
    assert runs is not None
    table = runs.table()
    swept = table[table["role"] == "density_lr"][["corpus", "N", "D"]].drop_duplicates()
    table = table.merge(swept, on=["corpus", "N", "D"]).rename(columns={"lr": "learning rate"})
    cells = table.pivot_table(index="corpus", columns="learning rate", values="loss")
    print(cells.to_string(float_format="{:.3f}".format, na_rep=""))


def over_training(study: Study) -> None:
    """Is the modifier 1 + rho tanh(k D / 2N) there, and is a coupling exponent a rival?"""
    runs = study.role("grid", "seed", "over_training")
    assert runs is not None
    ratio = runs["D"] / runs["N"]
    print(f"{len(runs)} runs, D / N from {ratio.min():.2g} to {ratio.max():.2g}")
    for law, names in LAWS.items():
        fit = study.fit(law, runs)
        found = ", ".join(f"{name} {interval(draws(fit, name))}" for name in names)
        print(f"{law}: {found}; residual sd {np.std(fit.residuals):.4f}; {verdict(fit)}")


def evidence(study: Study) -> None:
    """Which law do the runs prefer, and which the priors may have chosen?"""
    runs = study.role("grid", "seed", "over_training")
    assert runs is not None
    lines = bs.compare(list(LAWS), runs, seed=0).text().splitlines()
    print("\n".join(lines[1:]))  # the first says which file, here of the package


def late_runs(runs: bs.Runs) -> np.ndarray:
    """Which runs were trained after the first version of the page."""
    return np.array([str(label).startswith(LATE) for label in runs.labels])


def forecasts(study: Study) -> None:
    """Do laws fitted to the small runs forecast the held-out large ones?"""
    large = study.role("held_out")
    small = study.role("grid", "seed", "over_training")
    assert large is not None
    assert small is not None
    late = late_runs(small)
    first = small.select(~late)
    reach = large["C"] / np.median(first["C"])
    print(
        f"{len(first)} fitted; {len(large)} held out, {reach.min():.0f} to {reach.max():.0f} times "
        f"the compute of their median and {large['C'].min() / first['C'].max():.1f} to "
        f"{large['C'].max() / first['C'].max():.1f} times that of the largest"
    )
    for words, runs in (("", first), (f"with {late.sum()} later runs, ", small)):
        for law in LAWS:
            ahead = bs.forecast(study.fit(law, runs), large)
            table = ahead.table(PROB)
            error = np.log(table["median"] / table["observed"])
            print(
                f"{words}{law}: rmsle {ahead.rmsle:.4f}, mean error {error.mean():+.4f} of the log "
                f"loss, {int(table['covered'].sum())} of {len(table)} within {PROB:.0%}; "
                f"{int(ahead.trustworthy.sum())} of {len(table)} points vouched for"
            )
            if not words:
                print(table[["N", "D", "median", "lower", "upper", "observed"]].to_string())


def repetition(study: Study) -> None:
    """How many repeats is text worth?"""
    repeated, fresh = study.role("repetition"), study.role("grid", "seed")
    if repeated is None or fresh is None:
        print("no run with repeated text is trained yet")
        return
    runs = study.role("grid", "seed", "repetition")
    assert runs is not None
    few = runs.select(runs["D"] / runs["U"] <= 16)
    fits = [(f"up to 16 epochs{told}", few, prior) for told, prior in PRIORS_OF_REPEATS.items()]
    for name, chosen, prior in (*fits, ("all", runs, PRIORS_OF_REPEATS[""])):
        fit = study.fit(REPETITION.with_priors(R_star=prior), chosen)
        print(
            f"{name}: R* {interval(draws(fit, 'R_star'))}; residual sd "
            f"{np.std(fit.residuals):.4f}; {verdict(fit)}"
        )
    table = repeated.table().assign(epochs=lambda t: t["D"] / t["U"])
    cells = table.pivot_table(index="epochs", columns=["N", "D"], values="loss")
    print(cells.to_string(float_format="{:.3f}".format, na_rep=""))


def seeds(study: Study) -> None:
    """How far do runs scatter that differ in their seed alone?"""
    runs = study.role("grid", "seed")
    assert runs is not None
    groups = runs.table().groupby(["N", "D"])["loss"]
    table = groups.agg(["mean", "std", "count"]).query("count > 1")
    print(table.to_string(float_format="{:.4f}".format))


def shape(study: Study) -> None:
    """At fixed N, how much worse than the best is each depth, at its own best rate?"""
    runs = study.role("shape")
    if runs is None:
        print("no run of another shape is trained yet")
        return
    table = runs.table()
    table["size"] = np.where(table["N"] < 1e5, "3.3e4", "1.6e5")
    best = table.loc[table.groupby(["size", "n_layers"])["loss"].idxmin()]
    lowest = best.groupby("size")["loss"].transform("min")
    swept = table.groupby(["size", "n_layers"])["lr"].agg(["min", "max"])
    ends = swept.loc[pd.MultiIndex.from_frame(best[["size", "n_layers"]])].to_numpy()
    at_end = (best["lr"].to_numpy()[:, None] == ends).any(axis=1)
    best = best.assign(worse=np.log(best["loss"] / lowest), **{"edge of sweep": at_end})
    shown = best[["size", "n_layers", "d_model", "N", "lr", "edge of sweep", "loss", "worse"]]
    print(shown.to_string(index=False, float_format="{:.4g}".format))
    within = (best["worse"] < np.log1p(NEGLIGIBLE)).groupby(best["size"]).all()
    print(f"all within {NEGLIGIBLE:.0%} of the best: {within.to_dict()}")


def steps_to(curve: pd.DataFrame, loss: float) -> float:
    """Steps at which a curve first reaches a loss, between points linear in log steps."""
    reached = np.flatnonzero(curve["loss"].to_numpy() <= loss)
    if not len(reached) or reached[0] == 0:
        return np.nan
    after = int(reached[0])
    (y0, y1), (x0, x1) = (
        curve["loss"].iloc[after - 1 : after + 1],
        np.log(curve["S"].iloc[after - 1 : after + 1]),
    )
    return float(np.exp(x0 + (y0 - loss) / (y0 - y1) * (x1 - x0)))


def critical_batch(study: Study) -> None:
    """The batch at which steps and tokens to a loss are traded evenly, beside the noise scale.

    ``S = S_min (1 + B_crit / B)`` (McCandlish et al. 2018, arXiv 1812.06162, equation 2.12), by
    least squares on the logarithm of the steps to each loss.
    """
    table = study.curves.table()
    table = table[table["role"] == "critical_batch"]
    if table["B"].nunique() < 3:
        print("fewer than three batches are trained yet")
        return
    rows = []
    for size, curves in table.groupby("N"):
        for loss in np.arange(1.8, 3.01, 0.2):
            steps = {b: steps_to(curve, loss) for b, curve in curves.groupby("B")}
            found = pd.Series(steps).dropna()
            if len(found) < 3:
                continue
            guesses = np.geomspace(32, 65536, 200)
            shapes = np.log1p(guesses[:, None] / found.index.to_numpy(float))
            error = np.log(found.to_numpy()) - shapes
            misfit = error.std(axis=1)
            near = curves[(curves["loss"] - loss).abs() < 0.15]["noise_scale_tokens"].dropna()
            rows.append(
                (size, loss, len(found), guesses[misfit.argmin()], misfit.min(), near.median())
            )
    names = ["N", "loss", "batches", "B_crit", "misfit of log S", "noise scale"]
    table = pd.DataFrame(rows, columns=names)
    print(table.to_string(index=False, float_format="{:.3g}".format))
    columns = {"L": table["loss"], "loss": table["B_crit"]}
    fit = study.fit("critical_batch_loss", bs.read_runs(columns, loss_unit="tokens"))
    print(f"exponent of the loss: {interval(draws(fit, 'p_B'))}; published 4.8; {verdict(fit)}")


def published_claims(study: Study) -> None:
    """What do these runs say of every published claim that their columns can test?"""
    base = study.role("grid", "seed", "over_training")
    texts = study.role("grid", "seed", "density", "density_seed")
    assert base is not None
    assert texts is not None
    print("Of the base text:")
    print(bs.claims(base).text())
    print("\nOf all texts:")
    print(bs.claims(texts, which=["density"]).text())


def picture(study: Study, path: str) -> None:
    """Draw the loss against tokens, one line a text and one panel a size."""
    import matplotlib.pyplot as plt

    runs = study.role("grid", "seed", "density", "density_seed")
    assert runs is not None
    table = runs.table()
    table = table[table["N"].isin(table.loc[table["corpus"] != "base", "N"])]
    sizes = sorted(table["N"].unique())
    figure, axes = plt.subplots(
        1,
        len(sizes),
        figsize=(4 * len(sizes), 3.6),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    shades = plt.get_cmap("viridis")
    marks = {"dup": "o", "gro": "s", "tpl": "^", "bas": "D"}
    largest = np.log(table["z"].max())
    for ax, size in zip(axes[0], sizes, strict=True):
        for (z, name), text in table[table["N"] == size].groupby(["z", "corpus"]):
            line = text.groupby("D")["loss"].mean()
            shade = shades(min(1.0, max(0.0, np.log(z) / largest)))
            dashes = "--" if str(name).startswith("tpl") else "-"
            kept = {"marker": marks[str(name)[:3]], "ms": 4, "color": shade, "label": name}
            ax.plot(line.index, line.to_numpy(), dashes, **kept)
        ax.set(xscale="log", xlabel="training tokens D", title=f"N = {size:.3g}")
        ax.xaxis.set_minor_formatter("")
    axes[0, 0].set_ylabel("held-out loss (nats/token)")
    fullest = max(axes[0], key=lambda ax: len(ax.get_lines()))
    fullest.legend(title="text", fontsize="x-small", ncols=2)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def picture_ahead(study: Study, path: str) -> None:
    """Draw what each law forecasts of the held-out runs, and what came of it."""
    import matplotlib.pyplot as plt

    large, small = study.role("held_out"), study.role("grid", "seed", "over_training")
    assert large is not None
    assert small is not None
    small = small.select(~late_runs(small))
    order = np.argsort(large["C"])
    figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
    at = np.arange(len(large))
    for k, law in enumerate(LAWS):
        ahead = bs.forecast(study.fit(law, small), large.select(order))
        low, high = ahead.interval(PROB)
        middle = ahead.quantile(0.5)
        ax.errorbar(
            at + 0.2 * (k - 1), middle, (middle - low, high - middle), fmt="o", ms=4, label=law
        )
    ax.hlines(large.loss[order], at - 0.4, at + 0.4, color="black", lw=2, label="observed")
    names = [
        f"N = {n:.2g}\nD = {d:.2g}"
        for n, d in zip(large["N"][order], large["D"][order], strict=True)
    ]
    ax.set_xticks(at, names, fontsize="small")
    ax.set_ylabel("held-out loss (nats/token)")
    ax.set_title(f"Held-out runs in order of compute, {PROB:.0%} bands of a new run")
    ax.legend(loc="lower left")
    figure.savefig(path, dpi=150)
    plt.close(figure)


QUESTIONS: tuple[Callable[[Study], None], ...] = (
    *(losses_by_text, density, density_rates, over_training, evidence, forecasts, repetition),
    *(seeds, shape, critical_batch, published_claims),
)


def main(method: str = "nuts", only: str = "", pictures: str = "") -> None:
    """Ask every question, or one; draw the pictures where they are wanted."""
    study = load(method)
    if pictures:
        folder = Path(pictures)
        folder.mkdir(parents=True, exist_ok=True)
        picture(study, str(folder / "tiny-texts.png"))
        picture_ahead(study, str(folder / "tiny-held-out.png"))
    for question in QUESTIONS:
        if only in ("", question.__name__):
            print(f"\n== {question.__name__}: {(question.__doc__ or '').splitlines()[0]}")
            question(study)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--method", default="nuts", choices=("nuts", "laplace"))
    parser.add_argument("--only", default="", help="name of one question")
    parser.add_argument("--pictures", default="", help="folder for two pictures")
    options = parser.parse_args()
    main(options.method, options.only, options.pictures)
