"""What importing costs and what it must not touch; each check runs in a fresh interpreter.

The floors themselves are a contract in pyproject.toml, checked by `make lint`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

VERBS = ["fit", "forecast", "point_fit"]


def run_python(code: str) -> str:
    """What ``code`` prints in a fresh interpreter in which warnings are errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def modules_after(statement: str) -> set[str]:
    """The modules that are loaded once ``statement`` has run."""
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    return set(json.loads(run_python(code)))


def test_importing_bayescale_loads_nothing_heavy() -> None:
    heavy = {"arviz", "arviz_base", "matplotlib", "pandas", "xarray"}
    assert heavy & modules_after("import bayescale") == set()


IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
import bayescale
for module in pkgutil.walk_packages(bayescale.__path__, "bayescale."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


@pytest.mark.parametrize("statement", ["import bayescale", IMPORT_EVERYTHING])
def test_importing_starts_no_jax_backend(statement: str) -> None:
    backends = run_python(
        statement
        + "\nimport sys"
        + "\nbridge = sys.modules.get('jax._src.xla_bridge')"
        + "\nprint(sorted(bridge._backends) if bridge else [])"
    )
    assert backends.strip() == "[]"


def test_laws_work_without_pandas() -> None:
    run_python(
        "import sys; sys.modules['pandas'] = None\n"
        "import bayescale.laws\n"
        "assert bayescale.laws.get('chinchilla') is not None"
    )


@pytest.mark.parametrize("room", ["runs", "datasets"])
def test_tables_know_no_jax(room: str) -> None:
    assert {"jax", "numpyro"} & modules_after(f"import bayescale.{room}") == set()


def test_a_verb_is_a_function_although_a_module_has_its_name() -> None:
    # `import bayescale.fit` anywhere binds the module to `bayescale.fit`.
    code = (
        f"{IMPORT_EVERYTHING}\nprint([v for v in {VERBS} if not callable(getattr(bayescale, v))])"
    )
    assert run_python(code).strip() == "[]"


def test_every_public_name_exists() -> None:
    code = "import bayescale\nfor name in bayescale.__all__: getattr(bayescale, name)"
    run_python(code)


def test_help_answers_at_once() -> None:
    command = Path(sys.executable).with_name("bayescale")
    if not command.exists():
        pytest.skip(f"the command is not installed at {command}")
    seconds = []
    for _ in range(3):  # the best of three, since other tests use the same cores
        started = time.perf_counter()
        done = subprocess.run(
            [command, "--help"], capture_output=True, text=True, timeout=60, check=False
        )
        seconds.append(time.perf_counter() - started)
        assert done.returncode == 0, done.stderr
        assert "forecast" in done.stdout
    assert min(seconds) < 1.5
