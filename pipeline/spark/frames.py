"""The canonical conversation as Parquet, and how Spark writes it so that equal rows are equal bytes."""

import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from pipeline.rows.parquet import number_of_files, write_table
from pipeline.spark.session import task_progress
from pipeline.spark.tasks import sum_of_tasks

PATTERN = re.compile(r"[\[\]{}*?\\]")
"""What Spark takes for a pattern in a path that it reads, and not in one that it writes."""


def read_rows(spark: SparkSession, *paths: Path) -> DataFrame:
    """Parquet files, or all of folders, whatever their names."""
    return spark.read.parquet(*(PATTERN.sub(r"\\\g<0>", str(path)) for path in paths))


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
    scratch = folder.with_name(f"{folder.name}.spark")
    with task_progress(frame.sparkSession, f"writing {folder.name}"):
        placed = frame.repartition(number_of_files(rows), key).sortWithinPartitions(key)
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
