"""The canonical conversation as Parquet, and how Spark writes it so that equal rows are equal bytes."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from pipeline.spark.external_sort import LEAST_FILES, ROWS_PER_FILE, sum_of_tasks, write_table
from pipeline.spark.session import task_progress

MESSAGES = "array<struct<role:string,content:string>>"
ORIGIN = "struct<file:string,ordinal:bigint>"

CONVERSATION = (
    f"row_id string, source string, origin {ORIGIN}, conversation_id string, user_id string, "
    f"messages {MESSAGES}, metadata map<string,string>"
)
"""Spark schema of a conversation. Roles are system, user and assistant."""

DROPPED = f"row_id string, source string, origin {ORIGIN}, rule string, evidence string"
"""Spark schema of a dropped row; evidence is a JSON object without any of the row's text."""


def read_rows(spark: SparkSession, folder: Path) -> DataFrame:
    """All Parquet files of a folder."""
    return spark.read.parquet(str(folder))


def write_rows(frame: DataFrame, folder: Path, rows: int, key: str = "row_id") -> int:
    """Writes a frame as part-00000.parquet, part-00001.parquet, … and returns the rows written.

    Rows are placed by the hash of `key` and sorted by it, and the number of files follows from
    `rows` (an estimate that must itself be reproducible), so the bytes do not depend on
    partitioning, scheduling or retries. `key` must be unique. A frame without rows leaves one
    empty file, which carries the schema.

    Spark's own files are written again by pyarrow: their footers list encodings in the order of a
    Java hash set, which differs from one JVM to the next. Executors do it, one task a file, so that
    neither the driver's memory nor its cores limit it; it costs 3 µs a row.
    """
    files = max(LEAST_FILES, -(-rows // ROWS_PER_FILE))
    scratch = folder.with_name(f"{folder.name}.spark")
    with task_progress(frame.sparkSession, f"writing {folder.name}"):
        placed = frame.repartition(files, key).sortWithinPartitions(key)
        placed.write.mode("overwrite").parquet(str(scratch))
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    written = _rewrite(frame.sparkSession, sorted(scratch.glob("part-*.parquet")), folder)
    shutil.rmtree(scratch)
    return written


def _rewrite(spark: SparkSession, parts: list[Path], folder: Path) -> int:
    """Writes Parquet files again, as part-00000.parquet, … of a folder; returns the rows."""

    def rewritten(number: int) -> int:
        table = pq.ParquetFile(parts[number]).read()
        write_table(table, folder / f"part-{number:05d}.parquet")
        return table.num_rows

    return sum_of_tasks(spark, len(parts), rewritten)


def count_by(folder: Path, column: str) -> dict[str, int]:
    """Value to number of rows of one string column, read file by file."""
    counts: dict[str, int] = {}
    for part in sorted(folder.glob("*.parquet")):
        for entry in pq.read_table(part, columns=[column])[column].value_counts().to_pylist():
            counts[entry["values"]] = counts.get(entry["values"], 0) + entry["counts"]
    return dict(sorted(counts.items()))


def rows_in(folder: Path) -> int:
    """Rows of all Parquet files of a folder, from their footers."""
    return sum(pq.read_metadata(p).num_rows for p in folder.glob("*.parquet"))


ARROW_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
ARROW_ORIGIN = pa.struct([("file", pa.string()), ("ordinal", pa.int64())])
