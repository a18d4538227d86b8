"""``bayescale demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayescale.cli.common import (
    Json,
    exit_code,
    print_json,
    print_table,
    replacing,
)
from bayescale.errors import FileError

if TYPE_CHECKING:
    from bayescale.forecasting import Forecast

__all__ = ["demo"]

LAWS = ("chinchilla", "skaling")
HELD_OUT = 10.0
"""Runs within this factor of the largest compute are held out."""


def demo(*, out: str | None = None, seed: int = 0, json: Json = False) -> int:
    """Fit the small runs inside the package and forecast the large ones.

    Exits with 3 only where a fit did not converge: the forecasts are checked against the truth.

    Example: bayescale demo --out demo-output

    Parameters
    ----------
    out
        Folder for the fits, the forecasts and the pictures; made if it is not there.
    seed
        Makes the demonstration reproducible.
    json
        Print one JSON document.
    """
    folder = _folder(out) if out else None

    from bayescale import datasets
    from bayescale.fitting import fit
    from bayescale.forecasting import forecast
    from bayescale.units import format_size

    runs = datasets.load("tiny")
    threshold = float(runs["C"].max()) / HELD_OUT
    small, large = runs.select(runs["C"] <= threshold), runs.select(runs["C"] > threshold)
    if not json:
        print(
            f"{len(runs)} small language models, trained for bayescale on one text (tiny).\n"
            f"Fitting the {len(small)} runs up to {format_size(threshold, kind='compute')} FLOP; "
            f"held out: the {len(large)} larger ones, up to {HELD_OUT:.0f} times that compute.\n"
        )
    ahead: dict[str, Forecast] = {}
    for law in LAWS:
        ahead[law] = forecast(fit(law, small, seed=seed), large, seed=seed)
        if folder:
            _write(ahead[law], folder, large)
    if json:
        print_json({law: _score(f) for law, f in ahead.items()})
    else:
        for law in LAWS:
            _show(ahead[law])
        if folder:
            print(f"Fits, forecasts and pictures are in {out}.")
    stuck = [law for law, f in ahead.items() if not f.fit.diagnosis.converged]
    return exit_code(not stuck, f"{', '.join(stuck)} did not converge")


def _folder(out: str) -> Path:
    folder = Path(out).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"The folder {out!r} cannot be made ({error.strerror}). Choose another."
        ) from None
    return folder


def _score(ahead: Forecast) -> dict[str, Any]:
    return {
        "n_fit": len(ahead.fit.runs),
        "n_held_out": len(ahead),
        "diagnosis": ahead.fit.diagnosis.to_json(),
        "inside": {f"{p:g}": int(ahead.covered(p).sum()) for p in (0.5, 0.9, 0.95)},
        "rmsle": ahead.rmsle,
        "forecast": ahead.to_json((0.9,)),
    }


def _show(ahead: Forecast) -> None:
    print(ahead.fit.text())
    print_table(ahead.fit.table().drop(columns=["unit", "meaning"]))
    print("The held-out runs, predicted without having been seen (90 % for a new run):")
    print_table(ahead.table(0.9)[["N", "D", "median", "lower", "upper", "observed", "covered"]])
    doubtful = int((~ahead.trustworthy).sum())
    if doubtful:
        print(
            f"{doubtful} of these {len(ahead)} forecasts are not to be vouched for "
            "(prior-dominated, far outside the data, beyond them by a law that does not fit them, "
            "or not converged): "
            "bayescale forecast would exit with 3."
        )
    counts = ", ".join(
        f"{int(ahead.covered(p).sum())} of {len(ahead)} inside the {p:.0%} intervals"
        for p in (0.5, 0.9, 0.95)
    )
    print(f"{ahead.fit.law.name}: {counts}; rms log error {ahead.rmsle:.4f}.\n")


def _write(ahead: Forecast, folder: Path, large: Any) -> None:
    name = ahead.fit.law.name
    ahead.fit.save(folder / f"{name}.nc")
    with replacing(folder / f"{name}-forecast.csv") as temporary:
        ahead.table(0.9).to_csv(temporary)
    pictures: dict[str, dict[str, Any]] = {
        "band": {"held_out": large},
        "posterior": {},
        "residuals": {},
    }
    for kind, options in pictures.items():
        with replacing(folder / f"{name}-{kind}.png") as temporary:
            ahead.fit.plot(kind, **options).savefig(temporary, dpi=200)
