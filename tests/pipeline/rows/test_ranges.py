"""Rows cut into ranges: small files are read together, and nothing is read twice or left out."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.rows.ranges import Corpus, Ranges

FILES = (2, 3, 0, 9, 1, 1, 0)
"""Rows of each."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    first = 0
    for number, rows in enumerate(FILES):
        table = pa.table({"row": pa.array(range(first, first + rows), pa.int64())})
        pq.write_table(table, tmp_path / f"{number}.parquet")
        first += rows
    return tmp_path


@pytest.mark.parametrize(
    ("most", "joined", "rows"),
    [(4, 5, [5, 4, 5, 2]), (4, 1, [2, 3, 4, 4, 1, 1, 1]), (100, 100, [16]), (3, 6, [5, 6, 5])],
)
def test_small_files_are_one_range_and_large_ones_several(
    folder: Path, most: int, joined: int, rows: list[int]
) -> None:
    ranges = Ranges([Corpus("this run", "new", folder)], most, joined)
    assert [part.rows for part in ranges.all] == rows
    read = [part.read()["row"].to_pylist() for part in ranges.all]
    assert [row for part in read for row in part] == list(range(sum(FILES)))
    assert [part[0] for part in read] == [part.first for part in ranges.all]


def test_corpora_are_not_joined(folder: Path) -> None:
    corpora = [Corpus("last week", "earlier", folder), Corpus("this run", "new", folder)]
    ranges = Ranges(corpora, 100, 100)
    assert [(part.corpus.name, part.first) for part in ranges.all] == [("this run", 0), ("last week", 16)]
    assert (ranges.new_rows, ranges.new_ranges, ranges.rows) == (16, 1, 32)


def test_files_begin_where_their_rows_do_and_empty_ones_where_the_next_does(folder: Path) -> None:
    ranges = Ranges([Corpus("this run", "new", folder)], 4, 5)
    assert ranges.starts(sorted(folder.glob("*.parquet"))).tolist() == [0, 2, 5, 5, 14, 15, 16]


def test_files_of_other_columns_are_read_together(tmp_path: Path) -> None:
    pq.write_table(pa.table({"row_id": ["a"]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"row_id": ["b"], "user_id": ["u"]}), tmp_path / "1.parquet")
    (only,) = Ranges([Corpus("last week", "earlier", tmp_path), Corpus("this run", "new", tmp_path)]).all[1:]
    assert only.read(["row_id", "user_id"]).to_pylist() == [
        {"row_id": "a", "user_id": None},
        {"row_id": "b", "user_id": "u"},
    ]
