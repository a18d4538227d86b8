"""Finished fits in a folder, by content; a kill at any moment leaves it whole.

A fit is written to a temporary file in the same folder and moved to its place, which is one step
for every other process. Two studies that share a folder therefore see each other's finished fits
and never half of one. What a dying machine may leave damaged is told by its checksums, and computed
again.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path
from typing import Any

from bayescale.errors import FileError
from bayescale.many import packing

__all__ = ["Store"]

STALE = 3600.0
"""Seconds after which a temporary file is one that a killed process left."""


class Store:
    """A folder of finished fits.

    Parameters
    ----------
    folder : path
        Made where it is not there.

    Raises
    ------
    FileError
        Where the folder cannot be made or written to.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).expanduser().resolve()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write(self.folder / ".probe", b"")
            (self.folder / ".probe").unlink(missing_ok=True)
        except OSError as error:
            raise FileError(
                f"The folder {str(folder)!r} cannot be written to ({error.strerror or error}). "
                "Choose a folder that can be written, or free space."
            ) from None

    def path(self, key: str) -> Path:
        """Where the fit of a key lies."""
        return self.folder / key[:2] / f"{key}.npz"

    def record(self, key: str) -> dict[str, Any] | None:
        """The record of a finished fit, or None where it is not there.

        Raises
        ------
        FileError
            Where the file is damaged.
        """
        try:
            with self.path(key).open("rb") as file:
                return packing.verified(file, key)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileError(f"It cannot be read ({error.strerror or error}).") from None

    def read(self, key: str) -> bytes:
        """A finished fit as it was packed.

        Raises
        ------
        FileError
            Where it is not there any more, or damaged.
        """
        try:
            data = self.path(key).read_bytes()
            packing.verified(data, key)
        except (OSError, FileError) as error:
            raise FileError(
                f"The finished fit {str(self.path(key))!r} was lost or changed since the study "
                f"read it ({error}). Run the study again: what is missing is computed anew."
            ) from None
        return data

    def write(self, key: str, data: bytes) -> None:
        """Put a finished fit in its place.

        Raises
        ------
        FileError
            Where there is no room, or no permission.
        """
        try:
            self._write(self.path(key), data)
        except OSError as error:
            raise FileError(
                f"A finished fit cannot be written to {str(self.folder)!r} "
                f"({error.strerror or error}). Free space; then run the study again: what is "
                "finished is not computed twice."
            ) from None

    def _write(self, target: Path, data: bytes) -> None:
        target.parent.mkdir(exist_ok=True)
        temporary = target.parent / f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
        try:
            temporary.write_bytes(data)
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise

    def sweep(self) -> None:
        """Remove the temporary files of processes that were killed long ago."""
        for file in self.folder.glob("**/.*.tmp"):
            with contextlib.suppress(OSError):
                if time.time() - file.stat().st_mtime > STALE:
                    file.unlink()
