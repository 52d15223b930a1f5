"""A file falls into shards by the beginnings of its row ids."""

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.embed.shards import Known, ShardedFile, unchanged


@pytest.mark.parametrize(("rows", "shards"), [(1, 1), (10, 1), (11, 2), (85, 16)])
def test_each_row_is_in_the_shard_of_its_share_of_all_ids(tmp_path, rows: int, shards: int):
    draw = random.Random(rows)
    ids = sorted(f"{draw.randrange(1 << 64):016x}" for _ in range(rows))
    messages = [[{"role": "user", "content": row_id}] for row_id in ids]
    pq.write_table(pa.table({"row_id": ids, "messages": messages}), tmp_path / "part-3.parquet", row_group_size=7)
    file = ShardedFile(tmp_path / "part-3.parquet", 10)
    expected = {n: [i for i in ids if int(i[:8], 16) * shards >> 32 == n] for n in range(shards)}
    found = {shard.number: shard.table["row_id"].to_pylist() for shard in file}
    assert found == {number: found for number, found in expected.items() if found}
    assert [row_id for number in sorted(found) for row_id in found[number]] == ids
    assert {number: file.shard(number).table["row_id"].to_pylist() for number in range(shards)} == expected
    assert [shard.name for shard in file] == [f"part-3-{number:05d}.parquet" for number in found]


def test_an_empty_file_has_none(tmp_path):
    schema = pa.schema([("row_id", pa.string()), ("messages", pa.list_(pa.struct([("content", pa.string())])))])
    pq.write_table(schema.empty_table(), tmp_path / "part-0.parquet")
    assert list(ShardedFile(tmp_path / "part-0.parquet", 10)) == []


def rows(**said: list[tuple[str, str | None]] | None) -> pa.Table:
    """Conversations by row id, in a slice of a larger table."""
    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    messages = [None if turns is None else [{"role": r, "content": t} for r, t in turns] for turns in said.values()]
    table = pa.table({"row_id": ["", *said, "z"], "messages": pa.array([[], *messages, []], pa.list_(turn))})
    return table.slice(1, len(said))


def test_a_row_is_unchanged_if_its_turns_are_all_the_same():
    before = rows(
        a=[("user", "hi"), ("assistant", "hello")],
        b=[("user", "hi")],
        c=[("user", "one"), ("assistant", "two")],
        d=[("user", None)],
        e=[],
        f=[("user", "hi")],
        gone=[("user", "bye")],
    )
    now = rows(
        a=[("user", "hi"), ("assistant", "hello")],
        aa=[("user", "hi")],  # is new
        b=[("user", "ho")],
        c=[("user", "one")],
        d=[("user", "")],
        e=None,
        f=[("assistant", "hi")],
    )
    assert unchanged(now, before).to_pylist() == [True, False, False, False, True, True, False]
    assert unchanged(now, before.slice(0, 0)).to_pylist() == [False] * 7
    assert unchanged(now.slice(0, 0), before).to_pylist() == []


def test_known_vectors_are_those_of_the_rows_that_are_unchanged():
    before = rows(a=[("user", "1")], b=[("user", "2")], c=[("user", "3")], d=[("user", "4")])
    vectors = pa.table({"row_id": ["a", "b", "b", "c", "d"], "segment": [0, 0, 1, 0, 0]})
    same, found = Known(before, vectors).of(rows(b=[("user", "2")], bb=[("user", "5")], c=[("user", "6")]))
    assert same.to_pylist() == [True, False, False]
    assert found.to_pydict() == {"row_id": ["b", "b"], "segment": [0, 1]}
    assert Known(before, vectors).of(rows(x=[("user", "1")]))[1].num_rows == 0
