"""What every test shares: a quiet, repeatable environment and the way to the shared data."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest
from hypothesis import settings

# Before anything imports JAX or matplotlib; the worker processes inherit it. The compile cache
# outlives the run, so that the next one does not compile again.
os.environ.setdefault(
    "BAYESCALE_CACHE_DIR", str(platformdirs.user_cache_path("bayescale") / "tests")
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

# The first example of a property compiles; and a failure must come back on the next run.
settings.register_profile("bayescale", deadline=None, derandomize=True)
settings.load_profile("bayescale")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root; skips where the tests run without it."""
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip(f"needs a checkout of the repository, and {ROOT} is not one")
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets that lies beside a developer's checkout."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"needs the data sets in {path}, which is not there")
    return path
