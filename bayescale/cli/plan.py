"""``bayescale plan``."""

from __future__ import annotations

from bayescale.cli.allocate import budgets
from bayescale.cli.common import (
    Json,
    exit_code,
    picture,
    print_json,
    print_table,
    replacing,
    writable,
)
from bayescale.cli.forecast import points
from bayescale.errors import RunsError

__all__ = ["plan"]


def plan(
    fit: str,
    /,
    *,
    budget: str,
    target: str | None = None,
    target_flops: str | None = None,
    most: int = 10,
    seed: int = 0,
    out: str | None = None,
    plot: str | None = None,
    json: Json = False,
) -> int:
    """Choose runs to train within a budget, so that a forecast becomes most certain.

    Exits with 3 where the plan is not to be vouched for.

    Example: bayescale plan fit.nc --budget 1e21 --target N=70e9,D=1.4e12

    Parameters
    ----------
    fit
        A saved fit of a law of N and D.
    budget
        FLOP for all runs together; C = 6ND.
    target
        Where the loss is to be known, e.g. N=70e9,D=1.4e12.
    target_flops
        In its place, a budget whose compute-optimal size is to be known.
    most
        Most runs.
    seed
        Seed of the simulated outcomes that check the plan.
    out
        File for the runs (CSV).
    plot
        File for the picture (PNG, PDF or SVG).
    json
        Print one JSON document.
    """
    targets = [writable(out) if out else None, picture(plot) if plot else None]
    total = _one(budget, "--budget")
    at = points([target]) if target is not None else None
    end = None if target_flops is None else _one(target_flops, "--target-flops")

    from bayescale.planning import plan as choose
    from bayescale.storage import load

    found = choose(load(fit), total, target=at, target_flops=end, most=most, seed=seed)
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
        print_table(found.table())
    return exit_code(found.trustworthy, "see the messages of the plan")


def _one(text: str, option: str) -> float:
    found = budgets(text)
    if len(found) != 1:
        raise RunsError(f"There are {len(found)} budgets in {option} {text!r}. Give one.")
    return found[0]
