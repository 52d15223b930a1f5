"""Which pairs are compared, on buckets made by hand."""

from random import Random

import numpy as np
import pyarrow as pa
import pytest

from pipeline.deduplicate.candidate_pairs import BUCKETS, candidate_pairs, ends


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
