"""Steps of tasks that send each other blocks: in Spark, or, of what fits into one process, in this one.

A step is a function of what one task received. So both ways leave the same, and where they differ is here alone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipeline.contract.progress import Progress, say
from pipeline.spark.blocks import BLOCKS, Batches, Received, cut
from pipeline.spark.session import shuffled_bytes, task_progress

SPARK_BLOCKS = "target int, kind string, block binary, bytes bigint"
"""BLOCKS as Spark's schema."""

BATCH_BYTES = 32 << 20
BLOCKS_IN_A_GROUP = 64
"""Of Parquet, for what Spark is handed: up to 4 MB each."""

Work = Callable[[Received], Batches]


@dataclass(frozen=True)
class Here:
    """A step of this process that is to be done: its tasks, with those of the steps that it waits for."""

    tasks: int
    do: Callable[[Progress], list[pa.RecordBatch]]


Sent = DataFrame | Here | list[pa.RecordBatch]
"""Blocks: in Spark, to be made in this process, or there already."""


class Exchange:
    """Steps whose blocks lie in a folder that all machines see, or in the memory of this process.

    session: starts Spark, when it is needed. here: whether steps are done in this process; what was sent so far goes to
    Spark when that is set to False.
    """

    def __init__(self, session: Callable[[], SparkSession], folder: Path, here: bool) -> None:
        self.here, self._session, self._folder = here, session, folder
        self._spark: SparkSession | None = None
        self._handed = self._moved = self._before = 0
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def spark(self) -> SparkSession:
        """The session, started on first use."""
        if not self._spark:
            self._spark = self._session()
            self._spark.conf.set("spark.sql.execution.arrow.maxBytesPerBatch", str(BATCH_BYTES))
            self._before = shuffled_bytes(self._spark)
        return self._spark

    @property
    def moved(self) -> int:
        """Bytes that tasks have sent each other so far; those of Spark compressed."""
        return self._moved + (shuffled_bytes(self._spark) - self._before if self._spark else 0)

    def step(self, sent: Iterable[Sent], count: int, work: Work, kinds: Sequence[str] | None = None) -> Sent:
        """`work` done once for each of `count` tasks, on the blocks of these kinds (None: of all) that were sent to it.
        Those for none of them are left out. It is done when `done` or `gather` asks for it, or a later step that they
        ask for."""
        sent = list(sent)
        if not self.here:
            return self._delivered(sent, count, kinds).mapInArrow(_task(work), SPARK_BLOCKS)
        waits = sum(each.tasks for each in sent if isinstance(each, Here))

        def do(progress: Progress) -> list[pa.RecordBatch]:
            received: list[list[pa.RecordBatch]] = [[_start(target)] for target in range(count)]
            for each in sent:
                for block in _made(each, progress):
                    target = block["target"][0].as_py()
                    if 0 <= target < count and (kinds is None or block["kind"][0].as_py() in kinds):
                        received[target].append(block)
            found: list[pa.RecordBatch] = []
            for target, blocks in enumerate(received):
                received[target] = []
                found += work(Received(blocks))
                progress.advance()
            self._moved += sum(block["bytes"][0].as_py() for block in found)
            return found

        return Here(waits + count, do)

    def done(self, name: str, sent: Sent) -> Sent:
        """What was sent, made now, to be read by several steps. name: what the progress is called."""
        if isinstance(sent, Here):  # mostly a matter of milliseconds, and no line
            return sent.do(Progress(name, sent.tasks, "tasks"))
        return self.frame(name, sent) if isinstance(sent, DataFrame) else sent

    def frame(self, name: str, frame: DataFrame) -> DataFrame:
        """A frame of Spark's, made now and read back."""
        path = str(self._folder / name.rpartition(": ")[2].replace(" ", "-"))
        with task_progress(self.spark, name):
            frame.write.mode("overwrite").parquet(path)
        return self.spark.read.schema(frame.schema).parquet(path)

    def gather(self, sent: Sent, kind: str, schema: pa.Schema) -> pa.Table:
        """All rows of a kind, in no particular order."""
        if isinstance(sent, DataFrame):
            blocks = sent.where(F.col("kind") == kind).toArrow().combine_chunks().to_batches()
        else:
            blocks = [block for block in _made(sent, Progress(kind, 0)) if block["kind"][0].as_py() == kind]
        return Received(blocks).table(kind, schema)

    def send(self, kind: str, table: pa.Table, targets: np.ndarray) -> Sent:
        """The rows of a table as blocks. targets: the task that each row goes to."""
        return list(cut(kind, table, targets))

    def send_frame(self, kind: str, frame: DataFrame, targets: Callable[[pa.Table], np.ndarray]) -> Sent:
        """The same of a frame of Spark's."""

        def blocks(batches: Batches) -> Batches:
            for batch in batches:
                table = pa.Table.from_batches([batch])
                yield from cut(kind, table, targets(table))

        return frame.mapInArrow(blocks, SPARK_BLOCKS)

    def rows(self, sent: Iterable[Sent], kind: str, schema: pa.Schema) -> DataFrame:
        """The rows of a kind as a frame of Spark's."""

        def of_blocks(batches: Batches) -> Batches:
            for batch in batches:
                yield from Received([batch]).table(kind, schema).to_batches()

        names = ", ".join(f"{field.name} bigint" for field in schema)
        assert all(field.type == pa.int64() for field in schema)
        frames = [self._frame(each).where(F.col("kind") == kind).mapInArrow(of_blocks, names) for each in sent]
        found = frames[0]
        for frame in frames[1:]:
            found = found.union(frame)
        return found

    def to_spark(self, why: str) -> None:
        """From now on steps are Spark's."""
        if self.here:
            say(why)
        self.here = False

    def _delivered(self, sent: list[Sent], count: int, kinds: Sequence[str] | None) -> DataFrame:
        """The blocks placed by target: partition t of `count` holds those of task t, and at least its empty one."""
        frame = self.spark.range(0, count, 1, count)
        everything = frame.select(
            F.col("id").cast("int").alias("target"),
            F.lit("").alias("kind"),
            F.lit(None).cast("binary").alias("block"),
            F.lit(0).cast("bigint").alias("bytes"),
        )
        for each in sent:
            wanted = self._frame(each).where(F.col("target").between(0, count - 1))
            everything = everything.union(wanted if kinds is None else wanted.where(F.col("kind").isin(list(kinds))))
        return everything.repartitionById(count, "target")

    def _frame(self, sent: Sent) -> DataFrame:
        if isinstance(sent, DataFrame):
            return sent
        self._handed += 1
        path = self._folder / f"handed-{self._handed}.parquet"
        table = pa.Table.from_batches(_made(sent, Progress("handed to Spark", 0)), BLOCKS)
        pq.write_table(table, path, row_group_size=BLOCKS_IN_A_GROUP, use_dictionary=False)
        return self.spark.read.schema(SPARK_BLOCKS).parquet(str(path))


def _made(sent: Sent, progress: Progress) -> list[pa.RecordBatch]:
    assert not isinstance(sent, DataFrame), "Spark's blocks stay in Spark"
    return sent.do(progress) if isinstance(sent, Here) else sent


def _start(target: int) -> pa.RecordBatch:
    columns: dict[str, list[object]] = {"target": [target], "kind": [""], "block": [None], "bytes": [0]}
    return pa.RecordBatch.from_pydict(columns, BLOCKS)


def _task(work: Work) -> Callable[[Batches], Batches]:
    def task(batches: Batches) -> Batches:
        yield from work(Received(batches))

    return task
