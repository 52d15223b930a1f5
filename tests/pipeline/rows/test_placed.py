"""Rows of one process in the files in which Spark would have written them."""

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

from pipeline.rows.placed import joined, places, write_placed
from pipeline.spark.frames import read_rows, write_rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TEXTS = ["", "a", "ab", "abc", "abcd", "abcde", "nine char", "ÿ", "日本語", "🦉 owl", "0123456789abcdef" * 2, "x" * 101]


def test_places_are_sparks(spark: "SparkSession") -> None:
    frame = spark.createDataFrame([(text,) for text in TEXTS], "text string")
    for count in (1, 4, 7, 1000):
        found = frame.select(F.pmod(F.hash("text"), F.lit(count)).alias("place")).toArrow()["place"].to_pylist()
        assert places(pa.array(TEXTS), count).tolist() == found
    assert places(pa.array([], pa.string()), 4).tolist() == []


@pytest.mark.parametrize("count", [0, 1, 2, 3, 300])
def test_files_are_sparks_to_the_byte(spark: "SparkSession", tmp_path: Path, count: int) -> None:
    rows = [
        {
            "row_id": f"{number * 7919 % 1009 + 1:032x}",
            "messages": [{"role": "user", "content": f"text {number}"}] * (number % 3),
            "numbers": [number / 7, None] if number % 5 else None,
            "metadata": [("a", "b")],
            "place": {"file": "f", "ordinal": number},
            "score": None if number % 4 else number / 3,
        }
        for number in range(count)
    ]
    message = pa.struct({"role": pa.string(), "content": pa.string()})
    schema = pa.schema(
        {
            "row_id": pa.string(),
            "messages": pa.list_(message),
            "numbers": pa.list_(pa.float32()),
            "metadata": pa.map_(pa.string(), pa.string()),
            "place": pa.struct({"file": pa.string(), "ordinal": pa.int64()}),
            "score": pa.float64(),
        }
    )
    pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "rows.parquet")
    assert write_rows(read_rows(spark, tmp_path / "rows.parquet"), tmp_path / "spark", 300) == count
    assert write_placed(pq.read_table(tmp_path / "rows.parquet"), tmp_path / "here", 300) == count
    names = [sorted(path.name for path in (tmp_path / folder).iterdir()) for folder in ("spark", "here")]
    assert names[0] == names[1]
    for name in names[0]:
        assert (tmp_path / "spark" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_joined() -> None:
    table = pa.table({"row_id": ["b", "a", "c"], "n": [[1], [2], [3]]})
    other = pa.table({"row_id": ["c", "b", "d"], "topic": ["x", None, "z"]})
    assert joined(table, other).to_pylist() == [
        {"row_id": "b", "n": [1], "topic": None},
        {"row_id": "c", "n": [3], "topic": "x"},
    ]
