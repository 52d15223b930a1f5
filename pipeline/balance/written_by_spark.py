"""What balance leaves of the rows that it has decided on, by Spark."""

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from configs.balance import Balance
from pipeline.balance.counterfactual import DRAWN, copies
from pipeline.contract.execute import StageContext
from pipeline.rows.parquet import rows_in
from pipeline.spark.draw import uniform
from pipeline.spark.frames import read_rows, write_rows
from pipeline.spark.session import session_of


def written_by_spark(context: StageContext, rows: DataFrame, dropped: DataFrame, total: int) -> int:
    """Makes data/ and dropped/, and returns how many rows are in data/. rows: deduplicate's, `total` of them, with
    topic. dropped: row_id, rule and evidence of those that go."""
    kept = rows.join(dropped.select("row_id"), "row_id", "left_anti")
    originals = kept.withColumns({"augmentation": F.lit(None).cast("string"), "parent": F.lit(None).cast("string")})
    made = originals.unionByName(_copies(originals, context.config("balance"), context.config("seed")))
    if rows_in(written := context.inputs["generate"].parquet()):
        generated = read_rows(session_of(context), written)
        generated = generated.withColumns({"split": F.lit("train"), "cluster": F.col("row_id")})
        made = made.unionByName(generated, allowMissingColumns=True)
    left = write_rows(made.select(originals.columns), context.out / "data", total)
    gone = rows.select("row_id", "source", "origin").join(dropped, "row_id")
    write_rows(gone, context.out / "dropped", total)
    return left


def _copies(originals: DataFrame, config: Balance, seed: int) -> DataFrame:
    """Copies of the drawn training rows, in the columns of `originals`; none that says what some row says already."""
    schema = originals.schema

    def swap(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            made = [copy for row in batch.to_pylist() for copy in copies(row, config.counterfactual_attributes)]
            yield pa.RecordBatch.from_pylist(made, schema=batch.schema)

    draw = uniform(seed, F.concat(F.lit(DRAWN), "row_id"))
    drawn = originals.where((F.col("split") == "train") & (draw < config.counterfactual_share))
    made = drawn.mapInArrow(swap, schema)
    return made.join(originals.select("text_hash"), "text_hash", "left_anti").select(originals.columns)
