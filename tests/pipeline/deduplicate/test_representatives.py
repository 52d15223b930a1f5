"""The choice of representatives, on clusters made by hand."""

import pyarrow as pa

from configs.deduplicate import Deduplicate
from pipeline.deduplicate.hashed_words import HashedWords
from pipeline.deduplicate.representatives import MEMBERS, represent

WORDS = [f"word{i}" for i in range(60)]


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
    return pa.table(columns, schema=MEMBERS)


def matches(table: pa.Table) -> dict[str, str | None]:
    clustered = represent(table, Deduplicate()).to_pylist()
    return {f"row{p['ordinal']:03d}": p["matched"] for p in clustered}


def changed(*positions: int) -> str:
    return " ".join(f"new{i}" if i in positions else word for i, word in enumerate(WORDS))


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
    placed = represent(both, Deduplicate()).sort_by("ordinal").to_pylist()
    assert [p["cluster"] for p in placed] == ["row000", "row000", "row002", "row002"]
    assert not any(p["shared"] for p in placed), "one row of each cluster stays"


def test_of_no_members_none_are_represented() -> None:
    assert represent(MEMBERS.empty_table(), Deduplicate()).num_rows == 0
