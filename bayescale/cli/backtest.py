"""``bayescale backtest``."""

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
from bayescale.cli.compare import separated

__all__ = ["backtest"]


def backtest(
    runs: str,
    /,
    *,
    laws: str,
    fit_where: Annotated[list[str] | None, Parameter(negative="")] = None,
    split_column: str | None = None,
    rolling: Annotated[bool, Parameter(negative="")] = False,
    by: str | None = None,
    mixtures: str = "equal",
    noise: str | None = None,
    discrepancy: str | None = None,
    where: str | None = None,
    column: Columns = None,
    prior: Annotated[list[str] | None, Parameter(negative="")] = None,
    method: str = "quick",
    draws: int = 1000,
    loss_unit: str = "nats/token",
    count: str = "unspecified",
    seed: int = 0,
    folder: str | None = None,
    workers: int | None = None,
    out: str | None = None,
    targets: str | None = None,
    plot: str | None = None,
    json: Json = False,
) -> int:
    """Fit the small runs, forecast the large ones, and score the forecasts.

    Exits with 3 where a fit failed or did not converge.

    Example: bayescale backtest runs.csv --laws chinchilla,skaling --fit-where "C<1e20"

    Parameters
    ----------
    runs
        A table of runs, small and large: .csv, .tsv or .parquet.
    laws
        Names or sums of terms, separated by commas.
    fit_where
        The runs to fit, e.g. "C<1e20"; the others are forecast. Repeatable: one split each.
    split_column
        A column that marks the runs to fit with "fit", "train", "small", 1 or true.
    rolling
        Fit the smallest 50, 60, 70 and 80 % of the runs in turn.
    by
        A column of groups, each of which is fitted and forecast by itself.
    mixtures
        Mixtures of the laws to score too: equal, evidence, half, forward (stacked on splits inside
        the fitted runs: three times the fits); or none.
    noise
        Noise on log loss: student_t, normal, laplace or huber; that of the law unless said.
    discrepancy
        How far losses may leave the law: beyond the data slope, slope(MEDIAN, SD), or none; with
        normal noise also matern, for laws of one input wiener. That of the law unless said.
    where
        Which runs to use.
    column
        Which column is which.
    prior
        A prior that replaces a default. Repeatable.
    method
        quick, laplace or nuts.
    draws
        Draws of each chain, a multiple of 100.
    loss_unit
        Unit of the loss.
    count
        What N counts: total, non-embedding, active or unspecified.
    seed
        Makes the backtest reproducible.
    folder
        Folder where finished fits are kept, so that a backtest that was killed goes on.
    workers
        Number of processes.
    out
        File for the scores (CSV).
    targets
        File for every forecast run (CSV).
    plot
        File for the picture (PNG, PDF or SVG).
    json
        Print one JSON document.
    """
    places = [writable(path) if path else None for path in (out, targets)]
    places.append(picture(plot) if plot else None)
    priors = read_priors(prior)
    table = read(runs, column, where, loss_unit, count)

    from bayescale.backtesting import backtest as score_laws

    found = score_laws(
        separated(laws),
        table,
        fit_where=fit_where,
        split_column=split_column,
        rolling=rolling,
        by=by,
        mixtures=() if mixtures.strip() == "none" else separated(mixtures),
        noise=noise,
        discrepancy=discrepancy,
        priors=priors,
        method=method,
        draws=draws,
        seed=seed,
        folder=folder,
        workers=workers,
    )
    for place, frame in zip(places, (found.table(), found.targets), strict=False):
        if place:
            with replacing(place) as temporary:
                frame.to_csv(temporary, index=False)
    if places[2]:
        with replacing(places[2]) as temporary:
            found.plot().savefig(temporary, dpi=200)
    if json:
        print_json(found.to_json())
    else:
        print(found.text())
        print_table(found.table(), index=False)
    return exit_code(found.ok, "some fits failed or did not converge; they are named above")
