"""The set-up script, with stand-ins for Python and pip, and what the package declares."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TOOLS = "awk cat cksum cp date dirname find ls mkdir mv rm sed sh sort tail".split()

# Answers what scripts/setup asks a Python: its version, to create an environment (of copies of
# itself), and to install. The files in $FAKES say what it is to answer.
FAKE_PYTHON = """#!/bin/sh
case "$1 ${2:-}" in
"-c ") exit 0 ;;
"-c import sys"*) echo 3.13.9 ;;
-c*) echo "ok 3.13.9 $0" ;;
"-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip")
    echo "$*" >>"$FAKES/pip-calls"
    echo "pip's own words"
    [ ! -e "$FAKES/pip-fails" ] || exit 1
    [ ! -e "$FAKES/pip-is-interrupted" ] || kill -TERM "$PPID"
    ;;
esac
"""
OLD_PYTHON = "#!/bin/sh\necho 'old 3.11.7 '\"$0\"\n"
BARE_PYTHON = "#!/bin/sh\necho 'bare 3.12.3 '\"$0\"\n"
DEAD_SHIM = "#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2\nexit 127\n"


class Checkout:
    """A copy of the files that scripts/setup needs, and a PATH with chosen interpreters."""

    def __init__(self, root: Path, tmp_path: Path) -> None:
        self.path = tmp_path / "a checkout"
        self.bin = tmp_path / "bin"
        self.home = tmp_path / "home"
        for folder in (self.path / "scripts", self.bin, self.home):
            folder.mkdir(parents=True)
        for name in ("pyproject.toml", "constraints.txt", "scripts/setup"):
            shutil.copy(root / name, self.path / name)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(str(shutil.which(tool)))
        self.state = self.path / ".venv" / "bayescale-setup"

    def program(self, name: str, text: str, folder: Path | None = None) -> Path:
        path = (folder or self.bin) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def setup(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": str(self.bin),
            "HOME": str(self.home),
            "FAKES": str(self.home),
            **variables,
        }
        return subprocess.run(
            [self.path / "scripts" / "setup", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def pip_calls(self) -> list[str]:
        calls = self.home / "pip-calls"
        return calls.read_text().splitlines() if calls.exists() else []


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Checkout:
    return Checkout(root, tmp_path)


def test_says_in_one_sentence_that_no_python_fits(checkout: Checkout) -> None:
    checkout.program("python3", OLD_PYTHON)
    checkout.program("python3.13", DEAD_SHIM)
    done = checkout.setup()
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "needs Python 3.12 or newer" in done.stderr
    assert not (checkout.path / ".venv").exists()


def test_says_what_a_bare_python_lacks(checkout: Checkout) -> None:
    checkout.program("python3", BARE_PYTHON)
    done = checkout.setup()
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "python3-venv" in done.stderr
    assert "(3.12.3)" in done.stderr


def test_finds_the_real_interpreter(checkout: Checkout) -> None:
    done = checkout.setup("--find-python", PYTHON=sys.executable)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).samefile(sys.executable)


def test_looks_past_a_shim_that_fails(checkout: Checkout, tmp_path: Path) -> None:
    checkout.program("python3.13", DEAD_SHIM)
    good = checkout.program("python3.13", FAKE_PYTHON, tmp_path / "later on PATH")
    path = f"{checkout.bin}:{good.parent}"
    assert checkout.setup("--find-python", PATH=path).stdout.strip() == str(good)


def test_takes_pyenv_where_path_has_only_old_ones(checkout: Checkout, tmp_path: Path) -> None:
    checkout.program("python3", OLD_PYTHON)
    versions = tmp_path / "pyenv" / "versions"
    for name in ("3.11.7", "3.12.1", "3.13.0", "3.13.11", "3.14.0"):
        old = name.startswith("3.11")
        checkout.program("python", OLD_PYTHON if old else FAKE_PYTHON, versions / name / "bin")
    done = checkout.setup("--find-python", PYENV_ROOT=str(tmp_path / "pyenv"))
    assert done.stdout.strip() == str(versions / "3.13.11" / "bin" / "python")


def test_takes_what_uv_has(checkout: Checkout, tmp_path: Path) -> None:
    managed = checkout.program("python3.12", FAKE_PYTHON, tmp_path / "managed")
    checkout.program(
        "uv",
        '#!/bin/sh\ncase "$*" in --version) ;; "python find "*3.12) '
        f"echo '{managed}' ;; *) exit 2 ;; esac\n",
    )
    assert checkout.setup("--find-python").stdout.strip() == str(managed)


def test_lets_uv_fetch_a_python(checkout: Checkout) -> None:
    fake = checkout.program("fake-python", FAKE_PYTHON)
    checkout.program(
        "uv",
        '#!/bin/sh\ncase "$1" in --version) ;; python) exit 2 ;; venv) for place; do :; done\n'
        f'mkdir -p "$place/bin" && cp "{fake}" "$place/bin/python" ;; esac\n',
    )
    done = checkout.setup()
    assert done.returncode == 0, done.stderr
    assert "using Python 3.13 (uv)" in done.stdout
    assert len(checkout.pip_calls()) == 1


def test_a_wish_that_cannot_be_met_is_named(checkout: Checkout) -> None:
    good = checkout.program("python3.12", FAKE_PYTHON)
    checkout.program("python3.11", OLD_PYTHON)
    done = checkout.setup("--find-python", PYTHON="python3.11")
    assert done.stdout.strip() == str(good)
    assert "PYTHON=python3.11 is not" in done.stderr


def test_sets_up_once(checkout: Checkout) -> None:
    checkout.program("python3", FAKE_PYTHON)
    first = checkout.setup()
    assert first.returncode == 0, first.stderr
    assert "using Python 3.13.9" in first.stdout
    second = checkout.setup()
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert len(checkout.pip_calls()) == 1
    assert checkout.pip_calls()[0].endswith("--editable .[test] --constraint constraints.txt")


def test_new_requirements_are_installed_into_the_environment(checkout: Checkout) -> None:
    checkout.program("python3", FAKE_PYTHON)
    checkout.setup()
    kept = checkout.path / ".venv" / "kept"
    kept.touch()
    with (checkout.path / "constraints.txt").open("a") as file:
        file.write("# changed\n")
    assert "requirements have changed" in checkout.setup().stdout
    assert kept.exists()
    assert len(checkout.pip_calls()) == 2


def test_an_interrupted_set_up_is_begun_again(checkout: Checkout) -> None:
    checkout.program("python3", FAKE_PYTHON)
    interruption = checkout.home / "pip-is-interrupted"
    interruption.touch()
    assert checkout.setup().returncode != 0
    half = checkout.path / ".venv" / "half"
    half.touch()
    interruption.unlink()
    done = checkout.setup()
    assert done.returncode == 0, done.stderr
    assert "creating the environment" in done.stdout
    assert not half.exists()


def test_a_moved_checkout_is_set_up_again(checkout: Checkout) -> None:
    checkout.program("python3", FAKE_PYTHON)
    checkout.setup()
    checkout.path = checkout.path.rename(checkout.path.with_name("moved"))
    assert "creating the environment" in checkout.setup().stdout


def test_a_failed_installation_shows_pips_words_and_the_way_out(checkout: Checkout) -> None:
    checkout.program("python3", FAKE_PYTHON)
    failure = checkout.home / "pip-fails"
    failure.touch()
    done = checkout.setup()
    assert done.returncode == 1
    assert "pip's own words" in done.stderr
    assert "BAYESCALE_UNPINNED=1" in done.stderr
    failure.unlink()
    done = checkout.setup(BAYESCALE_UNPINNED="1")
    assert done.returncode == 0
    assert "NOT at the tested versions" in done.stdout
    assert "--constraint" not in checkout.pip_calls()[-1]


def test_an_environment_of_the_users_own_is_left_alone(checkout: Checkout) -> None:
    checkout.program("python3", FAKE_PYTHON)
    own = checkout.path / ".venv" / "pyvenv.cfg"
    own.parent.mkdir()
    own.touch()
    done = checkout.setup()
    assert done.returncode == 1
    assert "was not made by this script" in done.stderr
    assert own.exists()
    done = checkout.setup(BAYESCALE_VENV=".venv-bayescale")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_help_lists_the_targets(root: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "-C", root, "--no-print-directory", "help"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    for target in ("setup", "demo", "test", "lint", "slow", "clean"):
        assert f"make {target} " in done.stdout


def canonical(requirement: str) -> str:
    """The normalised name at the front of a requirement."""
    name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def test_constraints_are_exact_complete_and_without_addresses(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lines = (root / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin) for pin in pins)
    pinned = {canonical(pin) for pin in pins}
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + extras["test"] + extras["parquet"] + extras["polars"]
    assert {canonical(name) for name in wanted} - {"bayescale"} <= pinned


def test_the_version_has_one_source(root: Path) -> None:
    import bayescale

    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    assert importlib.metadata.version("bayescale") == version
    assert bayescale.__version__ == version


def test_every_import_is_declared(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = project["dependencies"] + extras["parquet"] + extras["polars"] + extras["train"]
    allowed = {canonical(requirement) for requirement in declared} | {"bayescale"}
    imported = {}
    for file in (root / "bayescale").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                imported[name.split(".")[0]] = str(file.relative_to(root))
    stray = {
        name: where
        for name, where in imported.items()
        if name not in sys.stdlib_module_names and canonical(name) not in allowed
    }
    assert stray == {}
