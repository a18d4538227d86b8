from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import numpy as np
import pytest

SIZE = 600_000


@pytest.fixture(scope="module")
def base():
    """Documents of random words, no two alike, as bytes."""
    rng = np.random.default_rng(3)
    words = np.array(["".join(rng.choice(list("etaoinshrdlu"), 5)) for _ in range(3000)])
    documents = (" ".join(rng.choice(words, rng.integers(20, 60))) for _ in range(16_000))
    return "\n\n".join(documents).encode()


@pytest.fixture(scope="module")
def scores(study, base):
    corpora = study("corpora")
    return {name: corpora.score(corpora.make(name, base, SIZE), SIZE) for name in corpora.RECIPES}


def test_texts_are_the_same_every_time_and_of_the_size_asked(study, base):
    corpora = study("corpora")
    for name in corpora.RECIPES:
        made = corpora.make(name, base, SIZE)
        assert len(made) == SIZE and made == corpora.make(name, base, SIZE)


def test_redundancy_is_graded(scores):
    ratio = [scores[name].xz_ratio for name in ("dup1", "dup2", "dup4", "dup8", "dup16")]
    assert all(later < 0.9 * earlier for earlier, later in pairwise(ratio))
    assert scores["grow50"].xz_ratio < scores["grow75"].xz_ratio < scores["dup1"].xz_ratio
    assert scores["tpl8"].xz_ratio < scores["tpl2"].xz_ratio < scores["dup1"].xz_ratio
    near = [scores[name].near_duplicates for name in ("dup1", "dup2", "dup4", "dup8")]
    assert near[0] == 0 and near == sorted(near)
    assert scores["dup1"].repeated_8grams < 0.01 < scores["tpl2"].repeated_8grams


@pytest.mark.parametrize(("name", "share"), [("dup2", 1 / 2), ("dup4", 1 / 4), ("tpl8", 1 / 8)])
def test_the_share_of_new_text_is_the_one_named(study, base, name, share):
    corpora = study("corpora")
    originals = set(corpora.passages(base))
    made = Counter(corpora.make(name, base, SIZE).split(b"\n\n"))
    once = [part for part in originals if made[part] == 1]
    assert sum(map(len, once)) / SIZE == pytest.approx(share, abs=0.04)


def test_distinct_passages_of_a_growing_text_follow_a_power(study):
    corpora = study("corpora")
    fresh = [f"passage {i} ".encode() * 5 for i in range(40_000)]
    for growth in (0.5, 0.75):
        counts = []
        for n in (4_000, 32_000):
            made = corpora.growing(fresh, Random(1), growth)
            ids = {next(made).split(b" ")[1] for _ in range(n)}
            counts.append(len(ids))
        slope = np.log(counts[1] / counts[0]) / np.log(8)
        assert slope == pytest.approx(growth, abs=0.09)


def test_a_near_copy_holds_no_words_of_its_own(study):
    passage = b"one two three four five six seven eight nine ten"
    lengths = set()
    for seed in range(50):
        copy = study("corpora").near_copy(passage, Random(seed))
        assert copy in passage and len(copy.split()) >= 8
        lengths.add(len(copy.split()))
    assert lengths == {8, 9, 10}


def test_other_bytes_are_refused(study, base, tmp_path):
    corpus = study("corpus").Corpus(np.frombuffer(base, np.uint8), np.zeros(1, np.uint8), "ab" * 32)
    (tmp_path / "dup2-abababababab.bytes").write_bytes(b"other")
    with pytest.raises(ValueError, match="the text dup2 has SHA-256"):
        study("corpora").load("dup2", corpus, tmp_path, "00" * 32)
    assert study("corpora").load("base", corpus, tmp_path) is corpus.train


def test_a_text_that_is_too_short_is_refused(study):
    with pytest.raises(ValueError, match="too short"):
        study("corpora").make(
            "dup1", b"a short document of some words, more than sixty-four bytes long", 10_000
        )
