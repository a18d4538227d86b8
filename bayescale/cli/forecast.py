"""``bayescale forecast``."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from bayescale.cli.common import (
    Columns,
    Json,
    exit_code,
    print_json,
    print_table,
    replacing,
    writable,
)
from bayescale.errors import RunsError

__all__ = ["forecast", "points", "probabilities"]


def forecast(
    fit: str,
    /,
    *,
    at: Annotated[list[str] | None, Parameter(negative="")] = None,
    at_file: str | None = None,
    column: Columns = None,
    prob: str = "0.9",
    discrepancy: str | None = None,
    group: str | None = None,
    through: str | None = None,
    seed: int = 0,
    out: str | None = None,
    register: str | None = None,
    json: Json = False,
) -> int:
    """Predict the loss of runs not yet trained.

    Example: bayescale forecast fit.nc --at N=70e9,D=1.4e12 --prob 0.5,0.9

    Parameters
    ----------
    fit
        A saved fit.
    at
        One point, e.g. N=70e9,D=1.4e12 or N=70B,D=1.4T. Repeatable.
    at_file
        A table of points; where it carries a loss, the forecast is scored.
    column
        Which column of the table is which.
    prob
        Masses of the intervals, separated by commas.
    discrepancy
        How far losses may leave the law beyond the data: slope, slope(MEDIAN, SD) or none. That of
        the fit unless given.
    group
        The group of a pooled fit to forecast; a new, unseen one unless given.
    through
        For a law of another loss, L: the saved fit that forecasts L, from inputs of its own.
    seed
        Seed of the noise draws.
    out
        File for the forecast (CSV).
    register
        New file for the dated, hashed forecast, to be scored by bayescale score (JSON).
    json
        Print one JSON document.
    """
    target = writable(out) if out else None
    ledger = writable(register) if register else None
    probs = probabilities(prob)
    if bool(at) == bool(at_file):
        raise RunsError(
            "The forecast needs points from exactly one place. "
            "Give --at N=70e9,D=1.4e12 or --at-file targets.csv."
        )
    where = points(at) if at else at_file

    import pandas as pd

    from bayescale.forecasting import forecast as predict
    from bayescale.runs import parse_columns
    from bayescale.storage import load

    ahead = predict(
        load(fit),
        where,
        columns=parse_columns(list(column or ())),
        discrepancy=discrepancy,
        group=group,
        through=load(through) if through else None,
        seed=seed,
    )
    if ledger:
        from bayescale.ledger import register as write_down

        registered = write_down(ahead, ledger)
        print(f"Registered in {register}: SHA-256 {registered.sha256}", file=sys.stderr)
    if target:
        table = pd.concat(
            [ahead.table(p).reset_index().assign(prob=p) for p in probs], ignore_index=True
        )
        with replacing(target) as temporary:
            table.to_csv(temporary, index=False)
    if json:
        print_json(ahead.to_json(probs))
    else:
        beside = ahead.discrepancy.kernel is not None
        latent = "the law without the process beside it" if beside else "the law itself"
        for p in probs:
            print(f"{p:.4g} intervals: lower, upper for a new run; latent for {latent}")
            print_table(ahead.table(p).drop(columns="messages"))
        for label, messages in zip(ahead.labels, ahead.messages, strict=True):
            for message in messages:
                print(f"{label}: {message}")
        if ahead.caution:
            print(ahead.caution)
    doubtful = [str(at) for at, ok in zip(ahead.labels, ahead.trustworthy, strict=True) if not ok]
    return exit_code(not doubtful, f"{', '.join(doubtful[:4])}; see the messages")


def probabilities(text: str) -> tuple[float, ...]:
    """Masses of intervals from text such as ``0.5,0.9``."""
    try:
        probs = tuple(float(part) for part in text.split(","))
    except ValueError:
        probs = ()
    if not probs or not all(0.0 < p < 1.0 for p in probs):
        raise RunsError(
            f"The probabilities {text!r} are not numbers between 0 and 1. Write --prob 0.5,0.9."
        )
    return probs


def points(texts: list[str]) -> dict[str, list[str]]:
    """Columns of points from texts such as ``N=70e9,D=1.4e12``."""
    rows = []
    for text in texts:
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        if not pairs or not all(name.strip() and equals and value for name, equals, value in pairs):
            raise RunsError(
                f"The point {text!r} cannot be read. Write it like this: N=70e9,D=1.4e12."
            )
        row = {name.strip(): value.strip() for name, _, value in pairs}
        if len(row) < len(pairs):
            raise RunsError(
                f"The point {text!r} gives an input twice. Repeat --at for several points."
            )
        rows.append(row)
    names = list(rows[0])
    for text, row in zip(texts, rows, strict=True):
        if set(row) != set(names):
            raise RunsError(
                f"The point {text!r} has other inputs than the first, {', '.join(names)}. "
                "Give the same inputs at every point."
            )
    return {name: [row[name] for row in rows] for name in names}
