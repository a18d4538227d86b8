"""Every way in gives the same runs; every file that cannot be read says why."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from bayescale.errors import FileError, RunsError
from bayescale.runs import Runs, read_runs

ROWS: dict[str, list[Any]] = {
    "run": ["a", "b", "c", "d"],
    "n_params": [1e6, 4.1e6, 1.61e7, 6.43e7],
    "d_tokens": [210_000_000, 30_000_000, 500_000_000, 70_000_000],
    "val_loss": [4.123456789012345, 3.9, 3.1, 0.1 + 0.2 + 2],
    "family": ["x", None, "y", "y"],
    "seed": [0, 1, None, 3],
    "finished": [True, False, True, True],
}


def as_csv(folder: Path) -> Path:
    path = folder / "runs.csv"
    pd.DataFrame(ROWS).to_csv(path, index=False)
    return path


def as_gzip(folder: Path) -> Path:
    path = folder / "runs.csv.gz"
    path.write_bytes(gzip.compress(as_csv(folder).read_bytes()))
    return path


def as_tsv(folder: Path) -> Path:
    path = folder / "runs.tsv"
    pd.DataFrame(ROWS).to_csv(path, index=False, sep="\t")
    return path


def as_parquet(folder: Path) -> str:
    path = folder / "runs.parquet"
    pl.DataFrame(ROWS).write_parquet(path)
    return str(path)


def as_pandas_of_csv(folder: Path) -> pd.DataFrame:
    return pd.read_csv(as_csv(folder))


WAYS: dict[str, Any] = {
    "csv": as_csv,
    "gzip": as_gzip,
    "tsv": as_tsv,
    "parquet": as_parquet,
    "pandas": lambda folder: pd.DataFrame(ROWS),
    "pandas of csv": as_pandas_of_csv,
    "pandas objects": lambda folder: pd.DataFrame(ROWS).astype(object),
    "pandas arrow": lambda folder: pd.DataFrame(ROWS).convert_dtypes(dtype_backend="pyarrow"),
    "polars": lambda folder: pl.DataFrame(ROWS),
    "polars categories": lambda folder: pl.DataFrame(ROWS).cast({"family": pl.Categorical}),
    "polars decimals": lambda folder: pl.DataFrame(ROWS).cast({"d_tokens": pl.Decimal(20, 2)}),
    "pyarrow": lambda folder: pa.table(ROWS),
    "mapping": lambda folder: ROWS,
    "arrays": lambda folder: {key: np.array(value) for key, value in ROWS.items()},
    "series": lambda folder: {key: pd.Series(value) for key, value in ROWS.items()},
    "sizes as text": lambda folder: ROWS | {"n_params": ["1M", "4.1M", " 16.1e6", "0.0643B"]},
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_in_gives_the_same_runs(way: str, tmp_path: Path) -> None:
    runs = read_runs(WAYS[way](tmp_path))
    expected = read_runs(ROWS)
    assert runs.fingerprint == expected.fingerprint
    assert runs.labels == ("a", "b", "c", "d")
    assert runs.inputs == ("N", "D", "C", "M")
    assert dict(runs.mapping) == dict(expected.mapping)
    assert runs["family"].tolist() == ["x", "", "y", "y"]
    np.testing.assert_array_equal(runs["seed"], [0, 1, np.nan, 3])
    np.testing.assert_array_equal(runs["finished"], [1, 0, 1, 1])
    np.testing.assert_allclose(runs["N"], ROWS["n_params"], rtol=1e-15)


def test_the_fingerprint_is_of_the_numbers_and_their_order() -> None:
    runs = read_runs(ROWS)
    assert runs.fingerprint.startswith("sha256:")
    assert runs.select([1, 0, 2, 3]).fingerprint != runs.fingerprint
    assert runs.select([0, 1, 2, 3]).fingerprint == runs.fingerprint
    assert read_runs(ROWS | {"family": ["z"] * 4}).fingerprint == runs.fingerprint
    other = ROWS | {"val_loss": [4.1, 3.9, 3.1, 2.3]}
    assert read_runs(other).fingerprint != runs.fingerprint


def write(folder: Path, content: str | bytes, name: str = "runs.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("runs.csv", "", "empty"),
        ("runs.csv", "\n\n  \n", "empty"),
        ("runs.parquet", b"", "empty"),
        ("runs.csv", "N,loss\n1,2\n3,4,5\n", "Line 3"),
        ("runs.csv", "N,loss\n1,2\n3\n", "has 1 cells and the header has 2"),
        ("runs.csv", "N;loss\n1;2\n", "semicolons"),
        ("runs.csv", "N\tloss\n1\t2\n", "tabs"),
        ("runs.tsv", "N,loss\n1,2\n", "commas"),
        ("runs.csv", b"N,loss\n\xff\xfe,2\n", "UTF-8"),
        ("runs.csv", b"N,loss\n1\x00,2\n", "zero bytes"),
        ("runs.csv", "N,loss\n" + "1" * 200_000 + ",2\n", "Line 2"),
        ("runs.csv.gz", b"N,loss\n1,2\n", "gzip"),
        ("runs.csv.gz", gzip.compress(b"N,loss\n1,2\n" * 99, mtime=0)[:-9], "gzip"),
        ("runs.parquet", b"PAR1 but not really PAR1", "Parquet"),
        ("runs.xlsx", b"PK", "not in a format"),
        ("runs", b"N,loss", "not in a format"),
    ],
)
def test_a_file_that_cannot_be_read(name: str, content: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(FileError) as error:
        read_runs(write(tmp_path, content, name))
    assert words in str(error.value)
    assert str(error.value).count(". ") >= 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is not there"):
        read_runs(tmp_path / "none.csv")
    with pytest.raises(FileError, match="a folder"):
        (tmp_path / "folder.csv").mkdir()
        read_runs(tmp_path / "folder.csv")
    with pytest.raises(FileError, match="web address"):
        read_runs("https://example.org/runs.csv")
    with pytest.raises(FileError, match="is not there|cannot be read"):
        read_runs("a\x00b.csv")
    with pytest.raises(FileError, match="is not there|cannot be read"):
        read_runs("a" * 5000 + ".csv")


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(FileError, match=r"cannot be read \(Permission denied\)"):
        read_runs(write(tmp_path, "N,loss\n1,2\n"))


def test_reading_csv_as_people_write_it(tmp_path: Path) -> None:
    text = '\ufeffrun,"n_params",loss,note\r\n\r\na,1e6,3,"one,\r\ntwo"\r\n,,,\r\nb,9e6,2.5,\r\n'
    runs = read_runs(write(tmp_path, text))
    assert runs.labels == ("a", "b")
    assert runs["note"].tolist() == ["one,\r\ntwo", ""]
    assert runs.source.endswith("runs.csv")


def test_the_line_of_a_bad_cell_is_that_of_the_file(tmp_path: Path) -> None:
    text = 'run,N,loss\n\na,1e6,"3"\n"b\nc",2e6,3\nd,-3,3\n'
    with pytest.raises(RunsError, match=r'row 3 \("d", line 6 of runs.csv\)'):
        read_runs(write(tmp_path, text))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (3, "type builtins.int"),
        (None, "Give a path"),
        ([1, 2], "Give a path"),
        (pl.DataFrame(ROWS).lazy(), "collect"),
        ({"N": 3, "loss": [1]}, "single value"),
        ({"N": "70B", "loss": [1]}, "single value"),
        ({"N": np.ones((2, 2)), "loss": [1, 2]}, "2 dimensions"),
        ({"N": [1, 2], "loss": [1]}, "2 values and column"),
        (pd.DataFrame([[1, 2, 3]], columns=["N", "N", "loss"]), "name of its own"),
        ({}, "among none"),
        (pd.DataFrame({"N": [], "loss": []}), "no rows"),
        ({"N": [], "loss": []}, "no rows"),
    ],
)
def test_a_source_that_is_no_table(source: Any, words: str) -> None:
    with pytest.raises(RunsError) as error:
        read_runs(source)
    assert words in str(error.value)


def test_headers(tmp_path: Path) -> None:
    with pytest.raises(RunsError, match='two columns called "N"'):
        read_runs(write(tmp_path, "N,N,loss\n1,2,3\n"))
    with pytest.raises(RunsError, match="no rows"):
        read_runs(write(tmp_path, "N,loss\n"))
    runs = read_runs(write(tmp_path, ",N ,loss\n0,1e3,3\n1,2e5,2\n"))
    assert runs["column 1"].tolist() == [0, 1]


def test_columns_that_are_not_called_by_text() -> None:
    runs = read_runs(pd.DataFrame({0: [1.0, 2.0], "x": [1, 9], "loss": [3, 2]}))
    assert runs["0"].tolist() == [1, 2]


def test_runs_are_read_once() -> None:
    runs = read_runs(ROWS)
    assert read_runs(runs) is runs
    assert len(read_runs(runs, where="N < 2M")) == 1
    with pytest.raises(RunsError, match="read already"):
        read_runs(runs, columns={"N": "n_params"})
    assert isinstance(runs, Runs)
