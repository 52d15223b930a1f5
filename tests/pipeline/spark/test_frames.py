"""Frames come from the folder that is named, and from no other."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from pipeline.spark.frames import read_rows, write_rows


@pytest.mark.parametrize("name", ["plain", "run [1]", "a*b?", "{x,y}", "back\\slash"])
def test_a_folder_of_any_name_is_written_and_read(spark: SparkSession, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "data"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"row_id": ["a", "b"]}), folder / "part-00000.parquet")
    frame = read_rows(spark, folder)
    assert write_rows(frame, tmp_path / name / "copy", rows=2) == 2
    assert sorted(row.row_id for row in read_rows(spark, tmp_path / name / "copy").collect()) == ["a", "b"]


def test_a_folder_that_looks_like_a_pattern_does_not_read_its_neighbours(spark: SparkSession, tmp_path: Path) -> None:
    for name in ("run1", "run*"):
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({"row_id": [name]}), tmp_path / name / "part-00000.parquet")
    assert [row.row_id for row in read_rows(spark, tmp_path / "run*").collect()] == ["run*"]
