"""A ledger of forecasts: written down, dated and hashed before the runs land, scored after.

A registered forecast is one JSON file: for every point its inputs and a thousand quantiles of a new
run's loss, which law, fit and discrepancy made it, when, and a SHA-256 over all of that. The hash
shows that nothing was changed since it was made known (put it in a commit message, or a public
note); it does not prove the date.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.errors import FileError, RunsError
from bayescale.forecasting import Forecast
from bayescale.predictive import crps
from bayescale.runs import Runs

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Registered", "read_register", "register", "score", "unmatched"]

KIND = "bayescale forecast"
FORMAT = 1

LEVELS = (np.arange(1000) + 0.5) / 1000
"""Probabilities of the quantiles that are kept."""

SAME = 1e-6
"""Relative difference up to which two inputs are the same."""


@dataclass(frozen=True)
class Registered:
    """A forecast as it was registered.

    Parameters
    ----------
    document : dict
        All that is hashed.
    sha256 : str
    """

    document: dict[str, Any]
    sha256: str

    @property
    def made(self) -> str:
        """When it was registered, in UTC."""
        return str(self.document["made"])


def _hash(document: dict[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _made_by(ahead: Forecast) -> dict[str, Any]:
    """Which law, noise, discrepancy and runs a forecast rests on."""
    return {
        "law": ahead.fit.law.expression,
        "noise": ahead.fit.noise.to_json(),
        "discrepancy": ahead.discrepancy.to_json(),
        "runs": {"n": len(ahead.fit.runs), "fingerprint": ahead.fit.runs.fingerprint},
    }


def register(ahead: Forecast, path: str | os.PathLike[str]) -> Registered:
    """Write a forecast to a new file.

    Raises
    ------
    FileError
        Where the file is there already, or cannot be written: a register is never changed.
    """
    target = Path(path).expanduser()
    quantiles = np.quantile(ahead.new, LEVELS, axis=0)
    document = {
        "kind": KIND,
        "format": FORMAT,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        **_made_by(ahead),
        "loss_unit": ahead.fit.runs.loss_unit,
        "seed": ahead.seed,
        "versions": dict(ahead.fit.versions),
        "points": [
            {
                "label": ahead.labels[i],
                "at": {name: float(ahead.points[name][i]) for name in ahead.given},
                "trustworthy": bool(ahead.trustworthy[i]),
                "quantiles": [float(f"{v:.8g}") for v in quantiles[:, i]],
            }
            for i in range(len(ahead))
        ],
    }
    if ahead.stages:
        document["through"] = _made_by(ahead.stages.first)
    found = Registered(document, _hash(document))
    text = json.dumps({"sha256": found.sha256, "forecast": document}, indent=1)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".bayescale-") as folder:
            temporary = Path(folder) / "register.json"
            temporary.write_text(text, encoding="utf-8")
            os.link(temporary, target)  # fails where the file is there, in one step
    except FileExistsError:
        raise FileError(
            f"The register {str(target)!r} is there already, and is never changed. Choose a new "
            "file."
        ) from None
    except OSError as error:
        raise FileError(
            f"The register cannot be written to {str(target)!r} ({error.strerror or error}). "
            "Choose a folder that exists and can be written."
        ) from None
    return found


def read_register(path: str | os.PathLike[str]) -> Registered:
    """Read a registered forecast.

    Raises
    ------
    FileError
        Where the file is not there, is none, or was changed.
    """
    source = Path(path).expanduser()
    try:
        written = json.loads(source.read_text(encoding="utf-8"))
        document, sha256 = written["forecast"], written["sha256"]
        known = document["kind"] == KIND and document["format"] == FORMAT
    except OSError as error:
        raise FileError(
            f"The register {str(source)!r} cannot be read ({error.strerror or error}). "
            "Check the path."
        ) from None
    except (ValueError, LookupError, TypeError):
        known = False
    if not known:
        raise FileError(
            f"The file {str(source)!r} is no registered forecast. Give one that "
            "bayescale forecast --register wrote."
        )
    if _hash(document) != sha256:
        raise FileError(
            f"The register {str(source)!r} does not match its hash: it was changed after it was "
            "made. Take it from where it was first kept."
        )
    return Registered(document, sha256)


def _at(point: dict[str, Any], runs: Runs) -> np.ndarray:
    """Which runs are at a registered point."""
    runs.require(tuple(point["at"]))
    near = [np.abs(runs[name] / value - 1.0) < SAME for name, value in point["at"].items()]
    return np.asarray(np.all(near, axis=0))


def unmatched(registered: Registered, runs: Runs) -> tuple[list[str], int]:
    """Registered points that no run is at, by label, and the number of runs that are at none."""
    points = registered.document["points"]
    here = np.stack([_at(point, runs) for point in points])
    waiting = [
        str(p["label"]) for p, some in zip(points, here.any(axis=1), strict=True) if not some
    ]
    return waiting, int(np.sum(~here.any(axis=0)))


def score(registered: Registered, runs: Runs) -> pd.DataFrame:
    """Score a registered forecast on the runs that have landed.

    Runs are matched to points by the inputs of the law. A point without a run, or a run without a
    point, is left out.

    Returns
    -------
    pandas.DataFrame
        One row for each run: ``point, observed, median, lower, upper`` (90 %), ``covered, pit,
        crps, log_error`` (observed over median) and ``trustworthy``, as was said beforehand.

    Raises
    ------
    RunsError
        Where no run is at a registered point, or the losses are in another unit.
    """
    import pandas as pd

    document = registered.document
    if runs.loss_unit != document["loss_unit"]:
        raise RunsError(
            f"The losses are in {runs.loss_unit}, the forecast is in {document['loss_unit']}. "
            "Give the runs in that unit (--loss-unit)."
        )
    rows = []
    equal = np.full(len(LEVELS), 1.0 / len(LEVELS))
    for point in document["points"]:
        here = _at(point, runs)
        quantiles = np.array(point["quantiles"])
        low, median, high = np.interp([0.05, 0.5, 0.95], LEVELS, quantiles)
        for i in np.flatnonzero(here):
            seen = float(runs.loss[i])
            rows.append(
                {
                    "run": runs.labels[i],
                    "point": point["label"],
                    "observed": seen,
                    "median": median,
                    "lower": low,
                    "upper": high,
                    "covered": bool(low <= seen <= high),
                    "pit": float(np.interp(seen, quantiles, LEVELS, left=0.0, right=1.0)),
                    "crps": float(crps(quantiles[:, None], equal, np.array([seen]))[0]),
                    "log_error": float(np.log(seen / median)),
                    "trustworthy": bool(point["trustworthy"]),
                }
            )
    if not rows:
        points = "; ".join(str(point["label"]) for point in document["points"][:3])
        raise RunsError(
            f"None of the runs is at a point of the forecast ({points}). Give the runs that were "
            "forecast, with the same inputs."
        )
    return pd.DataFrame(rows).set_index("run")
