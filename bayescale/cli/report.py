"""``bayescale report``."""

from __future__ import annotations

from bayescale.cli.allocate import budgets
from bayescale.cli.common import Columns, exit_code, read, replacing, writable
from bayescale.cli.compare import separated

__all__ = ["report"]


def report(
    runs: str,
    /,
    *,
    out: str,
    laws: str | None = None,
    flops: str | None = None,
    claims: bool = False,
    noise: str = "student_t",
    where: str | None = None,
    column: Columns = None,
    draws: int = 1000,
    warmup: int = 300,
    chains: int = 4,
    loss_unit: str = "nats/token",
    count: str = "unspecified",
    seed: int = 0,
) -> int:
    """Write one HTML page on a table of runs: fits, comparison, allocation, claims.

    Exits with 3 where some number in it is not to be vouched for.

    Example: bayescale report runs.csv --out report.html

    Parameters
    ----------
    runs
        A table of runs: .csv, .tsv or .parquet.
    out
        File for the page (HTML); complete in itself.
    laws
        Names or sums of terms, separated by commas; chinchilla and skaling for runs with N and D.
    flops
        Budgets to allocate, separated by commas.
    claims
        Also hold published claims to the runs.
    noise
        Noise on log loss.
    where
        Which runs to use, e.g. "C<1e21 and family == 'a'".
    column
        Which column is which.
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
        Makes the report reproducible.
    """
    target = writable(out)
    chosen = None if laws is None else separated(laws)
    compute = None if flops is None else budgets(flops)
    table = read(runs, column, where, loss_unit, count)

    from bayescale.report import build

    page = build(
        table,
        chosen,
        flops=compute,
        claims=claims,
        noise=noise,
        seed=seed,
        draws=draws,
        warmup=warmup,
        chains=chains,
    )
    with replacing(target) as temporary:
        page.save(temporary)
    print(f"Wrote {out}: {', '.join(section.title for section in page.sections)}.")
    return exit_code(page.ok, "the page says which of its answers")
