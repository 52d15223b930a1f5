"""Rows made by many tasks, put into files in the order of their row_id, without passing through the JVM.

Each writing task spills sorted runs of Arrow batches into a folder that all machines share; merging
tasks, one an output file, each take one range of row ids from every run, sort it and write it as
Parquet. A row costs one Arrow write, read, sort and Parquet write, all in C++, some 5 µs, where a
shuffle through Spark and its Parquet writer costs ten times that. The same rows give the same bytes,
whatever the runs; and the files follow each other in the order of row_id.

Known limitation: needs a folder that the driver and all executors see under one path, as artifacts do.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc
from pyspark.sql import SparkSession

from pipeline.rows.parquet import LEAST_FILES, ROWS_PER_FILE, write_batches, write_table
from pipeline.spark.session import task_progress
from pipeline.spark.tasks import sum_of_tasks

SPACE = 1 << 32
"""Row ids are placed by their first 32 bits (8 hex digits)."""

RUN_BYTES = 32 << 20
RUN_ROWS = 200_000


def file_count(rows: int) -> int:
    """Files that so many rows are put into."""
    return max(LEAST_FILES, -(-rows // ROWS_PER_FILE)) if rows else 1


class Runs:
    """The runs that one task spills: <folder>/<task>-<number>.arrow, each with one batch a bucket.

    buckets: equal ranges of the space of row ids; the same for all tasks. `bytes` is what was written.
    """

    def __init__(self, folder: Path, task: int, buckets: int) -> None:
        self._folder, self._task, self._buckets = folder, task, buckets
        self._batches: list[pa.RecordBatch] = []
        self._number = self._held = self._rows = self.bytes = 0

    def add(self, batch: pa.RecordBatch) -> None:
        self._batches.append(batch)
        self._held += batch.nbytes
        self._rows += batch.num_rows
        if self._held >= RUN_BYTES or self._rows >= RUN_ROWS:
            self.flush()

    def flush(self) -> None:
        """Writes what is held as one run. A task that is run again writes the same files again."""
        if not self._batches:
            return
        table = pa.Table.from_batches(self._batches).sort_by("row_id").combine_chunks()
        bounds = [bound(n, self._buckets) for n in range(1, self._buckets)]
        cuts = [0, *np.searchsorted(places(table["row_id"]), bounds), table.num_rows]
        path = self._folder / f"{self._task:06d}-{self._number:05d}.arrow"
        parts = (table.slice(start, stop - start).to_batches() for start, stop in pairwise(cuts))
        write_batches((part[0] if part else _empty(table.schema) for part in parts), table.schema, path)
        self.bytes += path.stat().st_size
        self._batches, self._number, self._held, self._rows = [], self._number + 1, 0, 0


def merge(spark: SparkSession, runs: Path, folder: Path, rows: int, buckets: int, schema: pa.Schema) -> int:
    """Merges all runs of a folder into part-00000.parquet, … of another; returns the rows written."""
    files = file_count(rows)
    folder.mkdir(parents=True)

    def merged(part: int) -> int:
        return merge_part(runs, folder / f"part-{part:05d}.parquet", part, files, buckets, schema)

    with task_progress(spark, f"writing {folder.name}"):
        return sum_of_tasks(spark, files, merged)


def merge_part(runs: Path, target: Path, part: int, parts: int, buckets: int, schema: pa.Schema) -> int:
    """Writes the rows of one of `parts` equal parts of the space, from all runs; returns their number."""
    low, high = bound(part, parts), bound(part + 1, parts)
    first, last = low * buckets // SPACE, (high - 1) * buckets // SPACE
    aligned = bound(first, buckets) == low and bound(last + 1, buckets) == high
    found: list[pa.RecordBatch] = []
    for run in sorted(runs.glob("*.arrow")):
        with pa.memory_map(str(run)) as source, ipc.open_file(source) as reader:
            for bucket in range(first, last + 1):
                batch = reader.get_batch(bucket)
                if not aligned:
                    at = places(pa.chunked_array([batch["row_id"]]))
                    start, stop = np.searchsorted(at, [low, high])
                    batch = batch.slice(start, stop - start)
                if batch.num_rows:
                    found.append(batch)
    table = pa.Table.from_batches(found, schema).sort_by("row_id")
    write_table(table, target)
    return table.num_rows


def bound(part: int, parts: int) -> int:
    """The first place of a part, when the space is cut into equal parts."""
    return -(-part * SPACE // parts)


def places(row_ids: pa.ChunkedArray) -> np.ndarray:
    """The first 32 bits of each row id; uint32, shape (rows,). Row ids are 32 hex digits."""
    if not len(row_ids):
        return np.empty(0, np.uint32)
    text = row_ids.combine_chunks()
    offsets = np.frombuffer(text.buffers()[1], np.int32, len(text) + 1, 4 * text.offset)
    data = np.frombuffer(text.buffers()[2], np.uint8)
    digits = data[offsets[:-1, None] + np.arange(8)]
    values = np.where(digits >= ord("a"), digits - (ord("a") - 10), digits - ord("0")).astype(np.uint32)
    return (values << np.arange(28, -1, -4, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema)
