"""Training texts of graded redundancy, made from the same text, and how redundant they are.

Every text is a sequence of passages of the training text (dictionary entries and paragraphs), some
of them new and some of them copies.  Three families differ in what is copied:

``dup``
    Near-duplicates at a constant rate.  All but one passage in k is a copy of one of a small, fixed
    pool.  The share of new text is 1/k at every length.  ``dup1`` has no copies: what cutting the
    text into passages does by itself.
``tpl``
    Templated copies at a constant rate.  As ``dup``, but the copy is one of a few sentences in
    which one word in seven is an open slot, filled with words drawn from the text.
``grow``
    Near-duplicates that become more frequent the more text there is, as in a growing crawl.  The
    copied passages are a draw from a Pitman-Yor process (Pitman and Yor 1997), of which the number
    of distinct passages grows like the s-th power of the number of passages.

A near-duplicate is a passage with up to a fifth of its words cut off at the ends: no wrong words
are put in, so that no copy is harder to predict than its original.  All families draw from the
training split alone.
"""

from __future__ import annotations

import hashlib
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from corpus import Corpus, shingles

SIZE = 12 << 20
"""Bytes of each redundant text: more than the longest run that reads it."""
SCORED = 4 << 20
"""Bytes of a text that its scores are measured on."""
POOL_PASSAGES = 150
TEMPLATES = 64
OPEN_SLOTS = 0.15
MOST_CUT = 0.2
LONGEST_DOCUMENT = 2048
LEAST_PASSAGE = 64
CONCENTRATION = 50.0

Draw = Callable[[Random], bytes]


def passages(text: bytes) -> list[bytes]:
    """Return the documents of `text`, long ones cut at their paragraphs, short ones left out."""
    documents = text.split(b"\n\n")
    parts = (
        part
        for document in documents
        for part in (document.split(b"\n") if len(document) > LONGEST_DOCUMENT else [document])
    )
    return [part for part in parts if len(part) >= LEAST_PASSAGE]


def index(rng: Random, count: int) -> int:
    """Draw a whole number below `count`, by the one method that Python keeps for ever."""
    return int(rng.random() * count)


def shuffled(items: list[bytes], rng: Random) -> list[bytes]:
    """Return `items` in random order."""
    keys = [rng.random() for _ in items]
    return [items[i] for i in sorted(range(len(items)), key=keys.__getitem__)]


def near_copy(passage: bytes, rng: Random) -> bytes:
    """Return `passage` with up to a fifth of its words cut off, shared between its ends."""
    words = passage.split(b" ")
    cut = index(rng, int(MOST_CUT * len(words)) + 1)
    front = index(rng, cut + 1)
    return b" ".join(words[front : len(words) - (cut - front)])


def constant_rate(fresh: list[bytes], rng: Random, new_share: float, copy: Draw) -> Iterator[bytes]:
    """Yield new passages and copies, such that new text has this share of the bytes."""
    new = total = 0
    for passage in fresh:
        while new >= new_share * total + len(passage):
            copied = copy(rng)
            total += len(copied)
            yield copied
        new += len(passage)
        total += len(passage)
        yield passage


def near_duplicates(fresh: list[bytes], rng: Random, new_share: float) -> Iterator[bytes]:
    """Yield new passages and near-duplicates of a small pool."""
    pool, fresh = fresh[:POOL_PASSAGES], fresh[POOL_PASSAGES:]
    return constant_rate(
        fresh, rng, new_share, lambda rng: near_copy(pool[index(rng, len(pool))], rng)
    )


def templated(fresh: list[bytes], rng: Random, new_share: float) -> Iterator[bytes]:
    """Yield new passages and fillings of a few templates."""
    words = b" ".join(fresh[: 40 * TEMPLATES]).split()
    templates = []
    for passage in fresh[:TEMPLATES]:
        template = passage.split(b" ")
        templates.append([None if rng.random() < OPEN_SLOTS else word for word in template])

    def fill(rng: Random) -> bytes:
        template = templates[index(rng, TEMPLATES)]
        return b" ".join(words[index(rng, len(words))] if w is None else w for w in template)

    return constant_rate(fresh[TEMPLATES:], rng, new_share, fill)


