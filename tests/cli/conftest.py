"""A command line to call from tests, in a folder of its own, and runs to call it on."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bayescale.cli.app import run
from bayescale.errors import BayescaleWarning

HEADER = "run,N,D,loss"


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str
    new_files: set[str]

    def refused(self, *words: str) -> None:
        """Check the contract of bad input: code 2, one message, nothing written, no traceback."""
        assert self.code == 2, (self.code, self.err)
        assert self.out == ""
        errors = [line for line in self.err.splitlines() if line.startswith("error: ")]
        others = [line for line in self.err.splitlines() if not line.startswith("warning: ")]
        assert len(errors) == 1 and others == errors, self.err
        assert "Traceback" not in self.err
        assert errors[0].endswith((".", "?")), errors[0]
        for word in words:
            assert word in errors[0], (word, errors[0])
        assert not self.new_files, self.new_files


def files(folder: Path) -> set[str]:
    """All paths below a folder, hidden ones among them."""
    return {
        os.path.relpath(os.path.join(base, name), folder)
        for base, folders, names in os.walk(folder)
        for name in (*folders, *names)
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which commands are called."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.fixture
def bayescale(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Call a command in this process; any warning but bayescale's own is an error."""

    def call(*arguments: str) -> Finished:
        before = files(folder)
        capsys.readouterr()
        with warnings.catch_warnings(), pytest.raises(SystemExit) as stop:
            warnings.simplefilter("always", BayescaleWarning)
            run(list(arguments))
        out, err = capsys.readouterr()
        code = stop.value.code
        assert isinstance(code, int)
        return Finished(code, out, err, files(folder) - before)

    return call


def rows() -> list[list[str]]:
    """Sixteen runs of a law like Chinchilla's, on a grid of four sizes by four token counts."""
    rng = np.random.default_rng(11)
    found = []
    for n in (1e7, 4e7, 1.6e8, 6.4e8):
        for d in (5e8, 2e9, 8e9, 3.2e10):
            loss = (1.8 + 480 / n**0.35 + 2000 / d**0.37) * np.exp(0.004 * rng.standard_normal())
            found.append([f"r{len(found)}", f"{n:.6g}", f"{d:.6g}", f"{loss:.6f}"])
    return found


@pytest.fixture(scope="session")
def table() -> Callable[..., str]:
    """The runs as the text of a CSV file, with cells replaced: ``table({(3, 1): "abc"})``."""

    def text(cells: dict[tuple[int, int], str] | None = None, n: int = 16) -> str:
        found = rows()[:n]
        for (row, column), value in (cells or {}).items():
            found[row][column] = value
        return "\n".join([HEADER, *(",".join(row) for row in found)]) + "\n"

    return text


@pytest.fixture
def runs(folder: Path, table: Callable[..., str]) -> str:
    """A good file of runs."""
    (folder / "runs.csv").write_text(table())
    return "runs.csv"


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory, table: Callable[..., str]) -> Path:
    """A saved fit of the good runs."""
    import bayescale as bs

    folder = tmp_path_factory.mktemp("saved")
    (folder / "runs.csv").write_text(table())
    bs.fit("chinchilla", bs.read_runs(folder / "runs.csv"), seed=0).save(folder / "fit.nc")
    return folder / "fit.nc"
