"""``bayescale allocate``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from bayescale.cli.common import (
    Json,
    exit_code,
    print_json,
    print_table,
    replacing,
    writable,
)
from bayescale.cli.forecast import probabilities
from bayescale.errors import RunsError

__all__ = ["allocate", "budgets"]


def allocate(
    fit: str,
    /,
    *,
    flops: str,
    prob: str = "0.9",
    within: float = 0.001,
    hold: Annotated[list[str] | None, Parameter(negative="")] = None,
    discrepancy: str | None = None,
    seed: int = 0,
    out: str | None = None,
    json: Json = False,
) -> int:
    """Split a budget of compute between parameters and tokens.

    Exits with 3 where a budget is not to be vouched for, e.g. far beyond the data.

    Example: bayescale allocate fit.nc --flops 1e22,1e24

    Parameters
    ----------
    fit
        A saved fit of a law of N and D.
    flops
        Budgets in FLOP, separated by commas; C = 6ND.
    prob
        Masses of the intervals, separated by commas.
    within
        Share of the best loss within which a size is nearly optimal.
    hold
        An input that does not follow from N and D, e.g. U=100e9. Repeatable; at the geometric mean
        of the runs unless given.
    discrepancy
        How far the loss may leave the law beyond the data: slope, slope(MEDIAN, SD) or none. That
        of the fit unless given.
    seed
        Seed of the noise draws.
    out
        File for the table (CSV).
    json
        Print one JSON document.
    """
    target = writable(out) if out else None
    probs, chosen, held = probabilities(prob), budgets(flops), _held(hold)

    import pandas as pd

    from bayescale.allocation import allocate as split
    from bayescale.storage import load

    found = split(load(fit), chosen, within=within, held=held, discrepancy=discrepancy, seed=seed)
    if target:
        table = pd.concat(
            [found.table(p).reset_index().assign(prob=p) for p in probs], ignore_index=True
        )
        with replacing(target) as temporary:
            table.to_csv(temporary, index=False)
    if json:
        print_json(found.to_json(probs))
    else:
        for p in probs:
            print(f"{found.head} Intervals hold {100 * p:.4g} %.")
            print_table(found.readable(p))
        for label, messages in zip(found.labels, found.messages, strict=True):
            for message in messages:
                print(f"{label}: {message}")
        print(found.caution)
    doubtful = [str(at) for at, ok in zip(found.labels, found.trustworthy, strict=True) if not ok]
    return exit_code(not doubtful, f"{', '.join(doubtful[:4])}; see the messages")


def budgets(text: str) -> list[float]:
    """Budgets from text such as ``1e22,1e24``."""
    from bayescale.units import parse_size

    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise RunsError(f"The budgets {text!r} cannot be read. Write --flops 1e22,1e24.")
    return [parse_size(part) for part in parts]


def _held(texts: list[str] | None) -> dict[str, float]:
    from bayescale.units import INPUTS, parse_size

    found = {}
    for text in texts or ():
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (equals and value and name in INPUTS):
            raise RunsError(f"The input {text!r} cannot be held. Write it like this: U=100e9.")
        found[name] = parse_size(value)
    return found
