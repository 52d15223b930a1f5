"""Which training rows go so that topics, groups and emotions keep to their shares."""

import json
from functools import reduce
from operator import and_
from typing import Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from configs.balance import Cap
from configs.errors import UserError
from pipeline.balance.caps import Kind, cuts
from pipeline.balance.topic_cap import rows_to_keep
from pipeline.contract.formatting import percent
from pipeline.contract.progress import say
from pipeline.spark.draw import uniform
from pipeline.spark.session import task_progress

BINS = 4096
"""Slices that the rows of a topic or kind are ranked in, so that no task sorts all of them."""
DROPPED = "row_id string, rule string, evidence string"


def over_topic_share(
    train: DataFrame, counts: dict[str, int], share: float, seed: int, metrics: dict[str, Any]
) -> DataFrame:
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
        return spark.createDataFrame([], DROPPED)
    total = sum(counts.values())
    for topic, cap in keep.items():
        now = f"{percent(counts[topic] / total)} of the training rows"
        say(f"balance: topic {topic} has {now}: {cap:,} of {counts[topic]:,} stay")
    caps = spark.createDataFrame(
        [(topic, cap, round(counts[topic] / total, 4)) for topic, cap in keep.items()],
        "topic string, cap bigint, share double",
    )
    over = _placed(train.join(F.broadcast(caps), "topic"), "topic", seed).where("place > cap")
    evidence = F.to_json(F.struct("topic", "share", F.lit(share).alias("cap")))
    return over.select("row_id", F.lit("topic_over_cap").alias("rule"), evidence.alias("evidence"))


def _placed(rows: DataFrame, by: str, seed: int) -> DataFrame:
    """The rows with their `place`, from 1, among those with the same value of `by`, in an order that the seed draws."""
    binned = rows.withColumn("draw", uniform(seed, "row_id")).withColumn("bin", F.floor(F.col("draw") * BINS))
    earlier = Window.partitionBy(by).orderBy("bin").rowsBetween(Window.unboundedPreceding, -1)
    before = (
        binned.groupBy(by, "bin")
        .count()
        .select(by, "bin", F.coalesce(F.sum("count").over(earlier), F.lit(0)).alias("before"))
    )
    place = F.row_number().over(Window.partitionBy(by, "bin").orderBy("draw", "row_id"))
    return (
        binned.withColumn("place", place)
        .join(before, [by, "bin"])
        .withColumn("place", F.col("place") + F.col("before"))
    )


def over_caps(train: DataFrame, annotated: DataFrame, caps: list[Cap], seed: int) -> DataFrame:
    """(row_id, rule, evidence) of the training rows above a cap; what stays is drawn as for the topics."""
    spark = train.sparkSession
    if not caps:
        return spark.createDataFrame([], DROPPED)
    columns = ["row_id", *(name for name in ("mentions", "emotion") if name in annotated.columns)]
    if any(cap.emotion for cap in caps) and "emotion" not in columns:
        raise UserError(
            "balance.caps: this run's annotate has no emotions; run annotate again, or cap groups and topics"
        )
    conditions = {
        "group": lambda cap: F.coalesce(F.array_contains("mentions", cap.group), F.lit(False)),
        "emotion": lambda cap: F.coalesce(F.col("emotion") == cap.emotion, F.lit(False)),
        "topic": lambda cap: F.coalesce(F.col("topic") == cap.topic, F.lit(False)),
    }
    flags = []
    for cap in caps:
        met = [condition(cap) for name, condition in conditions.items() if getattr(cap, name)]
        among = conditions[cap.within](cap) if cap.within != "all" else F.lit(True)
        flags += [reduce(and_, met), among]
    kinds = F.concat(*(F.when(flag, "1").otherwise("0") for flag in flags))
    marked = train.join(annotated.select("row_id", "mentions", "emotion"), "row_id").select(
        "row_id", kinds.alias("kind")
    )
    with task_progress(spark, "caps"):
        counts = {row["kind"]: row["count"] for row in marked.groupBy("kind").count().collect()}
    gone = cuts({_kind(name): rows for name, rows in counts.items()}, [cap.max_share for cap in caps])
    table = []
    for name, rows in counts.items():
        for cut in gone.get(_kind(name), []):
            cap = caps[cut.cap]
            rule = "group_over_cap" if cap.group else "emotion_over_cap" if cap.emotion else "topic_over_cap"
            evidence = cap.model_dump(exclude_none=True) | {"share": round(cut.share, 4)}
            table.append((name, rows - cut.rows, rows, rule, json.dumps(evidence)))
            rows -= cut.rows
    if not table:
        return spark.createDataFrame([], DROPPED)
    bounds = spark.createDataFrame(table, "kind string, low bigint, high bigint, rule string, evidence string")
    placed = _placed(marked, "kind", seed).join(F.broadcast(bounds), "kind")
    return placed.where("place > low and place <= high").select("row_id", "rule", "evidence")


def _kind(name: str) -> Kind:
    return tuple((name[at] == "1", name[at + 1] == "1") for at in range(0, len(name), 2))
