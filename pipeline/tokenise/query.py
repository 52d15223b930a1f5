"""Which rows of the corpus a run trains from, when a query says so (tokenise.select).

Conditions are asked of the corpus, nearness of embed's vectors, all of them: an index would answer with about the
nearest rows, others on another day, and what trained would not follow from the configuration."""

from functools import reduce
from operator import and_
from pathlib import Path

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import NumericType

from configs.errors import UserError
from configs.selection import Select
from pipeline.contract.artifact import Artifact
from pipeline.contract.execute import StageContext
from pipeline.rows.turns import turns_of
from pipeline.selection.budget import cut
from pipeline.selection.encoding import ConversationEncoder
from pipeline.selection.near_evaluation import nearest_of
from pipeline.selection.nearest import NEARNESS, nearness
from pipeline.selection.vectors import shards_in
from pipeline.spark.frames import PATTERN, read_rows
from pipeline.spark.session import session_of, task_progress

KEY = "tokenise.select"
LISTS = {"sources": "source", "topics": "topic", "languages": "language"}
"""Setting to column."""


def write_left_out(context: StageContext, folder: Path) -> None:
    """Writes which rows the query leaves out and why, so that `left_out` finds those of a file.

    Raises UserError for a source, topic, language or score that the corpus does not have, when fewer training rows
    fulfil the query than are asked for, and when none does."""
    select: Select = context.config("tokenise.select")
    spark = session_of(context)
    rows = read_rows(spark, context.inputs["balance"].parquet())
    _check(select, rows)
    name = F.element_at(F.split(F.input_file_name(), "/"), -1)
    asked = rows.withColumns({"file": name, "why": _why(select)}).where(F.col("split").isin(list(select.splits)))
    asked = asked.select("row_id", "parent", "split", "augmentation", "file", "why")
    if select.nearest.texts:
        asked = _nearest(context, select, asked, rows)
    gone = asked.where("why is not null").select("row_id", "file", "why")
    with task_progress(spark, "tokenise: query"):
        gone.repartition("file").write.mode("overwrite").partitionBy("file").parquet(str(folder))
    train = asked.where("split = 'train'").groupBy("why").count() if "train" in select.splits else None
    if train is not None and not train.where("why is null").count():
        conditions = train.groupBy(F.get_json_object("why", "$.condition").alias("by")).agg(F.sum("count").alias("n"))
        by = ", ".join(f"{row['n']:,} by {row['by']}" for row in conditions.orderBy("by").collect())
        raise UserError(f"{KEY}: no training row fulfils the query (left out: {by}); loosen it")


def pairs_in(context: StageContext, pairs: Artifact, folder: Path) -> DataFrame:
    """The preference pairs of rows that the query does not leave out."""
    spark = session_of(context)
    found = read_rows(spark, pairs.parquet("pairs"))
    gone = spark.read.schema("row_id string").parquet(PATTERN.sub(r"\\\g<0>", str(folder)))
    return found.join(gone, "row_id", "left_anti").select(found.columns)


def _check(select: Select, rows: DataFrame) -> None:
    for name, column in LISTS.items():
        wanted = getattr(select, name)
        if wanted is None:
            continue
        there = {row[0] for row in rows.select(column).distinct().collect()} if column in rows.columns else set()
        if unknown := sorted(set(wanted) - there):
            has = ", ".join(sorted(filter(None, there))) or "none"
            raise UserError(f"{KEY}.{name}: no row has {unknown[0]!r}; there are: {has}")
    scores = [field.name for field in rows.schema.fields if isinstance(field.dataType, NumericType)]
    for name in select.scores:
        if name not in scores:
            raise UserError(f"{KEY}.scores: the corpus has no score {name!r}; there are: {', '.join(sorted(scores))}")


def _why(select: Select) -> Column:
    """The first condition that a row does not fulfil, and its value, as JSON; null where it fulfils all."""
    conditions = [
        (name, column, F.coalesce(F.col(column).isin(list(wanted)), F.lit(False)))
        for name, column in LISTS.items()
        if (wanted := getattr(select, name)) is not None
    ]
    if select.augmentation != "any":
        is_added = F.col("augmentation").isNotNull()
        conditions.append(("augmentation", "augmentation", is_added if select.augmentation == "only" else ~is_added))
    for name, bounds in select.scores.items():
        value = F.col(name)
        held = [value >= bounds.min] if bounds.min is not None else []
        held += [value <= bounds.max] if bounds.max is not None else []
        conditions.append((f"scores.{name}", name, F.coalesce(reduce(and_, held), F.lit(False))))
    told = [
        F.when(~holds, F.to_json(F.struct(F.lit(name).alias("condition"), F.col(column).alias("value"))))
        for name, column, holds in conditions
    ]
    return F.coalesce(*told, F.lit(None).cast("string"))


def _nearest(context: StageContext, select: Select, asked: DataFrame, rows: DataFrame) -> DataFrame:
    """`asked` with the reasons of those that are not near enough, computed once."""
    nearest, spark, embed = select.nearest, session_of(context), context.inputs["embed"]
    if not embed.ledger.rows_in:
        raise UserError(f"{KEY}.nearest: embed has no vectors; run stage embed again, or leave texts empty")
    encode = ConversationEncoder(context.config("embed"), context.config("embedding"))
    texts_ED = encode([("user", text)] for text in nearest.texts)
    near = nearness(spark, shards_in(embed.parquet()), texts_ED)
    generated = rows.where("augmentation is not null and parent is null").select("row_id", "messages").toArrow()
    if generated.num_rows:
        best, cosines = nearest_of(encode(turns_of(generated["messages"])), texts_ED)
        found = zip(generated["row_id"].to_pylist(), cosines.tolist(), (best + 1).tolist(), strict=True)
        near = near.union(spark.createDataFrame(list(found), NEARNESS))
    near = near.withColumnRenamed("row_id", "of")
    ranked = asked.join(near, F.coalesce("parent", "row_id") == F.col("of"), "left").drop("of")
    least = F.lit(nearest.min_similarity or -1.0)
    evidence = F.to_json(F.struct(F.lit("nearest").alias("condition"), "similarity", "example"))
    far = F.col("similarity").isNull() | (F.col("similarity") < least)
    ranked = ranked.withColumn("why", F.coalesce("why", F.when(far, evidence)))
    folder = context.scratch / "nearness"
    with task_progress(spark, "tokenise: nearness"):
        ranked.write.mode("overwrite").parquet(str(folder))
    ranked = read_rows(spark, folder)
    beyond = F.lit(False)
    for split in select.splits if nearest.rows else ():
        assert nearest.rows is not None
        fulfil = ranked.where((F.col("split") == split) & F.col("why").isNull())
        values = {"value": F.col("similarity"), "place": F.lit(0), "weight": F.lit(1)}
        if last := cut(fulfil.withColumns(values), nearest.rows):
            beyond = beyond | ((F.col("split") == split) & ~last.keeps("similarity", place=""))
        elif split == "train" and (count := fulfil.count()) < nearest.rows:
            raise UserError(
                f"{KEY}.nearest.rows: {nearest.rows:,} are asked for, and {count:,} training rows fulfil all other "
                "conditions; ask for fewer, or loosen those"
            )
    return ranked.withColumn("why", F.coalesce("why", F.when(beyond, evidence)))
