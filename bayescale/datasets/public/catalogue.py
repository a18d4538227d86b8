"""The catalogue of public data sets, read from ``catalogue.toml``."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any

__all__ = ["Download", "PublicSet", "catalogue"]


@dataclass(frozen=True)
class Download:
    """One file of a public data set.

    Attributes
    ----------
    url : str
        Address of the file, at a fixed commit of a public repository.
    sha256 : str
        SHA-256 of its bytes.
    size : int
        Its length in bytes.
    """

    url: str
    sha256: str
    size: int

    @property
    def file(self) -> str:
        """Name of the file."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class PublicSet:
    """A public data set of training runs.

    Attributes
    ----------
    name : str
        Name to fetch it by.
    title : str
        What it holds, in a few words.
    downloads : tuple of Download
        Its files.
    licence : str
        Licence of the data as stated at its source.
    cite : str
        What to cite.
    defects : str
        Known defects; read them before fitting.
    usual_rows : str
        Condition on the rows that its own analysis uses; empty for all rows.
    loss_unit : str
        Unit of the loss.
    count : str
        What N counts, as in ``read_runs``.
    columns : mapping of str to str
        Which column is which input, where the name does not say it.
    """

    name: str
    title: str
    downloads: tuple[Download, ...]
    licence: str
    cite: str
    defects: str
    usual_rows: str
    loss_unit: str
    count: str
    columns: Mapping[str, str]

    @property
    def source(self) -> str:
        """The public repository, as owner/name at a commit."""
        owner, repository, commit = self.downloads[0].url.split("/")[3:6]
        return f"github.com/{owner}/{repository} at commit {commit}"

    def to_json(self) -> dict[str, Any]:
        """Return the entry as plain values."""
        return {
            "name": self.name,
            "title": self.title,
            "source": self.source,
            "licence": self.licence,
            "cite": self.cite,
            "defects": self.defects,
            "usual_rows": self.usual_rows,
            "loss_unit": self.loss_unit,
            "count": self.count,
            "columns": dict(self.columns),
            "files": [vars(download) for download in self.downloads],
        }


@functools.cache
def catalogue() -> Mapping[str, PublicSet]:
    """Return the public data sets by name."""
    text = (files("bayescale.datasets.public") / "catalogue.toml").read_text(encoding="utf-8")
    return MappingProxyType(
        {name: _public_set(name, entry) for name, entry in tomllib.loads(text).items()}
    )


def _public_set(name: str, entry: dict[str, Any]) -> PublicSet:
    return PublicSet(
        name=name,
        title=entry["title"],
        downloads=tuple(
            Download(f"{entry['base']}/{file['path']}", file["sha256"], file["size"])
            for file in entry["files"]
        ),
        licence=entry["licence"],
        cite=entry["cite"],
        defects=" ".join(entry["defects"].split()),
        usual_rows=entry.get("usual_rows", ""),
        loss_unit=entry.get("loss_unit", "nats/token"),
        count=entry.get("count", "unspecified"),
        columns=MappingProxyType(entry.get("columns", {})),
    )
