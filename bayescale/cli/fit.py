"""``bayescale fit``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from bayescale.cli.common import (
    Columns,
    Json,
    exit_code,
    print_json,
    print_table,
    read,
    read_priors,
    writable,
)

__all__ = ["fit"]


def fit(
    runs: str,
    /,
    *,
    law: str,
    noise: str | None = None,
    discrepancy: str | None = None,
    pool: str | None = None,
    where: str | None = None,
    column: Columns = None,
    prior: Annotated[list[str] | None, Parameter(negative="")] = None,
    method: str = "auto",
    draws: int = 1000,
    warmup: int = 300,
    chains: int = 4,
    loss_unit: str = "nats/token",
    count: str = "unspecified",
    seed: int = 0,
    out: str | None = None,
    json: Json = False,
) -> int:
    """Fit a law to a table of runs.

    Example: bayescale fit runs.csv --law chinchilla --where "C<1e21" --out fit.nc

    Parameters
    ----------
    runs
        A table of runs: .csv, .tsv or .parquet.
    law
        A law's name (see bayescale laws), or a sum of terms such as
        "irreducible + power(N) + power(D)*overtraining(D)".
    noise
        Noise on log loss: student_t, normal, laplace, huber, one_sided, or around one of them
        heteroscedastic(SHAPE), measured(SHAPE) (reads loss_se), inexact(N=0.05); effects(seed),
        curve(D), bounded(0.75). See docs/noise-and-pooling.md.
    discrepancy
        How far losses may leave the law: beyond the data slope, slope(MEDIAN, SD), or none; for
        laws of one input also matern or wiener. That of the law unless said.
    pool
        A column of groups whose laws differ: family, or family(E, alpha) to name what differs.
    where
        Which runs to fit, e.g. "C<1e21 and family == 'a'".
    column
        Which column is which.
    prior
        A prior that replaces a default, e.g. "E=normal(1.6,0.1)". Repeatable.
    method
        auto (nuts, but quick where a large table would keep it busy for minutes, and says so),
        nuts, laplace (fast, checked by Pareto k), or quick (laplace, and nuts where that fails).
    draws
        Draws of each chain, a multiple of 100.
    warmup
        Warm-up of each chain, a multiple of 100.
    chains
        Number of chains.
    loss_unit
        Unit of the loss.
    count
        What N counts: total, non-embedding, active or unspecified.
    seed
        Makes the fit reproducible.
    out
        File to save the fit to (netCDF).
    json
        Print one JSON document.
    """
    target = writable(out) if out else None
    priors = read_priors(prior)
    table = read(runs, column, where, loss_unit, count)

    from bayescale.fitting import fit as fit_law

    result = fit_law(
        law,
        table,
        noise=noise,
        discrepancy=discrepancy,
        pool=pool,
        priors=priors,
        method=method,
        seed=seed,
        draws=draws,
        warmup=warmup,
        chains=chains,
    )
    if target:
        result.save(target)
    if json:
        print_json(result.to_json())
    else:
        print(result.text())
        print_table(result.table())
        if target:
            print(f"Saved to {out}. Next: bayescale forecast {out} --at ...")
    return exit_code(result.diagnosis.ok, result.diagnosis.doubt)
