"""Sorted files become one sorted stream."""

import resource
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rows import ordered
from pipeline.rows.ordered import MANY_FILES, OTHER_FILES, ahead, allow_open_files, in_order, in_shards


def write(folder: Path, files: list[list[str]], statistics: bool = True) -> Path:
    folder.mkdir(exist_ok=True)
    for number, keys in enumerate(files):
        table = pa.table(
            {"row_id": pa.array(sorted(keys), pa.string()), "file": pa.array([number] * len(keys), pa.int64())}
        )
        pq.write_table(table, folder / f"part-{number:05d}.parquet", write_statistics=statistics, row_group_size=20)
    return folder


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sets(st.integers(0, 5000), max_size=400), min_size=1, max_size=5),
    st.integers(1, 90),
    st.sampled_from([1, 2, 3, 1 << 16]),
    st.booleans(),
)
def test_every_row_comes_once_and_in_order_in_shards_of_one_size(
    tmp_path_factory, sets: list[set[int]], rows: int, held: int, statistics: bool
):
    files = [[f"{key:05d}-{number}" for key in keys] for number, keys in enumerate(sets)]
    folder = write(tmp_path_factory.mktemp("rows"), files, statistics)
    with patch.object(ordered, "ROWS_HELD", held), patch.object(ordered, "LEAST_ROWS", 1):
        shards = list(in_shards(folder, ["row_id"], rows))
    assert [key for s in shards for key in s["row_id"].to_pylist()] == sorted(key for keys in files for key in keys)
    assert all(s.num_rows == rows for s in shards[:-1])


@pytest.mark.parametrize("rows", [63, 64, 65, 128])
@pytest.mark.parametrize("files", [1, 2])
def test_files_may_end_where_a_batch_does(tmp_path, monkeypatch, rows, files):
    monkeypatch.setattr(ordered, "ROWS_HELD", 1)
    keys = [[f"{n:05d}-{file}" for n in range(rows)] for file in range(files)]
    blocks = list(in_order(write(tmp_path / "rows", keys)))
    assert [key for block in blocks for key in block["row_id"].to_pylist()] == sorted(key for of in keys for key in of)


def test_of_files_that_follow_one_another_few_are_at_hand(tmp_path, monkeypatch):
    """Parts of shards: at every key two of the twenty files are open, and the rows held are not all of them."""
    monkeypatch.setattr(ordered, "ROWS_HELD", 400)
    asked = list[int]()
    monkeypatch.setattr(ordered, "allow_open_files", asked.append)
    files = [[f"{n:05d}-{part}" for n in range(at, at + 100)] for part in "ab" for at in range(0, 1000, 100)]
    blocks = list(in_order(write(tmp_path / "rows", files)))
    assert [key for block in blocks for key in block["row_id"].to_pylist()] == sorted(
        key for keys in files for key in keys
    )
    assert max(block.num_rows for block in blocks) <= 600
    assert asked == [2]


def test_more_rows_than_are_held_at_once_stay_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(ordered, "ROWS_HELD", 1)
    early, late = [f"a{n:05d}" for n in range(1000)], [f"b{n:05d}" for n in range(1000)]
    folder = write(tmp_path / "rows", [late, early])
    blocks = list(in_order(folder))
    assert [key for block in blocks for key in block["row_id"].to_pylist()] == early + late
    assert max(block.num_rows for block in blocks) < 1000


def test_empty_files_are_no_rows(tmp_path):
    assert list(in_shards(write(tmp_path / "rows", [[], []]), ["row_id"], 10)) == []


def test_as_many_files_may_be_open_as_the_hard_limit_allows(monkeypatch):
    limits = [(1024, 4096)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: limits.append(both))
    assert (allow_open_files(500), limits) == (500, [(1024, 4096), (4096, 4096)])
    assert (allow_open_files(8000), limits) == (4096 - OTHER_FILES, [(1024, 4096), (4096, 4096)])
    limits.append((1024, 1 << 20))
    assert (allow_open_files(500), limits[-1]) == (500, (MANY_FILES, 1 << 20))
    assert (allow_open_files(1 << 17), limits[-1]) == (1 << 17, ((1 << 17) + OTHER_FILES, 1 << 20))


def test_what_is_made_ahead_comes_in_order_and_raises_where_it_failed():
    def made():
        yield from (1, 2)
        raise ValueError("third")

    found = ahead(made())
    assert [next(found), next(found)] == [1, 2]
    with pytest.raises(ValueError, match="third"):
        next(found)
    assert list(ahead(iter(()))) == []
