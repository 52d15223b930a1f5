"""balance: what the review removed goes, over-represented topics shrink, counterfactual copies are added.

Validation and test rows are never changed, but for what the review removed.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from configs.balance import Balance
from configs.errors import UserError
from pipeline.balance.counterfactual import copies
from pipeline.balance.topic_cap import rows_to_keep
from pipeline.contract.execute import StageContext
from pipeline.contract.formatting import percent
from pipeline.contract.progress import say
from pipeline.rows.parquet import count_by, rows_in
from pipeline.spark.draw import uniform
from pipeline.spark.frames import read_rows, write_rows
from pipeline.spark.pairs import with_fate, write_pairs
from pipeline.spark.session import session_of, task_progress

BINS = 4096
"""Slices that a topic's rows are ranked in, so that no task sorts a whole topic."""


def balance(context: StageContext) -> None:
    """data/ as deduplicate's, with topic, augmentation and parent; dropped/. pairs/ of the rows that stay, and
    dropped_pairs/; a copy has no pair.

    Raises UserError when the review's removals leave a split empty.
    """
    config: Balance = context.config("balance")
    seed: int = context.config("seed")
    source = context.inputs["deduplicate"].parquet()
    total = rows_in(source)
    topics = read_rows(session_of(context), context.inputs["annotate"].parquet()).select("row_id", "topic")
    rows = read_rows(session_of(context), source).join(topics, "row_id", "left")
    remove = context.inputs["review"].json("decision.json").get("remove") or {}

    removed = _removed(rows, remove.get("topics", []), remove.get("sources", []))
    slim = rows.select("row_id", "source", "split", "topic").join(removed, "row_id", "left_anti")
    counts = _count_topics(slim, context.metrics)
    over = _over_cap(slim.where("split = 'train'"), counts, config.max_topic_share, seed, context.metrics)
    dropped = removed.union(over)
    kept = rows.join(dropped.select("row_id"), "row_id", "left_anti")
    originals = kept.withColumns({"augmentation": F.lit(None).cast("string"), "parent": F.lit(None).cast("string")})
    swapped = _counterfactuals(originals, config, seed)

    context.ledger.rows_in = total
    context.ledger.rows_out = write_rows(originals.unionByName(swapped), context.out / "data", total)
    gone = rows.select("row_id", "source", "origin").join(dropped, "row_id")
    write_rows(gone, context.out / "dropped", total)
    context.ledger.dropped = count_by(context.out / "dropped", "rule")
    context.ledger.added = count_by(context.out / "data", "augmentation")
    context.metrics["splits"] = count_by(context.out / "data", "split")
    context.metrics["counterfactual_copies"] = sum(context.ledger.added.values())
    pairs = context.inputs["deduplicate"].parquet("pairs")
    if count := rows_in(pairs):
        write_pairs(context, with_fate(read_rows(session_of(context), pairs), context.out / "dropped"), count)


def _removed(rows: DataFrame, topics: list[str], sources: list[str]) -> DataFrame:
    """(row_id, rule, evidence) of the rows whose topic or source the review removed."""
    by_topic, by_source = F.col("topic").isin(topics), F.col("source").isin(sources)
    evidence = F.to_json(
        F.struct(F.when(by_source, F.col("source")).alias("source"), F.when(by_topic, F.col("topic")).alias("topic"))
    )
    return rows.where(by_topic | by_source).select(
        "row_id", F.lit("removed_by_review").alias("rule"), evidence.alias("evidence")
    )


def _count_topics(slim: DataFrame, metrics: dict[str, Any]) -> dict[str, int]:
    """Topic to training rows. Raises UserError when a split has no rows left."""
    with task_progress(slim.sparkSession, "topics"):
        found = slim.groupBy("split", F.coalesce("topic", F.lit("other")).alias("topic")).count().collect()
    empty = {"train", "validation", "test"} - {row["split"] for row in found}
    if empty:
        raise UserError(
            f"balance: the review's removals leave {' and '.join(sorted(empty))} without rows; remove fewer topics or "
            "sources in the review, or add data"
        )
    counts = {row["topic"]: row["count"] for row in found if row["split"] == "train"}
    metrics["topics_before"] = dict(sorted(counts.items()))
    return metrics["topics_before"]


def _over_cap(train: DataFrame, counts: dict[str, int], share: float, seed: int, metrics: dict[str, Any]) -> DataFrame:
    """(row_id, rule, evidence) of the training rows above the cap of their topic, chosen by a hash of row_id."""
    spark = train.sparkSession
    keep = rows_to_keep(counts, share)
    metrics["topic_caps"] = keep
    if keep is None:
        names = ", ".join(sorted(counts))
        say(
            f"balance: {len(counts)} topics ({names}) cannot all stay below a share of {share}, so none was downsampled"
        )
    if not keep:
        return spark.createDataFrame([], "row_id string, rule string, evidence string")
    total = sum(counts.values())
    for topic, cap in keep.items():
        now = f"{percent(counts[topic] / total)} of the training rows"
        say(f"balance: topic {topic} has {now}: {cap:,} of {counts[topic]:,} stay")
    caps = spark.createDataFrame(
        [(topic, cap, round(counts[topic] / total, 4)) for topic, cap in keep.items()],
        "topic string, cap bigint, share double",
    )
    drawn = train.join(F.broadcast(caps), "topic").withColumn("draw", uniform(seed, "row_id"))
    binned = drawn.withColumn("bin", F.floor(F.col("draw") * BINS))
    earlier = Window.partitionBy("topic").orderBy("bin").rowsBetween(Window.unboundedPreceding, -1)
    before = (
        binned.groupBy("topic", "bin")
        .count()
        .select("topic", "bin", F.coalesce(F.sum("count").over(earlier), F.lit(0)).alias("before"))
    )
    place = F.row_number().over(Window.partitionBy("topic", "bin").orderBy("draw", "row_id"))
    over = binned.withColumn("place", place).join(before, ["topic", "bin"]).where("before + place > cap")
    evidence = F.to_json(F.struct("topic", "share", F.lit(share).alias("cap")))
    return over.select("row_id", F.lit("topic_over_cap").alias("rule"), evidence.alias("evidence"))


def _counterfactuals(originals: DataFrame, config: Balance, seed: int) -> DataFrame:
    """Copies of the drawn training rows, in the columns of `originals`; none that says what some row says already."""
    schema = originals.schema

    def swap(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            made = [copy for row in batch.to_pylist() for copy in copies(row, config.counterfactual_attributes)]
            yield pa.RecordBatch.from_pylist(made, schema=batch.schema)

    draw = uniform(seed, F.concat(F.lit("counterfactual/"), "row_id"))
    drawn = originals.where((F.col("split") == "train") & (draw < config.counterfactual_share))
    made = drawn.mapInArrow(swap, schema)
    return made.join(originals.select("text_hash"), "text_hash", "left_anti").select(originals.columns)
