"""Download a public data set once, check it, and read it as runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from bayescale.datasets.public.catalogue import Download, PublicSet, catalogue
from bayescale.datasets.public.convert import CONVERSIONS
from bayescale.errors import BayescaleError, FileError
from bayescale.runs.read import read_quietly
from bayescale.runs.table import Runs

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["cache_dir", "convert", "fetch"]


def cache_dir() -> Path:
    """Folder of downloaded files: in ``BAYESCALE_CACHE_DIR``, or the user's cache folder."""
    chosen = os.environ.get("BAYESCALE_CACHE_DIR")
    base = Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("bayescale"))
    return base / "datasets"


def fetch(name: str, *, all_rows: bool = False, folder: str | os.PathLike[str] = "") -> Runs:
    """Fetch a public data set of training runs.

    The files come from public repositories at fixed commits; nothing is downloaded a second time.
    The data belong to their authors: what to cite, under which licence they are, and what is
    wrong with them is in ``catalogue()[name]``. Every file is checked against its SHA-256.

    Parameters
    ----------
    name : str
        One of the names in `catalogue`.
    all_rows : bool
        Whether to return rows that the set's own analysis leaves out too.
    folder : path, optional
        Where the downloaded files are kept; `cache_dir` if left out.

    Returns
    -------
    Runs
        The rows. What limits them is in ``Runs.warnings``; no warning is issued.

    Raises
    ------
    BayescaleError
        If there is no such data set.
    FileError
        If a file cannot be downloaded, or is not the expected one.
    """
    known = catalogue()
    if not isinstance(name, str) or name not in known:
        raise BayescaleError(
            f"There is no public data set called {name!r:.60}. Fetch one of {', '.join(known)}."
        )
    public = known[name]
    place = Path(folder).expanduser() if folder else cache_dir()
    paths = [_download(file, place / name) for file in public.downloads]
    return convert(public, paths, all_rows=all_rows)


def convert(public: PublicSet, paths: Sequence[Path], *, all_rows: bool = False) -> Runs:
    """Read the downloaded files of a public data set as runs."""
    try:
        table = CONVERSIONS[public.name](paths)
    except (KeyError, ValueError, SyntaxError) as error:
        raise FileError(
            f"The files of {public.name!r} are not in the form that is known "
            f"({type(error).__name__}: {error}). Delete {str(paths[0].parent)!r} and fetch again."
        ) from error
    return read_quietly(
        table,
        columns=dict(public.columns),
        where=None if all_rows or not public.usual_rows else public.usual_rows,
        loss_unit=public.loss_unit,
        count=public.count,
    )


def _download(file: Download, folder: Path) -> Path:
    """Return the path of a file, downloading it if it is not there."""
    import pooch
    import requests

    path = folder / file.file
    by_hand = f"or download {file.url} by other means and put it at {str(path)!r}."
    try:
        with _quiet(pooch.get_logger()):
            pooch.retrieve(
                file.url,
                known_hash=f"sha256:{file.sha256}",
                fname=file.file,
                path=folder,
                downloader=pooch.HTTPDownloader(timeout=30),
            )
    except requests.exceptions.HTTPError as error:
        raise FileError(
            f"The server refused {file.url} ({error}). Try again later, {by_hand}"
        ) from None
    except requests.exceptions.RequestException as error:
        raise FileError(
            f"{file.url} cannot be reached ({type(error).__name__}). Fetching needs the network "
            f"once: connect and try again, {by_hand}"
        ) from None
    except ValueError:
        raise FileError(
            f"What came from {file.url} is not the expected file: its SHA-256 is not "
            f"{file.sha256}. Delete {str(path)!r} if it is there, and fetch again."
        ) from None
    except OSError as error:
        raise FileError(
            f"The folder {str(folder)!r} cannot be written ({error.strerror or error}). Set "
            "BAYESCALE_CACHE_DIR to one that can."
        ) from None
    return path


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep pooch from writing to standard error, where it says what it downloads."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
