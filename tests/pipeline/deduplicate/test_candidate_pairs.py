"""Which pairs are compared, on buckets made by hand."""

from random import Random

import numpy as np
import pyarrow as pa
import pytest

from configs.deduplicate import Deduplicate
from pipeline.deduplicate.candidate_pairs import BUCKETS, bands_of_rows, buckets_of, candidate_pairs, ends
from pipeline.deduplicate.hashed_words import HashedWords


def buckets(members: dict[int, list[int]]) -> pa.Table:
    """Bucket to ordinals; a row's key is its ordinal."""
    rows = [(bucket, ordinal, ordinal) for bucket, ordinals in members.items() for ordinal in ordinals]
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=BUCKETS)


def test_a_bucket_gives_all_pairs_and_a_huge_one_each_row_with_its_neighbours() -> None:
    table = buckets({7: [3, 1, 2], 8: [1, 2], 9: [5]})
    pairs, bounded = candidate_pairs(table, 64, 100)
    assert list(zip(*(end.tolist() for end in ends(pairs)), strict=True)) == [(1, 2), (1, 3), (2, 3)]
    assert bounded == 0
    pairs, bounded = candidate_pairs(buckets({7: list(range(50)), 8: [60, 61, 62], 9: [70, 71]}), 2, 100)
    assert len(pairs) == 49 + 48 + 3 + 1
    assert bounded == 1


def test_pairs_without_a_new_row_are_no_candidates() -> None:
    pairs, _ = candidate_pairs(buckets({7: [1, 8, 9]}), 64, new_rows=5)
    assert list(zip(*(end.tolist() for end in ends(pairs)), strict=True)) == [(1, 8), (1, 9)]


def test_candidates_do_not_depend_on_the_order_of_rows() -> None:
    random = Random(1)
    rows = [(random.randrange(30), random.getrandbits(60), i) for i in range(300)]
    found = []
    for _ in range(3):
        random.shuffle(rows)
        table = pa.table([list(column) for column in zip(*rows, strict=True)], schema=BUCKETS)
        found.append(candidate_pairs(table, 3, 1000)[0].tolist())
    assert found[0] == found[1] == found[2]


def test_of_no_buckets_there_are_no_pairs() -> None:
    assert candidate_pairs(BUCKETS.empty_table(), 64, 10) == (pytest.approx(np.empty(0)), 0)


def keys(words: list[int], config: Deduplicate) -> pa.Table:
    """Of one conversation of each number of words, with the keys 100, 101, ..."""
    texts = [" ".join("w" + "x" * i for i in range(count)) for count in words]
    hashed = HashedWords.of([[("user", text)] for text in texts])
    return pa.table({"key": np.arange(100, 100 + len(words), dtype=np.uint64), "bands": bands_of_rows(hashed, config)})


@pytest.mark.parametrize(
    ("words", "kinds"),
    [(10, 1), (79, 1), (80, 2), (100, 2), (125, 2), (126, 1), (300, 1)],
    ids=lambda value: str(value),
)
def test_a_row_near_100_words_may_meet_shorter_and_longer_ones(words: int, kinds: int) -> None:
    found = buckets_of(keys([words], Deduplicate()), np.array([7]))
    assert len(set(found["bucket"].to_pylist())) == kinds * Deduplicate().bands
    assert set(found["key"].to_pylist()) == {100}
    assert set(found["ordinal"].to_pylist()) == {7}


@pytest.mark.parametrize(("one", "other"), [(10, 11), (79, 99), (80, 99), (101, 125), (126, 150), (300, 299)])
def test_rows_of_like_lengths_and_words_share_a_bucket(one: int, other: int) -> None:
    found = buckets_of(keys([one, other], Deduplicate(jaccard=0.5, bands=32)), np.array([3, 8]))
    pairs, _ = candidate_pairs(found, 64, 10)
    assert [end.tolist() for end in ends(pairs)] == [[3], [8]]
