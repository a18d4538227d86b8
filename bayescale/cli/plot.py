"""``bayescale plot``."""

from __future__ import annotations

import sys
from typing import Any

from bayescale.cli.allocate import budgets
from bayescale.cli.common import Columns, exit_code, picture, replacing
from bayescale.errors import FileError

__all__ = ["plot"]


def plot(
    fit: str,
    /,
    *,
    out: str,
    kind: str = "band",
    x: str | None = None,
    held_out: str | None = None,
    flops: str | None = None,
    where: str | None = None,
    column: Columns = None,
    dpi: int = 200,
) -> int:
    """Draw a saved fit.

    Example: bayescale plot fit.nc --kind band --held-out large.csv --out band.png

    Parameters
    ----------
    fit
        A saved fit.
    out
        File to draw to: .png, .pdf or .svg.
    kind
        band, posterior, pairs, residuals, prior, frontier or isoflop.
    x
        For a band: the input on the horizontal axis; C unless said.
    held_out
        For a band: a table of runs that were not fitted, drawn with their forecasts.
    flops
        For a frontier or isoFLOP slices: budgets in FLOP, separated by commas.
    where
        Which of the held-out runs to draw.
    column
        Which column of the held-out table is which.
    dpi
        Resolution of a PNG.
    """
    target = picture(out)
    if not 10 <= dpi <= 2000:
        raise FileError(f"The resolution is {dpi}. Give --dpi between 10 and 2000.")

    from bayescale.plots import plot as draw
    from bayescale.runs import parse_columns
    from bayescale.runs.read import read_quietly
    from bayescale.storage import load

    result = load(fit)
    options: dict[str, Any] = {}
    if x:
        options["x"] = x
    if held_out:
        options["held_out"] = read_quietly(
            held_out, columns=parse_columns(list(column or ())), where=where
        )
    if flops:
        options["flops"] = budgets(flops)
    figure = draw(result, kind, **options)
    with replacing(target) as temporary:
        figure.savefig(temporary, dpi=dpi)
    print(f"Drew {kind} of {result.law.name} to {out}.")
    if not result.diagnosis.ok:
        print(f"warning: the fit that was drawn: {result.diagnosis.text()}", file=sys.stderr)
    return exit_code(result.diagnosis.ok, result.diagnosis.doubt)
