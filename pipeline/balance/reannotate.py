"""reannotate: what annotate found of the rows that balance kept, and what its functions find of those that it added."""

import shutil

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.audit.annotate import KEYS, MOST_STATEMENTS, text_files, write_annotations
from pipeline.audit.annotation import TEXT_COLUMNS
from pipeline.contract.artifact import MANIFEST, SEAL
from pipeline.contract.execute import StageContext
from pipeline.rows.parquet import read_columns, rows_in
from pipeline.rows.placed import joined, write_placed
from pipeline.spark.frames import read_rows, write_rows
from pipeline.spark.session import session_of
from pipeline.spark.tasks import KEYS_SHARE, is_little

OF_TEXT = ("row_id", "source", "split", "language", "topic", "sentiment", "emotion", "emotions", "mentions")
"""Columns of annotate's data/ that follow from a row's text, and its topic."""


def reannotate(context: StageContext) -> None:
    """Leaves the folders and files of annotate's artifact, of the balanced rows; data/ has the further column `parent`,
    null for human rows.

    A copy is about what its parent is about; a generated row has the topic that generate found.
    """
    before, balanced = context.inputs["annotate"], context.inputs["balance"]
    count = balanced.ledger.rows_out
    added = sum(balanced.ledger.added.values())
    here = is_little(context, count * KEYS_SHARE) and rows_in(before.parquet("mentions")) <= MOST_STATEMENTS
    done = _here if here else _by_spark
    context.ledger.rows_in, context.ledger.rows_out = count, done(context, count, added)
    for file in before.path.iterdir():
        if file.is_file() and file.name not in (MANIFEST, SEAL):
            shutil.copyfile(file, context.out / file.name)
    context.metrics["annotated"] = added


def _by_spark(context: StageContext, count: int, added: int) -> int:
    before, spark = context.inputs["annotate"], session_of(context)
    rows = read_rows(spark, context.inputs["balance"].parquet())
    ids, fresh, written = rows.select("row_id", "parent"), None, {}
    if added:
        fresh = context.scratch / "added"
        new = rows.where("augmentation is not null")
        write_rows(new.select(*TEXT_COLUMNS, "messages"), context.scratch / "rows", added)
        texts = text_files(context, context.scratch / "rows", context.scratch / "texts", count)
        about = _about(new, read_rows(spark, before.parquet()))
        write_annotations(context, texts, new.select("row_id", "split"), about, fresh, count)
    for folder, key in KEYS.items():
        found = read_rows(spark, before.parquet(folder))
        columns = found.columns
        if fresh:
            found = found.unionByName(read_rows(spark, fresh / folder).select(columns))
        kept = found.join(ids, "row_id").select(*columns, *_more(folder))
        written[folder] = write_rows(kept, context.out / folder, count, key)
    return written["data"]


def _here(context: StageContext, count: int, added: int) -> int:
    """The same in this process."""
    before, rows = context.inputs["annotate"], context.inputs["balance"].parquet()
    ids, fresh, written = read_columns(rows, ["row_id", "parent"]), None, {}
    if added:
        fresh = context.scratch / "added"
        columns = [*TEXT_COLUMNS, "messages", "split", "parent", "topic"]
        new = read_columns(rows, [*columns, "augmentation"], pc.field("augmentation").is_valid())
        write_placed(new.select([*TEXT_COLUMNS, "messages"]), context.scratch / "rows", added)
        texts = text_files(context, context.scratch / "rows", context.scratch / "texts", count)
        about = _about_here(new, read_columns(before.parquet()))
        write_annotations(context, texts, new.select(["row_id", "split"]), about, fresh, count)
    for folder, key in KEYS.items():
        found = read_columns(before.parquet(folder))
        columns = found.column_names
        if fresh:
            found = pa.concat_tables([found, read_columns(fresh / folder).select(columns)])
        kept = joined(found, ids).select([*columns, *_more(folder)])
        written[folder] = write_placed(kept, context.out / folder, count, key)
    return written["data"]


def _more(folder: str) -> list[str]:
    return ["parent"] if folder == "data" else []


def _about(new: DataFrame, before: DataFrame) -> DataFrame:
    """What the added rows are about, in all columns of annotate's data/ that do not follow from a text alone; but for
    the topic null without a parent."""
    further = [name for name in before.columns if name not in OF_TEXT]
    of_parent = before.select(F.col("row_id").alias("parent"), *further)
    return new.select("row_id", "parent", "topic").join(of_parent, "parent", "left").drop("parent")


def _about_here(new: pa.Table, before: pa.Table) -> pa.Table:
    of_parent = before.take(pc.index_in(new["parent"], value_set=before["row_id"].combine_chunks(), skip_nulls=True))
    about = new.select(["row_id", "topic"])
    for name in before.column_names:
        if name not in OF_TEXT:
            about = about.append_column(name, of_parent[name])
    return about