def growing(fresh: list[bytes], rng: Random, growth: float) -> Iterator[bytes]:
    """Yield passages of a Pitman-Yor process, near-duplicates in place of exact repeats.

    The next passage is new with probability ``(c + s K) / (c + n)`` after `n` passages of which `K`
    are distinct; otherwise it copies an earlier one, in proportion to its number of occurrences
    less `s`.
    """
    seen: list[int] = []  # the distinct passage of each passage so far
    distinct = 0
    count = [0] * len(fresh)
    while distinct < len(fresh):
        if rng.random() * (CONCENTRATION + len(seen)) < CONCENTRATION + growth * distinct:
            chosen = distinct
            distinct += 1
            yield fresh[chosen]
        else:
            while True:  # occurrences less the discount, by rejection
                chosen = seen[index(rng, len(seen))]
                if rng.random() < 1.0 - growth / count[chosen]:
                    break
            yield near_copy(fresh[chosen], rng)
        count[chosen] += 1
        seen.append(chosen)


RECIPES: dict[str, Callable[[list[bytes], Random], Iterator[bytes]]] = {
    "dup1": partial(near_duplicates, new_share=1.0),
    "dup2": partial(near_duplicates, new_share=1 / 2),
    "dup4": partial(near_duplicates, new_share=1 / 4),
    "dup8": partial(near_duplicates, new_share=1 / 8),
    "dup16": partial(near_duplicates, new_share=1 / 16),
    "tpl2": partial(templated, new_share=1 / 2),
    "tpl8": partial(templated, new_share=1 / 8),
    "grow75": partial(growing, growth=0.75),
    "grow50": partial(growing, growth=0.50),
}
"""The redundant texts, by name."""


def make(name: str, base: bytes, size: int = SIZE) -> bytes:
    """Make a redundant text of `size` bytes.

    Passages come in random order, so that every part of the text is like every other.

    Parameters
    ----------
    name
        One of `RECIPES`.
    base
        The training text.
    size
        Bytes of the result.
    """
    rng = Random(f"bayescale {name}")
    made: list[bytes] = []
    length = 0
    for passage in RECIPES[name](shuffled(passages(base), rng), rng):
        made.append(passage)
        length += len(passage) + 2
        if length >= size:
            return b"\n\n".join(shuffled(made, rng))[:size].ljust(size)
    raise ValueError(f"the training text is too short for {size} bytes of {name}")


def load(name: str, base: Corpus, cache: Path, sha256: str | None = None) -> NDArray[np.uint8]:
    """Return the training text called `name`, from the cache if it is there.

    Parameters
    ----------
    name
        ``"base"`` or one of `RECIPES`.
    base
        The text that it is made from.
    cache
        Folder of the made texts.
    sha256
        Expected SHA-256 of a redundant text; no check if left out.

    Raises
    ------
    ValueError
        If the text is not the expected one.
    """
    if name == "base":
        return base.train
    path = cache / f"{name}-{base.sha256[:12]}.bytes"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial_path = path.with_suffix(".partial")
        partial_path.write_bytes(make(name, base.train.tobytes()))
        partial_path.replace(path)
    text = path.read_bytes()
    found = hashlib.sha256(text).hexdigest()
    if sha256 and found != sha256:
        raise ValueError(f"the text {name} has SHA-256 {found}, but {sha256} was expected")
    return np.frombuffer(text, np.uint8)


@dataclass(frozen=True)
class Scores:
    """How redundant a text is, measured on its first `SCORED` bytes.

    Attributes
    ----------
    sha256
        SHA-256 of the whole text.
    xz_ratio
        Size after compression with xz (preset 9, dictionary larger than the text) over the size.
    gzip_ratio
        The same with zlib at level 9, which sees 32 KiB back only.
    repeated_8grams
        Share of the word 8-grams that occurred before in the text.
    near_duplicates
        Share of the passages more than half of whose word 8-grams occurred before.
    """

    sha256: str
    xz_ratio: float
    gzip_ratio: float
    repeated_8grams: float
    near_duplicates: float


def score(text: bytes, scored: int = SCORED) -> Scores:
    """Measure the redundancy of a text."""
    sample = text[:scored]
    words = sample.lower().split()
    grams = [hash(tuple(words[i : i + 8])) for i in range(len(words) - 7)]
    seen: set[int] = set()
    near = 0
    parts = passages(sample)
    for part in parts:
        own = shingles(part.decode(errors="replace"))
        near += len(own & seen) > 0.5 * len(own)
        seen |= own
    return Scores(
        sha256=hashlib.sha256(text).hexdigest(),
        xz_ratio=len(lzma.compress(sample, preset=9)) / len(sample),
        gzip_ratio=len(zlib.compress(sample, 9)) / len(sample),
        repeated_8grams=1.0 - len(set(grams)) / len(grams),
        near_duplicates=near / len(parts),
    )
