"""Signatures and their bands."""

import numpy as np
import pytest

from pipeline.deduplicate.hashed_words import HashedWords
from pipeline.deduplicate.minhash import ROWS_AT_ONCE, bands_of
from pipeline.deduplicate.shingles import SHORT_SIZES, Sets, shingle_sets
from pipeline.rows.turns import Turn

WORDS = [f"word{i}" for i in range(400)]


def talk(prompt: str, reply: str) -> list[Turn]:
    return [("user", prompt), ("assistant", reply)]


def test_bands_depend_on_the_set_alone() -> None:
    talks = [talk(" ".join(WORDS[:n]), "fine") for n in (1, 3, 40)]
    rows, together = bands_of(shingle_sets(HashedWords.of([*talks, talk("", "")]), SHORT_SIZES, unique=False), 96, 16)
    assert rows.tolist() == [0, 1, 2], "an empty set has no bands"
    for row, turns in enumerate(talks):
        alone = bands_of(shingle_sets(HashedWords.of([turns]), SHORT_SIZES), 96, 16)[1]
        assert alone[0].tolist() == together[row].tolist()
    assert together.shape == (3, 16)


def test_bands_find_the_share_of_pairs_that_theory_expects() -> None:
    random = np.random.default_rng(1)
    sets, bounds = [], [0]
    for _ in range(600):
        shared, a, b = (random.integers(0, 1 << 48, n, np.uint64) for n in (80, 10, 10))
        for own in (a, b):  # Jaccard 80 / 100
            sets.append(np.concatenate([shared, own]))
            bounds.append(bounds[-1] + 90)
    _, bands = bands_of(Sets(np.concatenate(sets), np.array(bounds)), 64, 8)
    found = (bands[0::2] == bands[1::2]).any(axis=1).mean()
    assert found == pytest.approx(1 - (1 - 0.8**8) ** 8, abs=0.06)


def test_signatures_mean_the_same_in_every_run() -> None:
    sets = Sets(np.array([1, 2, 3], np.uint64), np.array([0, 3]))
    assert bands_of(sets, 96, 16)[1][0, :2].tolist() == [2212393109509249897, 11098287059782709256]


def test_a_signature_does_not_depend_on_the_block_that_its_row_is_in() -> None:
    random = np.random.default_rng(2)
    several = [random.integers(0, 1 << 48, random.integers(1, 5), np.uint64) for _ in range(2 * ROWS_AT_ONCE + 3)]
    bounds = np.cumsum([0, *map(len, several)])
    rows, bands = bands_of(Sets(np.concatenate(several), bounds), 32, 8)
    assert rows.tolist() == list(range(len(several)))
    for row in (0, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, 2 * ROWS_AT_ONCE, len(several) - 1):
        alone = bands_of(Sets(several[row], np.array([0, len(several[row])])), 32, 8)[1]
        assert alone[0].tolist() == bands[row].tolist()
