"""A finished fit as bytes: a NumPy archive with one JSON record; never pickle.

The archive holds what cannot be had from the task: the runs and the law are those of the task. Its
members carry checksums, so that a file cut short or changed is told.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from bayescale.errors import FileError, LawError
from bayescale.inference.diagnosis import Diagnosis
from bayescale.model import Model
from bayescale.posterior import Fit, Optimum
from bayescale.runs import Runs

__all__ = ["pack", "pack_value", "read_record", "unpack", "unpack_value", "verified"]

FORMAT = 1
RECORD = "record"
PROBABILITIES = (0.05, 0.5, 0.95)
GROUPS = ("draws", "log_prior", "sample_stats")
ALONE = ("log_likelihood_sum", "pointwise")


def pack(fit: Fit, key: str) -> bytes:
    """A whole fit."""
    record = {**_summary(fit, key), "kind": "fit", "declared": _declared(fit)}
    arrays = {
        f"{group}/{name}": values
        for group in GROUPS
        for name, values in getattr(fit, group).items()
    }
    arrays["log_likelihood_sum"] = fit.log_likelihood_sum
    if fit.pointwise is not None:
        arrays["pointwise"] = fit.pointwise
    return _archive(record, arrays)


def pack_value(fit: Fit, key: str, value: Any) -> bytes:
    """What a fit was reduced to, beside its summary."""
    arrays: dict[str, np.ndarray] = {}
    record = {**_summary(fit, key), "kind": "value", "value": _flat(value, arrays)}
    return _archive(record, arrays)


def verified(data: bytes | io.BufferedIOBase, key: str) -> dict[str, Any]:
    """The record of an archive all of whose checksums hold.

    Raises
    ------
    FileError
        Where the archive is cut short, changed, or is of another fit.
    """
    try:
        with zipfile.ZipFile(_file(data)) as archive:
            damaged = archive.testzip()
            if damaged:
                raise FileError(f"Its part {damaged!r} is damaged.")
            record: dict[str, Any] = json.loads(archive.read(f"{RECORD}.json"))
    except (zipfile.BadZipFile, OSError, EOFError, KeyError, ValueError) as error:
        raise FileError(f"It cannot be read ({error}).") from None
    if record.get("format") != FORMAT or record.get("key") != key:
        raise FileError("It is not the fit that its name says.")
    return record


def read_record(data: bytes) -> dict[str, Any]:
    """The record of an archive that this process made."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        record: dict[str, Any] = json.loads(archive.read(f"{RECORD}.json"))
    return record


def unpack(data: bytes, model: Model, runs: Runs) -> Fit:
    """The whole fit of a model to runs."""
    record, arrays = _opened(data)
    declared = record["declared"]
    groups: dict[str, dict[str, np.ndarray]] = {group: {} for group in GROUPS}
    for path, values in arrays.items():
        group, _, name = path.partition("/")
        if name:
            groups[group][name] = values
    diagnosis: dict[str, Any] = {
        k: math.nan if v is None else v for k, v in record["diagnosis"].items()
    }
    diagnosis.pop("ok")
    for name in ("prior_dominated", "prior_conflict", "messages"):
        diagnosis[name] = tuple(diagnosis[name])
    return Fit(
        model=model,
        runs=runs,
        reference=declared["reference"],
        draws=groups["draws"],
        log_prior=groups["log_prior"],
        log_likelihood_sum=arrays["log_likelihood_sum"],
        pointwise=arrays.get("pointwise"),
        sample_stats=groups["sample_stats"],
        diagnosis=Diagnosis(**diagnosis),
        optima=tuple(Optimum(**o) for o in declared["optima"]),
        method=record["method"],
        seed=record["seed"],
        seconds=record["seconds"],
        versions=declared["versions"],
    )


def unpack_value(data: bytes) -> Any:
    """What the fit was reduced to; tuples come back as lists."""
    record, arrays = _opened(data)
    return _nested(record["value"], arrays)


def _summary(fit: Fit, key: str) -> dict[str, Any]:
    """What the table of a study needs of every fit."""
    names = list(fit.parameters)
    values = np.stack([np.ravel(fit.parameters[name]) for name in names])
    low, mid, high = np.quantile(values, PROBABILITIES, axis=1)
    return {
        "format": FORMAT,
        "key": key,
        "law": fit.law.name,
        "n_runs": len(fit.runs),
        "method": fit.method,
        "seed": fit.seed,
        "seconds": fit.seconds,
        "diagnosis": fit.diagnosis.to_json(),
        "parameters": {
            name: [float(x) for x in row]
            for name, row in zip(
                names,
                np.stack([values.mean(1), values.std(1, ddof=1), low, mid, high], axis=1),
                strict=True,
            )
        },
    }


def _declared(fit: Fit) -> dict[str, Any]:
    return {
        "reference": dict(fit.reference),
        "optima": [
            {"values": dict(o.values), "log_posterior": o.log_posterior, "weight": o.weight}
            for o in fit.optima
        ],
        "versions": dict(fit.versions),
    }


def _archive(record: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)
        archive.writestr(f"{RECORD}.json", json.dumps(record))
    return out.getvalue()


def _opened(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        record: dict[str, Any] = json.loads(archive.read(f"{RECORD}.json"))
        for name in archive.namelist():
            if name.endswith(".npy"):
                with archive.open(name) as member:
                    arrays[name.removesuffix(".npy")] = np.lib.format.read_array(
                        member, allow_pickle=False
                    )
    return record, arrays


def _file(data: bytes | io.BufferedIOBase) -> io.BufferedIOBase:
    return io.BytesIO(data) if isinstance(data, bytes) else data


def _flat(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """JSON in which arrays stand by their place in ``arrays``."""
    match value:
        case None | bool() | str() | int() | float():
            return value
        case np.generic():
            return _flat(value.item(), arrays)
        case np.ndarray() if value.dtype.kind in "biufcSU":
            name = f"value/{len(arrays)}"
            arrays[name] = value
            return {"array": name}
        case Mapping() if all(isinstance(key, str) for key in value):
            return {"mapping": {key: _flat(item, arrays) for key, item in value.items()}}
        case list() | tuple():
            return [_flat(item, arrays) for item in value]
    raise LawError(
        f"The function reduce returned {type(value).__name__}, which cannot be stored. Return "
        "numbers, text, arrays, or lists of them and mappings by text."
    )


def _nested(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(value, dict):
        if "array" in value:
            return arrays[value["array"]]
        return {key: _nested(item, arrays) for key, item in value["mapping"].items()}
    return [_nested(item, arrays) for item in value] if isinstance(value, list) else value
