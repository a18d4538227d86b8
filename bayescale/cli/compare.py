"""``bayescale compare``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from bayescale.cli.common import (
    Columns,
    Json,
    exit_code,
    picture,
    print_json,
    print_table,
    read,
    read_priors,
    replacing,
    writable,
)
from bayescale.errors import LawError

__all__ = ["compare"]

SHOWN = {
    "log_evidence": "log evidence",
    "log_evidence_se": "se",
    "check": "check",
    "pareto_k": "k",
    "log_bf": "log BF",
    "probability": "prob",
    "elpd_loo": "LOO",
    "elpd_loo_diff": "diff",
    "elpd_loo_diff_se": "se of diff",
    "elpd_forward": "forward",
    "weight_loo": "w(LOO)",
    "weight_forward": "w(forward)",
}


def compare(
    runs: str,
    /,
    *,
    laws: str,
    noise: str = "student_t",
    pool: str | None = None,
    forward_split: str | None = None,
    where: str | None = None,
    column: Columns = None,
    prior: Annotated[list[str] | None, Parameter(negative="")] = None,
    leave_out: str = "family",
    prior_sensitivity: bool = True,
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
    """Compare laws on the same runs: evidence, leave-one-out, forward score.

    Exits with 3 where probabilities are refused, or a law did not converge.

    Example: bayescale compare runs.csv --laws kaplan,chinchilla,skaling --out comparison.csv

    Parameters
    ----------
    runs
        A table of runs: .csv, .tsv or .parquet.
    laws
        Names or sums of terms, separated by commas.
    noise
        Noise on log loss: student_t, normal, laplace or huber; several, separated by commas, fit
        every law under each.
    pool
        A column of groups whose laws differ, as for fit; for every law.
    forward_split
        Which runs the forward score holds out, e.g. "C>1e20"; the largest 30 % unless given.
    where
        Which runs to use, e.g. "C<1e21 and family == 'a'".
    column
        Which column is which.
    prior
        A prior that replaces a default in every law that has the parameter. Repeatable.
    leave_out
        Column whose groups are left out one at a time, where the runs have it.
    prior_sensitivity
        Whether to vary the scale of every prior that the laws do not share.
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
        Makes the comparison reproducible.
    out
        File for the table (CSV).
    plot
        File for the picture (PNG, PDF or SVG).
    json
        Print one JSON document.
    """
    targets = [writable(out) if out else None, picture(plot) if plot else None]
    chosen = separated(laws)
    if len(chosen) < 2:
        raise LawError(
            f"There is one law to compare, {laws!r}. Give several, separated by commas: "
            "--laws chinchilla,skaling."
        )
    priors = read_priors(prior)
    table = read(runs, column, where, loss_unit, count)

    from bayescale.comparing import compare as compare_laws

    ranking = compare_laws(
        chosen,
        table,
        noise=separated(noise),
        pool=pool,
        priors=priors,
        forward_split=forward_split or True,
        leave_out=leave_out,
        prior_sensitivity=prior_sensitivity,
        seed=seed,
        draws=draws,
        warmup=warmup,
        chains=chains,
    )
    if targets[0]:
        with replacing(targets[0]) as temporary:
            ranking.table().to_csv(temporary)
    if targets[1]:
        with replacing(targets[1]) as temporary:
            ranking.plot().savefig(temporary, dpi=200)
    if json:
        print_json(ranking.to_json())
    else:
        print(ranking.text())
        print_table(ranking.table()[list(SHOWN)].rename(columns=SHOWN))
    stuck = [law.name for law in ranking.laws if not law.fit.diagnosis.converged]
    doubt = f"{', '.join(stuck)} did not converge" if stuck else "see what it refuses"
    return exit_code(ranking.ok and not stuck, doubt)


def separated(text: str) -> list[str]:
    """Pieces between commas that are outside parentheses and quotes."""
    pieces, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        depth += (letter == "(") - (letter == ")") if not quote else 0
        if letter == "," and depth == 0 and not quote:
            pieces.append("")
        else:
            pieces[-1] += letter
    return [piece.strip() for piece in pieces if piece.strip()]
