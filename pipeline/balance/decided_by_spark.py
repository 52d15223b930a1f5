"""What balance drops, and why, found by Spark."""

from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from configs.balance import Balance, Cap
from pipeline.balance.bounds import Bound, cap_bounds, columns_of, flags, topic_bounds, topic_counts
from pipeline.balance.by_meaning import ByMeaning
from pipeline.contract.execute import StageContext
from pipeline.selection.semantic_duplicates import DROPPED
from pipeline.spark.draw import uniform
from pipeline.spark.frames import read_rows
from pipeline.spark.session import session_of, task_progress

BINS = 4096
"""Slices that the rows of a topic or kind are ranked in, so that no task sorts all of them."""


def decided_by_spark(context: StageContext, rows: DataFrame) -> DataFrame:
    """(row_id, rule, evidence) of those that go. rows: deduplicate's, with topic."""
    config: Balance = context.config("balance")
    seed: int = context.config("seed")
    annotated = read_rows(session_of(context), context.inputs["annotate"].parquet())
    remove = context.inputs["review"].json("decision.json").get("remove") or {}

    removed = _removed(rows, remove.get("topics", []), remove.get("sources", []))
    slim = rows.select("row_id", "source", "split", "topic").join(removed, "row_id", "left_anti")
    counts = _count_topics(slim)
    by_meaning, train = ByMeaning(context), slim.where("split = 'train'")
    near = by_meaning.near_evaluation(train, slim.where("split <> 'train'"))
    train = _less(train, near)
    same = by_meaning.semantic_duplicates(_of(rows, train))
    train = _less(train, same)
    counts = counts if near is None and same is None else _count_topics(_less(_less(slim, near), same))
    context.metrics["topics_before"] = counts
    bounds = topic_bounds(counts, config.max_topic_share, context.metrics)
    over = _beyond(train.select("row_id", F.col("topic").alias("kind")), bounds, seed)
    train = _less(train, over).select("row_id", "topic")
    capped = _over_caps(train, annotated, config.caps, seed)
    left = by_meaning.not_selected(_of(rows, _less(train, capped)))
    by_rule = [found for found in (removed, near, same, over, capped, left) if found is not None]
    return reduce(lambda one, other: one.union(other), by_rule)


def _removed(rows: DataFrame, topics: list[str], sources: list[str]) -> DataFrame:
    """(row_id, rule, evidence) of the rows whose topic or source the review removed."""
    by_topic, by_source = F.col("topic").isin(topics), F.col("source").isin(sources)
    evidence = F.to_json(
        F.struct(F.when(by_source, F.col("source")).alias("source"), F.when(by_topic, F.col("topic")).alias("topic"))
    )
    return rows.where(by_topic | by_source).select(
        "row_id", F.lit("removed_by_review").alias("rule"), evidence.alias("evidence")
    )


def _of(rows: DataFrame, chosen: DataFrame) -> DataFrame:
    """Those of the rows that are among the chosen."""
    return rows.join(chosen.select("row_id"), "row_id", "left_semi")


def _less(rows: DataFrame, gone: DataFrame | None) -> DataFrame:
    """The rows without those that are gone; None: none is."""
    return rows if gone is None else rows.join(gone, "row_id", "left_anti")


def _count_topics(slim: DataFrame) -> dict[str, int]:
    with task_progress(slim.sparkSession, "topics"):
        return topic_counts(slim.groupBy("split", "topic").count().collect())


def _over_caps(train: DataFrame, annotated: DataFrame, caps: list[Cap], seed: int) -> DataFrame:
    """(row_id, rule, evidence) of the training rows above a cap. train: row_id, topic."""
    if not caps:
        return _none(train)
    columns = columns_of(caps, annotated.columns)
    kinds = F.concat(*(F.when(flag, "1").otherwise("0") for flag in flags(caps, _condition, F.lit(True))))
    marked = train.join(annotated.select("row_id", *columns), "row_id").select("row_id", kinds.alias("kind"))
    with task_progress(train.sparkSession, "caps"):
        counts = {row["kind"]: row["count"] for row in marked.groupBy("kind").count().collect()}
    return _beyond(marked, cap_bounds(counts, caps), seed)


def _condition(name: str, value: str) -> Column:
    """False where a row is not known to fulfil it."""
    said: Any = F.array_contains("mentions", value) if name == "group" else F.col(name) == value
    return F.coalesce(said, F.lit(False))


def _beyond(rows: DataFrame, bounds: list[Bound], seed: int) -> DataFrame:
    """(row_id, rule, evidence) of what goes of rows of row_id and kind."""
    if not bounds:
        return _none(rows)
    of = rows.where(F.col("kind").isin(sorted({bound.kind for bound in bounds})))
    schema = "kind string, low bigint, high bigint, rule string, evidence string"
    limits = F.broadcast(rows.sparkSession.createDataFrame(bounds, schema))
    return (
        _placed(of, seed)
        .join(limits, "kind")
        .where("place > low and place <= high")
        .select("row_id", "rule", "evidence")
    )


def _none(rows: DataFrame) -> DataFrame:
    return rows.sparkSession.createDataFrame([], DROPPED)


def _placed(rows: DataFrame, seed: int) -> DataFrame:
    """The rows with their `place`, from 1, among those of the same kind, in an order that the seed draws."""
    binned = rows.withColumn("draw", uniform(seed, "row_id")).withColumn("bin", F.floor(F.col("draw") * BINS))
    earlier = Window.partitionBy("kind").orderBy("bin").rowsBetween(Window.unboundedPreceding, -1)
    before = (
        binned.groupBy("kind", "bin")
        .count()
        .select("kind", "bin", F.coalesce(F.sum("count").over(earlier), F.lit(0)).alias("before"))
    )
    place = F.row_number().over(Window.partitionBy("kind", "bin").orderBy("draw", "row_id"))
    return (
        binned.withColumn("place", place)
        .join(before, ["kind", "bin"])
        .withColumn("place", F.col("place") + F.col("before"))
    )
