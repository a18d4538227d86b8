"""The study of ``examples/train_runs``, importable by the names that its files use."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
STUDY = ROOT / "examples" / "train_runs"


@pytest.fixture(scope="session")
def script() -> Callable[[str], ModuleType]:
    """Import a file of the repository that is in no package, by its path from the root."""

    def load(place: str) -> ModuleType:
        path = ROOT / place
        if not path.exists():
            pytest.skip(f"{place} is not part of this installation")
        spec = importlib.util.spec_from_file_location(f"_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module

    return load


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
