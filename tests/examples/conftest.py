"""The study of ``examples/train_runs``, importable by the names that its files use."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

STUDY = Path(__file__).resolve().parents[2] / "examples" / "train_runs"


@pytest.fixture(scope="session")
def study() -> Iterator[Callable[[str], ModuleType]]:
    """Import a file of the study by name; afterwards its path is gone again."""
    if not STUDY.is_dir():
        pytest.skip("examples/train_runs is not part of this installation")
    pytest.importorskip("optax", reason="the study trains with optax: pip install bayescale[train]")
    sys.path.insert(0, str(STUDY))
    yield importlib.import_module
    sys.path.remove(str(STUDY))
    for path in STUDY.glob("*.py"):
        sys.modules.pop(path.stem, None)
