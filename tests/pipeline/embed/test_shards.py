"""A file falls into shards by the beginnings of its row ids."""

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.embed.shards import ShardedFile


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
