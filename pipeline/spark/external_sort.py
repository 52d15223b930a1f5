"""Rows made by many tasks, put into files in the order of their row_id, without passing through the JVM.

Each writing task spills sorted runs of Arrow batches into a folder that all machines share; merging
tasks, one an output file, each take one range of row ids from every run, sort it and write it as
Parquet. A row costs one Arrow write, read, sort and Parquet write, all in C++, some 5 µs, where a
shuffle through Spark and its Parquet writer costs ten times that. The same rows give the same bytes,
whatever the runs; and the files follow each other in the order of row_id.

Known limitation: needs a folder that the driver and all executors see under one path, as artifacts do.
"""

import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from pipeline.spark.session import task_progress

SPACE = 1 << 32
"""Row ids are placed by their first 32 bits (8 hex digits)."""

RUN_BYTES = 32 << 20
RUN_ROWS = 200_000
ROWS_PER_FILE = 100_000
LEAST_FILES = 4
LZ4 = ipc.IpcWriteOptions(compression="lz4")


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


def one_task_each(spark: SparkSession, number: int) -> DataFrame:
    """A frame of `number` partitions, each with its own index as its only id."""
    return spark.range(0, number, 1, numPartitions=number)


def numbers(batches: Iterator[pa.RecordBatch]) -> Iterator[int]:
    """What a task of one_task_each is given: its own index, and no other."""
    return (number for batch in batches for number in batch["id"].to_pylist())


def sum_of_tasks(spark: SparkSession, number: int, work: Callable[[int], int]) -> int:
    """work(0) + … + work(number - 1), each called by a task of its own: mostly the rows of the file that it wrote."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for index in numbers(batches):
            yield pa.RecordBatch.from_pydict({"result": [work(index)]})

    return sum(row.result for row in one_task_each(spark, number).mapInArrow(run, "result bigint").collect())


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


def write_batches(batches: Iterable[pa.RecordBatch], schema: pa.Schema, path: Path) -> None:
    """One Arrow file, for a later task; whole or not at all."""
    with _replacing(path) as partial, ipc.new_file(str(partial), schema, options=LZ4) as writer:
        for batch in batches:
            writer.write_batch(batch)


def write_table(table: pa.Table, path: Path) -> None:
    """One Parquet file, the same rows as the same bytes; whole or not at all."""
    with _replacing(path) as partial:
        pq.write_table(
            table.replace_schema_metadata(None),
            partial,
            compression="zstd",
            row_group_size=ROWS_PER_FILE,
            store_schema=False,
        )


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema)


class _replacing:
    """A name of its own to write to, renamed to `path` when the body ends without an error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")

    def __enter__(self) -> Path:
        return self._partial

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            os.replace(self._partial, self._path)
        else:
            self._partial.unlink(missing_ok=True)
