"""``bayescale score``."""

from __future__ import annotations

from bayescale.cli.common import Columns, Json, print_json, print_table, read, replacing, writable

__all__ = ["score"]


def score(
    register: str,
    /,
    *,
    runs: str,
    column: Columns = None,
    where: str | None = None,
    loss_unit: str = "nats/token",
    out: str | None = None,
    json: Json = False,
) -> int:
    """Score a registered forecast on the runs that have landed.

    Example: bayescale score forecast.json --runs new.csv

    Parameters
    ----------
    register
        A file that bayescale forecast --register wrote.
    runs
        A table of the runs that have landed, with their losses.
    column
        Which column is which.
    where
        Which runs to use.
    loss_unit
        Unit of the loss.
    out
        File for the scores (CSV).
    json
        Print one JSON document.
    """
    target = writable(out) if out else None
    table = read(runs, column, where, loss_unit)

    from bayescale.ledger import read_register, unmatched
    from bayescale.ledger import score as score_register

    registered = read_register(register)
    found = score_register(registered, table)
    waiting, elsewhere = unmatched(registered, table)
    if target:
        with replacing(target) as temporary:
            found.to_csv(temporary)
    if json:
        print_json(
            {
                "made": registered.made,
                "sha256": registered.sha256,
                "runs": found.reset_index().to_dict("records"),
                "points_without_a_run": waiting,
                "runs_left_out": elsewhere,
            }
        )
        return 0
    print(f"Registered {registered.made}, SHA-256 {registered.sha256}")
    print_table(found)
    print(f"{int(found['covered'].sum())} of {len(found)} lie inside the 90 % intervals.")
    if waiting:
        n = len(registered.document["points"])
        named = f"{'; '.join(waiting[:5])}{' ...' if len(waiting) > 5 else ''}"
        print(f"Registered points without a run: {len(waiting)} of {n}, {named}.")
    if elsewhere:
        print(f"Runs at no registered point, left out: {elsewhere}.")
    return 0
