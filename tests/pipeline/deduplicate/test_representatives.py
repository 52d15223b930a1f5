"""The choice of representatives, on clusters made by hand."""

from typing import Any

import pyarrow as pa
import pytest

from configs.deduplicate import Deduplicate
from pipeline.deduplicate import representatives
from pipeline.deduplicate.hashed_words import HashedWords
from pipeline.deduplicate.representatives import MEMBERS_WITH_WORDS, represent

WORDS = ["word" + "".join(chr(ord("a") + int(digit)) for digit in str(i)) for i in range(60)]
"""No digits: another number would be another text."""


def members(texts: list[str], ranks: list[int] | None = None, component: int = 0) -> pa.Table:
    hashed = HashedWords.of([[("user", "one question"), ("assistant", text)] for text in texts])
    count = len(texts)
    columns = {
        "component": pa.array([component] * count, pa.int64()),
        "ordinal": pa.array(range(count), pa.int64()),
        "row_id": pa.array([f"row{i:03d}" for i in range(count)]),
        "rank": pa.array(ranks or [2] * count, pa.int8()),
        "chars": pa.array([9] * count, pa.int32()),
        "repaired": pa.array([0] * count, pa.int32()),
        **hashed.to_arrow(),
    }
    return pa.table(columns, schema=MEMBERS_WITH_WORDS)


def matches(table: pa.Table) -> dict[str, str | None]:
    clustered = represent(table, Deduplicate()).clustered.to_pylist()
    return {f"row{p['ordinal']:03d}": p["matched"] for p in clustered}


def changed(*positions: int) -> str:
    """The words, some of them with their first letter doubled."""
    return " ".join(word[0] * (i in positions) + word for i, word in enumerate(WORDS))


def test_the_best_row_stays_and_a_chain_does_not_reach_its_far_end() -> None:
    versions = [changed(*range(0, 2 * step, 2)) for step in range(13)]
    found = matches(members(versions))
    stays = [name for name, matched in found.items() if matched is None]
    assert stays[0] == "row000"
    assert len(stays) > 1
    assert found["row001"] == "row000"
    assert all(matched in stays for matched in found.values() if matched)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"rank": 1}, {"rank": 2, "chars": 99}),
        ({"chars": 11, "repaired": 3}, {"chars": 10}),
        ({"repaired": 1}, {"repaired": 2}),
        ({"row_id": "a"}, {"row_id": "b"}),
    ],
    ids=["earlier", "longer", "less repaired", "smaller row_id"],
)
def test_the_better_row_of_a_cluster_stays(better: dict[str, Any], worse: dict[str, Any]) -> None:
    for first, second in ((better, worse), (worse, better)):
        rows = members([changed(1), changed(2)]).to_pylist()
        named = [{"row_id": "z"}, {"row_id": "y"}] if first is better else [{"row_id": "y"}, {"row_id": "z"}]
        table = pa.Table.from_pylist(
            [row | name | change for row, name, change in zip(rows, named, (first, second), strict=True)],
            schema=MEMBERS_WITH_WORDS,
        )
        dropped = [r["ordinal"] for r in represent(table, Deduplicate()).clustered.to_pylist() if r["matched"]]
        assert dropped == ([1] if first is better else [0])


def test_the_similarity_is_that_to_the_row_that_stays_and_a_cluster_is_named_by_its_smallest_row() -> None:
    table = members([changed(1), changed(1, 5), changed(1, 7)])
    table = table.set_column(table.schema.get_field_index("row_id"), "row_id", pa.array(["c", "a", "b"]))
    table = table.set_column(table.schema.get_field_index("chars"), "chars", pa.array([9, 8, 7], pa.int32()))
    found = represent(table, Deduplicate()).clustered.sort_by("ordinal").to_pylist()
    # of 60 words and 59 pairs a changed word leaves 59 and 57; the question adds 3
    share = round((59 + 57 + 3) / (61 + 61 + 3), 4)
    assert [(f["cluster"], f["matched"], f["matched_ordinal"], f["jaccard"]) for f in found] == [
        ("a", None, None, None),
        ("a", "c", 0, share),
        ("a", "c", 0, share),
    ]


def test_a_cluster_of_which_several_rows_stay_is_shared() -> None:
    found = represent(members([changed(), changed(1), changed(*range(20, 60))]), Deduplicate()).clustered
    assert found["shared"].to_pylist() == [True] * 3
    assert found["matched"].null_count == 2


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
    placed = represent(both, Deduplicate()).clustered.sort_by("ordinal").to_pylist()
    assert [p["cluster"] for p in placed] == ["row000", "row000", "row002", "row002"]
    assert not any(p["shared"] for p in placed), "one row of each cluster stays"


def test_of_no_members_none_are_represented() -> None:
    assert represent(MEMBERS_WITH_WORDS.empty_table(), Deduplicate()).clustered.num_rows == 0


def test_of_equal_names_the_first_row_stays_in_whatever_order_they_come() -> None:
    """Two evaluation sets may have a row called 1 each."""
    table = members([changed(), changed(1), changed(2)])
    table = table.set_column(2, "row_id", pa.array(["same"] * 3))
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        found = represent(table.take(pa.array(order)), Deduplicate()).clustered.sort_by("ordinal").to_pylist()
        assert [row["matched_ordinal"] for row in found] == [None, 0, 0]


def test_verdicts_of_a_component_with_too_many_questions_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    table = members([changed(), changed(1), changed(*range(20, 60))])
    first = represent(table, Deduplicate())
    assert first.verdicts.num_rows == 2
    monkeypatch.setattr(representatives, "MOST_TOLD", 0)
    again = represent(table, Deduplicate())
    assert again.verdicts.num_rows == 0
    assert again.clustered == first.clustered
