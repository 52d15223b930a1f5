"""Candidates, and the choice of representatives, on tables made by hand."""

from random import Random

import numpy as np
import pyarrow as pa
import pytest

from configs.deduplicate import Deduplicate
from pipeline.deduplicate import near_duplicates as near
from pipeline.deduplicate.exact_duplicates import EQUAL, equal_rows
from pipeline.deduplicate.hashed_words import Spoken

WORDS = [f"word{i}" for i in range(60)]


def buckets(members: dict[int, list[int]]) -> pa.Table:
    """Bucket to ordinals; a row's key is its ordinal."""
    rows = [(bucket, ordinal, ordinal) for bucket, ordinals in members.items() for ordinal in ordinals]
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=near.BUCKETS)


def members(texts: list[str], ranks: list[int] | None = None, component: int = 0) -> pa.Table:
    spoken = Spoken.of([[("user", "one question"), ("assistant", text)] for text in texts])
    count = len(texts)
    columns = {
        "component": pa.array([component] * count, pa.int64()),
        "ordinal": pa.array(range(count), pa.int64()),
        "row_id": pa.array([f"row{i:03d}" for i in range(count)]),
        "rank": pa.array(ranks or [2] * count, pa.int8()),
        "chars": pa.array([9] * count, pa.int32()),
        "repaired": pa.array([0] * count, pa.int32()),
        **spoken.to_arrow(),
    }
    return pa.table(columns, schema=near.MEMBERS)


def matches(table: pa.Table) -> dict[str, str | None]:
    placed = near.represent(table, Deduplicate()).to_pylist()
    return {f"row{p['ordinal']:03d}": p["matched"] for p in placed}


def changed(*positions: int) -> str:
    return " ".join(f"new{i}" if i in positions else word for i, word in enumerate(WORDS))


def test_a_bucket_gives_all_pairs_and_a_huge_one_each_row_with_its_neighbours() -> None:
    table = buckets({7: [3, 1, 2], 8: [1, 2], 9: [5]})
    pairs, bounded = near.candidate_pairs(table, 64, 100)
    assert list(zip(*(end.tolist() for end in near.ends(pairs)), strict=True)) == [(1, 2), (1, 3), (2, 3)]
    assert bounded == 0
    pairs, bounded = near.candidate_pairs(buckets({7: list(range(50)), 8: [60, 61, 62], 9: [70, 71]}), 2, 100)
    assert len(pairs) == 49 + 48 + 3 + 1
    assert bounded == 1


def test_pairs_without_a_new_row_are_no_candidates() -> None:
    pairs, _ = near.candidate_pairs(buckets({7: [1, 8, 9]}), 64, new_rows=5)
    assert list(zip(*(end.tolist() for end in near.ends(pairs)), strict=True)) == [(1, 8), (1, 9)]


def test_candidates_do_not_depend_on_the_order_of_rows() -> None:
    random = Random(1)
    rows = [(random.randrange(30), random.getrandbits(60), i) for i in range(300)]
    found = []
    for _ in range(3):
        random.shuffle(rows)
        table = pa.table([list(column) for column in zip(*rows, strict=True)], schema=near.BUCKETS)
        found.append(near.candidate_pairs(table, 3, 1000)[0].tolist())
    assert found[0] == found[1] == found[2]


def test_the_best_row_stays_and_a_chain_does_not_reach_its_far_end() -> None:
    versions = [changed(*range(0, 2 * step, 2)) for step in range(13)]
    found = matches(members(versions))
    stays = [name for name, matched in found.items() if matched is None]
    assert stays[0] == "row000"
    assert len(stays) > 1
    assert found["row001"] == "row000"
    assert all(matched in stays for matched in found.values() if matched)


def test_reference_rows_stay_and_new_rows_go_for_them() -> None:
    table = members([changed(4), changed(5), changed(), changed(6)], ranks=[2, 1, 0, 2])
    assert matches(table) == {"row000": "row002", "row003": "row002"}


def test_components_do_not_mix_and_order_does_not_matter() -> None:
    one, two = members([changed(), changed(1)]), members([changed(2), changed(3)], component=5)
    two = two.set_column(1, "ordinal", pa.array([2, 3], pa.int64()))
    two = two.set_column(2, "row_id", pa.array(["row002", "row003"]))
    both = pa.concat_tables([one, two])
    expected = {"row000": None, "row001": "row000", "row002": None, "row003": "row002"}
    for order in ([0, 1, 2, 3], [3, 0, 2, 1]):
        assert matches(both.take(order)) == expected
    placed = near.represent(both, Deduplicate()).sort_by("ordinal").to_pylist()
    assert [p["cluster"] for p in placed] == ["row000", "row000", "row002", "row002"]
    assert not any(p["shared"] for p in placed), "one row of each cluster stays"


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [5, 3, 1, 4, 2, 0]])
def test_of_equal_texts_the_best_row_stays(order: list[int]) -> None:
    rows = [
        ("a", 2, 10, 0, "z", 0),
        ("a", 2, 10, 0, "y", 1),
        ("a", 2, 10, 1, "x", 2),
        ("b", 2, 99, 0, "w", 3),
        ("b", 1, 10, 5, "v", 4),
        ("c", 2, 10, 0, "u", 5),
    ]
    columns = [[text.encode() * 16 for text, *_ in rows], *(list(c) for c in zip(*(r[1:] for r in rows), strict=True))]
    found = equal_rows(pa.table(columns, schema=EQUAL).take(order)).sort_by("ordinal").to_pylist()
    assert [(f["ordinal"], f["matched"]) for f in found] == [(0, "y"), (2, "y"), (3, "v")]


def test_equal_rows_of_none_are_none() -> None:
    assert equal_rows(EQUAL.empty_table()).num_rows == 0
    assert near.represent(near.MEMBERS.empty_table(), Deduplicate()).num_rows == 0
    assert near.candidate_pairs(near.BUCKETS.empty_table(), 64, 10) == (pytest.approx(np.empty(0)), 0)
