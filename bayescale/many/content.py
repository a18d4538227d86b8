"""A name for what a fit depends on: the same content has the same key, on every machine.

The key of a stored fit covers the law's terms, the noise, the priors, the runs (numbers to 12
digits, and their labels), the method and its settings, the seed, the reducing function and what it
was given, and the version of bayescale. It covers neither the task's name nor anything about where
and in what order fits are made.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from bayescale.errors import LawError
from bayescale.model import Model
from bayescale.prior import Prior
from bayescale.runs import Runs
from bayescale.runs.match import GROUPS, NUMERIC

__all__ = ["computation", "digest", "model_content", "seed_of"]

PACKAGE = Path(__file__).resolve().parents[1]
COMPUTING = (
    *("inference", "laws", "noise", "discrepancy", "pooling"),
    *("fitting.py", "model.py", "posterior.py", "prior.py"),
)
"""Files and folders of the package that decide the numbers of a fit."""


def digest(*values: Any) -> str:
    """Hash a tree of plain values, arrays, runs, declarations and functions.

    Raises
    ------
    LawError
        Where something has no content that can be told, such as an open file.
    """
    return hashlib.sha256(json.dumps(_tree(values)).encode()).hexdigest()


def seed_of(study_seed: int, content: Any) -> int:
    """The seed of a fit, from the study's and from the fit's content."""
    return int(digest("seed", study_seed, content)[:8], 16) % 2**31


def model_content(model: Model, runs: Runs) -> dict[str, Any]:
    """What of a model decides its posterior of the runs, and the messages about it."""
    content = {
        "law": model.law.name,
        "term": model.law.term,
        "noise": model.noise,
        "priors": dict(model.priors),
        "process": model.discrepancy.kernel,
    }
    # Which runs belong together, whatever column says so.
    units = model.noise.units(runs)
    if units is not None:
        content["units"] = units
    if model.pooling.active:
        content["pooling"] = model.pooling
        content["members"] = model.pooling.members(runs.columns)
    return content


@functools.cache
def computation() -> str:
    """The version of what computes.

    A version under development is told by its code, comments and docstrings left out, so that a
    developer never reads numbers of yesterday's code from a folder of finished fits.
    """
    release = f"bayescale {version('bayescale')}"
    if ".dev" not in release:
        return release
    found = hashlib.sha256()
    for place in COMPUTING:
        path = PACKAGE / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if file.is_file():
                found.update(f"{file.relative_to(PACKAGE).as_posix()}\n".encode())
                found.update(_bare(file.read_text(encoding="utf-8")).encode())
    return f"{release}+{found.hexdigest()[:12]}"


def _bare(source: str) -> str:
    """The syntax tree as text, without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                line
                for line in body
                if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ]
    return ast.dump(tree)


def _tree(value: Any) -> Any:
    """The value as JSON in which things of different types never look alike."""
    match value:
        case None | bool() | str():
            return value
        case int() | float():
            return {"number": repr(value)}
        case np.ndarray() | np.generic():
            return _array(np.asarray(value))
        case Runs():
            return _runs(value)
        case Mapping():
            pairs = sorted((str(key), _tree(item)) for key, item in value.items())
            return {"mapping": pairs}
        case list() | tuple():
            return [_tree(item) for item in value]
        case functools.partial():
            return {"partial": [_tree(p) for p in (value.func, value.args, value.keywords)]}
        case FunctionType():
            return _function(value)
        case Prior():
            return {"prior": value.to_json()}
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        own = "" if kind.__module__.startswith("bayescale.") else _source(kind)
        body = {f.name: _tree(getattr(value, f.name)) for f in fields(value)}
        return {"dataclass": [kind.__qualname__, own, body]}
    raise LawError(
        f"A study was given {value!r} of type {type(value).__name__}, whose content cannot be "
        "told. Give numbers, text, arrays, runs, frozen dataclasses, or lists and mappings of them."
    )


def _array(values: np.ndarray) -> dict[str, Any]:
    if values.dtype.kind not in "biufcSU":
        return {"array": [list(values.shape), [_tree(item) for item in values.ravel().tolist()]]}
    plain = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
    return {"array": [plain.dtype.str, list(plain.shape), _sha(plain.tobytes())]}


def _runs(runs: Runs) -> dict[str, Any]:
    # The canonical numbers, the columns that group runs, and whatever numbers a user's own law may
    # read; labels and the unit are in the messages of a fit. Remarks do not count.
    rest = {
        name: _texts(values)
        for name, values in runs.columns.items()
        if name not in NUMERIC and (name in GROUPS or values.dtype.kind in "iufb")
    }
    return {"runs": [runs.fingerprint, _tree(runs.labels), runs.loss_unit, _tree(rest)]}


def _texts(values: np.ndarray) -> str:
    items = values.tolist()
    return _sha("\n".join(f"{x:.12g}" if isinstance(x, float) else str(x) for x in items).encode())


def _function(function: Callable[..., Any]) -> dict[str, Any]:
    """A function by its name, its source, its defaults and what it closes over.

    What it calls is not looked into.
    """
    assert isinstance(function, FunctionType)
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    defaults = [function.__defaults__, function.__kwdefaults__]
    place = f"{function.__module__}.{function.__qualname__}"
    return {"function": [place, _source(function), _tree(defaults), _tree(cells)]}


def _source(thing: Any) -> str:
    try:
        return _sha(inspect.getsource(thing).encode())
    except (OSError, TypeError):  # typed at a prompt
        code = getattr(thing, "__code__", None)
        return _sha(repr(_instructions(code)).encode()) if code else ""


def _instructions(code: CodeType) -> tuple[Any, ...]:
    constants = [_instructions(c) if isinstance(c, CodeType) else c for c in code.co_consts]
    return code.co_code, code.co_names, constants


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
