"""``bayescale claims``."""

from __future__ import annotations

from bayescale.cli.common import (
    Columns,
    Json,
    exit_code,
    picture,
    print_json,
    read,
    replacing,
    writable,
)

__all__ = ["claims"]


def claims(
    runs: str,
    /,
    *,
    only: str | None = None,
    noise: str = "student_t",
    where: str | None = None,
    column: Columns = None,
    method: str = "auto",
    draws: int = 1000,
    warmup: int = 300,
    chains: int = 4,
    loss_unit: str = "nats/token",
    count: str = "unspecified",
    seed: int = 0,
    out: str | None = None,
    plot: str | None = None,
    json: Json = False,
) -> int:
    """Hold published claims to runs: what they support, contradict, or cannot tell.

    Exits with 3 where an answer is not to be vouched for.

    Example: bayescale claims runs.csv --out claims.csv

    Parameters
    ----------
    runs
        A table of runs: .csv, .tsv or .parquet.
    only
        Keys of claims, separated by commas; all unless given.
    noise
        Noise on log loss.
    where
        Which runs to use, e.g. "C<1e21 and family == 'a'".
    column
        Which column is which.
    method
        auto, nuts, laplace or quick.
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
        Makes the answers reproducible.
    out
        File for the table (CSV).
    plot
        File for the picture (PNG, PDF or SVG).
    json
        Print one JSON document.
    """
    targets = [writable(out) if out else None, picture(plot) if plot else None]
    which = None if only is None else [key.strip() for key in only.split(",")]
    table = read(runs, column, where, loss_unit, count)

    from bayescale.claiming import claims as hold

    found = hold(
        table,
        which=which,
        noise=noise,
        method=method,
        seed=seed,
        draws=draws,
        warmup=warmup,
        chains=chains,
    )
    if targets[0]:
        with replacing(targets[0]) as temporary:
            found.table().to_csv(temporary)
    if targets[1]:
        with replacing(targets[1]) as temporary:
            found.plot().savefig(temporary, dpi=200)
    if json:
        print_json(found.to_json())
    else:
        print(found.text())
    return exit_code(found.ok, "the claims that say so")
