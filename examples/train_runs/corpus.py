"""Assemble the training text of the tiny study from three Debian packages.

The text is English prose from packages of Debian 12's section ``main``: the GNU Collaborative
International Dictionary of English, the Free On-line Dictionary of Computing, and the book-length
"Anarchist FAQ".  The text itself is not part of this repository: it is fetched with
``apt-get download`` (no root needed, nothing is installed) or read from a folder of ``.deb`` files,
and cached as one file of raw bytes for each split.

Every step is deterministic, so the assembled text has one SHA-256, which `load_corpus` checks.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PACKAGES = {
    "dict-gcide": "0.48.5+nmu2",
    "dict-foldoc": "20230119-1",
    "anarchism": "15.3-3",
}
"""Debian packages and the versions that the recorded SHA-256 belongs to."""

HELD_OUT_PER_MILLE = 30
SHINGLE_WORDS = 8
SHINGLE_KEEP = 4
MAX_SEEN_SHARE = 0.5

_SOURCE_TAG = re.compile(r"\[[^\[\]]*(?:Webster|WordNet|PJC|Century)[^\[\]]*\]")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_MARKUP = re.compile(r"[*_#>|`\\]+")


@dataclass(frozen=True)
class Corpus:
    """Byte tokens of both splits.

    Attributes
    ----------
    train, held_out
        Raw bytes, one token each.
    sha256
        SHA-256 of the training bytes followed by the held-out bytes.
    """

    train: NDArray[np.uint8]
    held_out: NDArray[np.uint8]
    sha256: str


def default_cache() -> Path:
    """Return the user's cache folder for this study."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "bayescale" / "train_runs"


