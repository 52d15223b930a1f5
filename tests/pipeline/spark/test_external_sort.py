"""Runs and their merge: the same rows are the same bytes, in the order of row_id, however they came."""

import hashlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.spark import external_sort
from pipeline.spark.external_sort import Runs, bound, file_count, merge, merge_part, places

SCHEMA = pa.schema([("row_id", pa.string()), ("text", pa.list_(pa.string()))])
IDS = [hashlib.md5(str(number).encode()).hexdigest() for number in range(1000)]
ROWS: list[dict[str, Any]] = [{"row_id": name, "text": [name[:5], "é"]} for name in IDS]


def spilled(folder: Path, tasks: int, buckets: int, batch: int) -> Path:
    """The rows, shuffled, as the runs of so many tasks."""
    folder.mkdir(parents=True)
    rows = random.Random(tasks).sample(ROWS, len(ROWS))
    for task in range(tasks):
        runs = Runs(folder, task, buckets)
        own = rows[task::tasks]
        for start in range(0, len(own), batch):
            runs.add(pa.RecordBatch.from_pylist(own[start : start + batch], SCHEMA))
        runs.flush()
        assert runs.bytes == sum(path.stat().st_size for path in folder.glob(f"{task:06d}-*"))
    return folder


def test_a_place_is_the_number_that_the_first_eight_digits_are() -> None:
    ids = pa.chunked_array([pa.array([row["row_id"] for row in ROWS])])
    assert places(ids).tolist() == [int(row["row_id"][:8], 16) for row in ROWS]
    assert places(ids.slice(7, 3)).tolist() == [int(row["row_id"][:8], 16) for row in ROWS[7:10]]


@pytest.mark.parametrize("parts", [1, 3, 4, 7])
def test_the_bytes_do_not_depend_on_tasks_buckets_and_runs(
    tmp_path: Path, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = set()
    for number, (tasks, buckets, run_rows) in enumerate([(1, 1, 10_000), (2, 4, 90), (7, 3, 40), (3, 16, 10_000)]):
        monkeypatch.setattr(external_sort, "RUN_ROWS", run_rows)
        folder = spilled(tmp_path / str(number), tasks, buckets, batch=20)
        targets = [folder / f"{part}.parquet" for part in range(parts)]
        for part, target in enumerate(targets):
            merge_part(folder, target, part, parts, buckets, SCHEMA)
        found.add(tuple(target.read_bytes() for target in targets))
        rows = [row for target in targets for row in pq.read_table(target).to_pylist()]
        assert rows == sorted(ROWS, key=lambda row: row["row_id"])
    assert len(found) == 1


def test_the_parts_of_the_space_meet_without_gap_or_overlap() -> None:
    for parts in (1, 3, 7, 1000):
        bounds = [bound(part, parts) for part in range(parts + 1)]
        assert (bounds[0], bounds[-1]) == (0, external_sort.SPACE)
        assert np.all(np.diff(bounds) > 0)


def test_no_rows_are_one_empty_file_with_the_schema(spark, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    assert merge(spark, tmp_path / "runs", tmp_path / "out", 0, 4, SCHEMA) == 0
    assert [pq.read_table(path).num_rows for path in (tmp_path / "out").iterdir()] == [0]
    assert pq.read_schema(tmp_path / "out" / "part-00000.parquet").names == SCHEMA.names


def test_files_hold_at_most_so_many_rows_and_are_at_least_four() -> None:
    assert [file_count(rows) for rows in (0, 1, 400_000, 400_001, 200_000_000)] == [1, 4, 4, 5, 2000]


def test_a_task_that_is_run_again_leaves_what_the_first_attempt_left(tmp_path: Path) -> None:
    first = spilled(tmp_path / "a", 1, 4, batch=100)
    before = {path.name: path.read_bytes() for path in first.iterdir()}
    runs = Runs(first, 0, 4)
    for start in range(0, len(ROWS), 100):
        runs.add(pa.RecordBatch.from_pylist(random.Random(1).sample(ROWS, len(ROWS))[start : start + 100], SCHEMA))
    runs.flush()
    assert {path.name: path.read_bytes() for path in first.iterdir()} == before
