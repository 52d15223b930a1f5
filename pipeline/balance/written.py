"""What balance leaves of the rows it has decided on: by Spark, or, of few, in this process, byte for byte alike."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from configs.balance import Balance
from pipeline.balance.counterfactual import copies
from pipeline.contract.execute import StageContext
from pipeline.rows.parquet import read_columns, rows_in
from pipeline.rows.placed import joined, write_placed
from pipeline.spark.draw import uniform, uniforms
from pipeline.spark.frames import read_rows, write_rows
from pipeline.spark.session import session_of
from pipeline.spark.tasks import KEYS_SHARE, is_little

MOST_BYTES = 1 << 30
"""Of rows that this process holds: some three times as much while it works."""

ROWS_AT_ONCE = 2000
"""Whose copies are made at once: Python's objects are ten times as large as Arrow's."""

DRAWN = "counterfactual/"
"""With the row_id, what the draw of rows to be copied follows from."""


def write_balanced(context: StageContext, rows: DataFrame, dropped: DataFrame) -> int:
    """Makes data/ and dropped/, and returns how many rows are in data/. rows: deduplicate's, with topic. dropped:
    row_id, rule and evidence of those that go."""
    config: Balance = context.config("balance")
    source = context.inputs["deduplicate"].parquet()
    total = rows_in(source)
    little = is_little(context, total * max(KEYS_SHARE, config.counterfactual_share))
    if little and sum(_bytes(pq.read_metadata(path)) for path in source.glob("*.parquet")) <= MOST_BYTES:
        held = read_columns(source)
        if held.nbytes <= MOST_BYTES:
            return _here(context, held, dropped.toArrow(), total)
    return _by_spark(context, rows, dropped, total)


def _bytes(metadata: pq.FileMetaData) -> int:
    return sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))


def _here(context: StageContext, rows: pa.Table, dropped: pa.Table, total: int) -> int:
    rows = rows.select(["row_id", *(name for name in rows.column_names if name != "row_id")])  # as Spark's joins
    about = read_columns(context.inputs["annotate"].parquet(), ["row_id", "topic"])
    topic = about["topic"].take(pc.index_in(rows["row_id"], value_set=about["row_id"].combine_chunks()))
    gone = pc.is_in(rows["row_id"], value_set=dropped["row_id"].combine_chunks())
    write_placed(joined(rows.select(["row_id", "source", "origin"]), dropped), context.out / "dropped", total)
    nothing = pa.nulls(rows.num_rows, pa.string())
    for name, column in (("topic", topic), ("augmentation", nothing), ("parent", nothing)):
        rows = rows.append_column(name, column)
    originals = rows.filter(pc.invert(gone))
    tables = [originals, _copies_here(originals, context.config("balance"), context.config("seed"))]
    if rows_in(written := context.inputs["generate"].parquet()):
        made = read_columns(written)
        made = made.append_column("split", pa.repeat("train", made.num_rows)).append_column("cluster", made["row_id"])
        tables.append(_as(made, originals.schema))
    return write_placed(pa.concat_tables(tables), context.out / "data", total)


def _copies_here(originals: pa.Table, config: Balance, seed: int) -> pa.Table:
    train = originals.filter(pc.equal(originals["split"], "train"))
    keys = pc.binary_join_element_wise(DRAWN, train["row_id"], "").to_numpy()
    drawn = train.filter(pa.array(uniforms(seed, keys) < config.counterfactual_share))
    swapped = originals.schema.empty_table()
    for batch in drawn.to_batches(ROWS_AT_ONCE):
        made = [copy for row in batch.to_pylist() for copy in copies(row, config.counterfactual_attributes)]
        swapped = pa.concat_tables([swapped, pa.Table.from_pylist(made, originals.schema)])
    said = originals["text_hash"].combine_chunks()
    return swapped.filter(pc.invert(pc.is_in(swapped["text_hash"], value_set=said, skip_nulls=True)))


def _as(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table in these columns; those that it lacks are null."""
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _by_spark(context: StageContext, rows: DataFrame, dropped: DataFrame, total: int) -> int:
    kept = rows.join(dropped.select("row_id"), "row_id", "left_anti")
    originals = kept.withColumns({"augmentation": F.lit(None).cast("string"), "parent": F.lit(None).cast("string")})
    made = originals.unionByName(_copies_by_spark(originals, context.config("balance"), context.config("seed")))
    if rows_in(written := context.inputs["generate"].parquet()):
        generated = read_rows(session_of(context), written)
        generated = generated.withColumns({"split": F.lit("train"), "cluster": F.col("row_id")})
        made = made.unionByName(generated, allowMissingColumns=True)
    left = write_rows(made.select(originals.columns), context.out / "data", total)
    gone = rows.select("row_id", "source", "origin").join(dropped, "row_id")
    write_rows(gone, context.out / "dropped", total)
    return left


def _copies_by_spark(originals: DataFrame, config: Balance, seed: int) -> DataFrame:
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