def fetch_packages(folder: Path) -> None:
    """Download the packages into `folder` with ``apt-get download``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, version in PACKAGES.items():
        if not list(folder.glob(f"{name}_*.deb")):
            command = ["apt-get", "download", f"{name}={version}"]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def package_files(deb: Path) -> dict[str, bytes]:
    """Return the regular files of a Debian package, without any Debian tool.

    Parameters
    ----------
    deb
        A ``.deb`` file: an ``ar`` archive whose member ``data.tar.*`` holds the files.

    Returns
    -------
    dict
        File contents by path inside the package.
    """
    raw = deb.read_bytes()
    position = 8  # past the magic "!<arch>\n"
    while position < len(raw):
        header = raw[position : position + 60]
        name, size = header[:16].decode().strip().rstrip("/"), int(header[48:58])
        position += 60
        if name.startswith("data.tar"):
            with tarfile.open(fileobj=io.BytesIO(raw[position : position + size])) as archive:
                members = (member for member in archive if member.isfile())
                return {m.name: archive.extractfile(m).read() for m in members}  # type: ignore[union-attr]
        position += size + size % 2
    raise ValueError(f"{deb.name} has no member data.tar.*; is it a Debian package?")


def reflow(text: str) -> str:
    """Join the lines of each paragraph and put one newline between paragraphs."""
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text))
    return "\n".join(part for part in paragraphs if part)


def dictionary_documents(text: str) -> Iterator[str]:
    """Yield one document for each entry of a ``dictd`` database.

    An entry starts at a line that begins in the first column after an empty line.
    """
    for entry in re.split(r"\n\s*\n(?=\S)", text):
        if "00-database" not in entry:
            yield reflow(_SOURCE_TAG.sub("", entry))


def markdown_documents(files: dict[str, bytes]) -> Iterator[str]:
    """Yield one document for each compressed Markdown file, without its markup."""
    for path in sorted(files):
        if path.endswith(".md.gz"):
            text = gzip.decompress(files[path]).decode("utf-8", errors="replace")
            yield reflow(_MARKUP.sub("", _LINK.sub(r"\1", text)))


def read_documents(folder: Path) -> dict[str, list[str]]:
    """Return the documents of each package found in `folder`, in the order of the source."""
    documents: dict[str, list[str]] = {}
    for name in PACKAGES:
        debs = sorted(folder.glob(f"{name}_*.deb"))
        if not debs:
            raise FileNotFoundError(f"no {name}_*.deb in {folder}; see --help")
        files = package_files(debs[-1])
        if name == "anarchism":
            documents[name] = list(markdown_documents(files))
        else:
            packed = next(files[path] for path in sorted(files) if path.endswith(".dict.dz"))
            text = gzip.decompress(packed).decode("utf-8", errors="replace")
            documents[name] = list(dictionary_documents(text))
    return documents


def shingles(text: str) -> set[int]:
    """Return a fixed sample of the hashed word 8-grams of `text` (all of a short text)."""
    words = text.lower().split()
    if len(words) < SHINGLE_WORDS:
        return {zlib.crc32(" ".join(words).encode())}
    spans = (" ".join(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1))
    hashes = {zlib.crc32(span.encode()) for span in spans}
    sample = {value for value in hashes if value % SHINGLE_KEEP == 0}
    return sample or hashes


def drop_near_duplicates(documents: list[bytes]) -> list[bytes]:
    """Drop each document most of whose word 8-grams occurred in the documents before it."""
    seen: set[int] = set()
    kept = []
    for document in documents:
        own = shingles(document.decode())
        if len(own & seen) <= MAX_SEEN_SHARE * len(own):
            kept.append(document)
        seen |= own
    return kept


def build(debs: Path) -> tuple[bytes, bytes, list[str]]:
    """Assemble both splits.

    Documents are ordered by their own SHA-256, which interleaves the packages, and the same hash
    decides the split, so that both splits have the same mix.

    Parameters
    ----------
    debs
        Folder of the ``.deb`` files.

    Returns
    -------
    train, held_out
        The bytes of the two splits.
    report
        Lines of text that say what share each package has.
    """
    source = {
        text.encode(): name
        for name, texts in read_documents(debs).items()
        for text in texts
        if text
    }
    ordered = sorted(source, key=lambda document: hashlib.sha256(document).digest())
    kept = drop_near_duplicates(ordered)
    splits: dict[bool, list[bytes]] = {False: [], True: []}
    for document in kept:
        number = int.from_bytes(hashlib.sha256(b"split" + document).digest()[:8], "big")
        splits[number % 1000 < HELD_OUT_PER_MILLE].append(document)
    report = [f"{len(source)} distinct documents, {len(kept)} after near-duplicate removal"]
    for held_out, chosen in splits.items():
        total = sum(map(len, chosen))
        for name in PACKAGES:
            sizes = [len(document) for document in chosen if source[document] == name]
            split = "held-out" if held_out else "train"
            share = f"{sum(sizes)} bytes ({sum(sizes) / total:.1%})"
            report.append(f"{split}: {name}: {len(sizes)} documents, {share}")
    return b"\n\n".join(splits[False]), b"\n\n".join(splits[True]), report


def load_corpus(
    cache: Path | None = None, debs: Path | None = None, sha256: str | None = None
) -> Corpus:
    """Load the corpus from the cache, assembling it first if needed.

    Parameters
    ----------
    cache
        Folder of the assembled text; the user's cache folder if left out.
    debs
        Folder that already holds the ``.deb`` files; they are downloaded if left out.
    sha256
        Expected SHA-256 of the assembled text; no check if left out.

    Returns
    -------
    Corpus
        The byte tokens of both splits.

    Raises
    ------
    ValueError
        If the assembled text is not the expected one.
    """
    cache = cache or default_cache()
    paths = cache / "train.bytes", cache / "held_out.bytes"
    if not all(path.exists() for path in paths):
        if debs is None:
            debs = cache / "debs"
            fetch_packages(debs)
        train, held_out, report = build(debs)
        print("\n".join(report), file=sys.stderr)
        cache.mkdir(parents=True, exist_ok=True)
        for path, content in zip(paths, (train, held_out), strict=True):
            partial = path.with_suffix(".partial")
            partial.write_bytes(content)
            partial.replace(path)
    train, held_out = (path.read_bytes() for path in paths)
    found = hashlib.sha256(train + held_out).hexdigest()
    if sha256 and found != sha256:
        raise ValueError(f"the assembled text has SHA-256 {found}, but {sha256} was expected")
    return Corpus(np.frombuffer(train, np.uint8), np.frombuffer(held_out, np.uint8), found)


def main() -> None:
    """Assemble the corpus and print its size and SHA-256."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, help="folder for the assembled text")
    parser.add_argument("--debs", type=Path, help="folder that already holds the .deb files")
    options = parser.parse_args()
    corpus = load_corpus(options.cache, options.debs)
    print(f"train    {corpus.train.size:>10} bytes")
    print(f"held-out {corpus.held_out.size:>10} bytes")
    print(f"SHA-256  {corpus.sha256}")


if __name__ == "__main__":
    main()
