"""reannotate: what annotate found of the rows that balance kept, and what its functions find of those that it added."""

import shutil

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.audit.annotate import KEYS, text_files, write_annotations
from pipeline.audit.annotation import TEXT_COLUMNS
from pipeline.contract.artifact import MANIFEST, SEAL
from pipeline.contract.execute import StageContext
from pipeline.spark.frames import read_rows, write_rows
from pipeline.spark.session import session_of


def reannotate(context: StageContext) -> None:
    """Leaves the folders and files of annotate's artifact, of the balanced rows; data/ has the further column `parent`,
    null for human rows.

    A copy is about what its parent is about; a generated row has the topic that generate found.
    """
    before, balanced = context.inputs["annotate"], context.inputs["balance"]
    spark, count = session_of(context), balanced.ledger.rows_out
    rows = read_rows(spark, balanced.parquet())
    ids, fresh = rows.select("row_id", "parent"), None
    if added := sum(balanced.ledger.added.values()):
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
        kept = found.join(ids, "row_id").select(*columns, *(["parent"] if folder == "data" else []))
        written = write_rows(kept, context.out / folder, count, key)
        if folder == "data":
            context.ledger.rows_in, context.ledger.rows_out = count, written
    for file in before.path.iterdir():
        if file.is_file() and file.name not in (MANIFEST, SEAL):
            shutil.copyfile(file, context.out / file.name)
    context.metrics["annotated"] = added


def _about(new: DataFrame, before: DataFrame) -> DataFrame:
    """What the added rows are about, in all columns of annotate's data/ that do not follow from a text alone; but for
    the topic null without a parent."""
    of_text = ("row_id", "source", "split", "language", "topic", "sentiment", "emotion", "emotions", "mentions")
    further = [name for name in before.columns if name not in of_text]
    of_parent = before.select(F.col("row_id").alias("parent"), *further)
    return new.select("row_id", "parent", "topic").join(of_parent, "parent", "left").drop("parent")
