"""Arrow tables moved between Spark tasks in blocks: the shuffle of rows without a cost a row.

A task cuts its table by target task and serialises each piece; Spark moves the pieces as binary values
and gives each target task all of its own. What a shuffle costs in the JVM is a few microseconds a
column and row, and a few a *block* here.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

Batches = Iterator[pa.RecordBatch]
BLOCKS = "target int, kind string, block binary, bytes bigint"
"""Spark schema of blocks. kind names what a table is; a block is an Arrow IPC stream."""

BLOCK_BYTES = 4 << 20
BATCH_BYTES = 32 << 20


def cut(kind: str, table: pa.Table, targets: np.ndarray) -> Batches:
    """Blocks of a table. targets: the task that each row goes to, int [rows]."""
    if not table.num_rows:
        return
    order = np.argsort(targets, kind="stable")
    table = table.take(pa.array(order)).combine_chunks()
    found, first = np.unique(targets[order], return_index=True)
    ends = [*first[1:], len(order)]
    most = max(int(BLOCK_BYTES / max(table.nbytes / table.num_rows, 1)), 1)
    for target, start, end in zip(found.tolist(), first.tolist(), ends, strict=True):
        for at in range(start, end, most):
            yield block(kind, table.slice(at, min(most, end - at)), target)


def block(kind: str, table: pa.Table, target: int) -> pa.RecordBatch:
    """One block."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data = sink.getvalue()
    return pa.record_batch(
        {
            "target": pa.array([target], pa.int32()),
            "kind": [kind],
            "block": pa.array([data.to_pybytes()], pa.binary()),
            "bytes": pa.array([data.size], pa.int64()),
        }
    )


class Received:
    """The blocks that one task was given."""

    def __init__(self, batches: Batches) -> None:
        self.target = -1
        self._tables: dict[str, list[pa.Table]] = {}
        for batch in batches:
            for target, kind, data in zip(*(batch[name] for name in ("target", "kind", "block")), strict=True):
                self.target = target.as_py()
                if data.is_valid:
                    table = pa.ipc.open_stream(data.as_buffer()).read_all()
                    self._tables.setdefault(kind.as_py(), []).append(table)

    def table(self, kind: str, schema: pa.Schema) -> pa.Table:
        """All rows of a kind, in no particular order; none of them when no block came."""
        tables = self._tables.pop(kind, [])
        return pa.concat_tables(tables).combine_chunks() if tables else schema.empty_table()


def tasks(spark: SparkSession, count: int) -> DataFrame:
    """One empty block for each task, so that each runs even when nothing is sent to it."""
    frame = spark.range(0, count, 1, count)
    return frame.select(
        F.col("id").cast("int").alias("target"),
        F.lit("").alias("kind"),
        F.lit(None).cast("binary").alias("block"),
        F.lit(0).cast("bigint").alias("bytes"),
    )


def deliver(sent: Iterable[DataFrame], count: int, spark: SparkSession) -> DataFrame:
    """The blocks placed by target: partition t of `count` holds those of task t, and at least its empty one.

    Blocks for tasks beyond `count` are left out.
    """
    everything = tasks(spark, count)
    for frame in sent:
        everything = everything.union(frame.where(F.col("target") < count))
    return everything.repartitionById(count, "target")


def run(delivered: DataFrame, work: Callable[[Received], Batches], schema: str = BLOCKS) -> DataFrame:
    """`work` done once a task on all that it received."""

    def task(batches: Batches) -> Batches:
        yield from work(Received(batches))

    return delivered.mapInArrow(task, schema)


def send(frame: DataFrame, kind: str, target: Callable[[pa.Table], np.ndarray]) -> DataFrame:
    """The rows of a frame as blocks. target: the task that each row goes to."""

    def blocks(batches: Batches) -> Batches:
        for batch in batches:
            table = pa.Table.from_batches([batch])
            yield from cut(kind, table, target(table))

    return frame.mapInArrow(blocks, BLOCKS)
