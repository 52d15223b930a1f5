"""Train, validation and test: which rows belong together, where they go, and what overlaps."""

from pathlib import Path

from pyspark.sql import DataFrame, Row, Window
from pyspark.sql import functions as F

from configs.deduplicate import Deduplicate
from configs.errors import UserError
from pipeline.deduplicate.connected_components import connected_components
from pipeline.spark.draw import uniform

LEAST_ROWS = 20
"""Fewer rows cannot be split three ways."""


def group_rows(rows: DataFrame, scratch: Path) -> DataFrame:
    """The rows with `group`, and `group_rows`, the size of that group.

    rows: ordinal, cluster_key, conversation_key, user_key (64-bit hashes; null where nothing binds the
    row that way) and any other column. Rows of one cluster, conversation or user share a group, and so
    do rows that are linked through several of them. A group's name does not follow from its size, so
    that a row keeps its split when its conversation grows.
    """
    keyed = rows.withColumn("keys", F.array_compact(F.array("user_key", "conversation_key", "cluster_key")))
    first = F.get("keys", F.lit(0))
    links = keyed.where("size(keys) > 1").select(first.alias("a"), F.explode(F.slice("keys", 2, 2)).alias("b"))
    linked = connected_components(links, scratch).select(
        F.col("vertex").alias("first"), F.col("component").alias("least")
    )
    return (
        keyed.withColumn("first", F.coalesce(first, F.xxhash64("row_id")))
        .join(linked, "first", "left")
        .withColumn("group", F.coalesce("least", "first"))
        .withColumn("group_rows", F.count("*").over(Window.partitionBy("group")))
        .select("ordinal", "row_id", "exchanges", "group", "group_rows")
    )


def split_rows(grouped: DataFrame, seed: int, config: Deduplicate) -> DataFrame:
    """The rows with `split`. A hash of seed and group decides it, whatever the other rows are.

    grouped: group, group_rows and any other column; read several times. A group larger than a whole
    held-out split trains: it would be most of what is measured. When that or chance leaves a split
    empty, the smallest group of the largest split fills it.
    Raises UserError when there are too few rows or groups.
    """
    rows = grouped.count()
    if rows < LEAST_ROWS:
        raise UserError(
            f"deduplicate: {rows} rows are left, and train, validation and test need at least {LEAST_ROWS}; "
            "add data, or relax clean.rules"
        )
    test, held_out = config.test_share, config.test_share + config.validation_share
    test_limit, validation_limit = max(1, int(config.test_share * rows)), max(1, int(config.validation_share * rows))
    draw, size = uniform(seed, "group"), F.col("group_rows")
    split = (
        F.when((draw < test) & (size <= test_limit), "test")
        .when((draw >= test) & (draw < held_out) & (size <= validation_limit), "validation")
        .otherwise("train")
    )
    placed = grouped.withColumn("split", split)
    counts = {row["split"]: row["groups"] for row in _count_groups(placed)}
    if sum(counts.values()) < 3:
        raise UserError(
            f"deduplicate: the {rows} rows left belong to {sum(counts.values())} groups of near duplicates, "
            "conversation or user, and train, validation and test need one each; add data, or leave user_id out "
            "of the columns"
        )
    missing = [name for name in ("test", "validation", "train") if name not in counts]
    if missing:
        donors = placed.where(F.col("split") == max(counts, key=lambda name: (counts[name], name)))
        smallest = donors.select("group", "group_rows").distinct().orderBy("group_rows", draw, "group")
        for name, donor in zip(missing, smallest.limit(len(missing)).collect(), strict=True):
            chosen = F.when(F.col("group") == donor["group"], name).otherwise(F.col("split"))
            placed = placed.withColumn("split", chosen)
    return placed


def _count_groups(placed: DataFrame) -> list[Row]:
    return placed.groupBy("split").agg(F.count_distinct("group").alias("groups")).collect()


def overlaps(rows: DataFrame) -> DataFrame:
    """(row_id, rule, matched) for training rows with an exchange that a held-out row has too.

    rows: row_id, split, exchanges (hashes of exchanges, see exchanges.py); read twice.
    Near-equal conversations share a group, so they cannot straddle; this finds what longer
    conversations have in common. The rule is overlaps_test or overlaps_validation; matched is the
    smallest row_id among the held-out rows of that split.
    """
    had = rows.select("row_id", "split", F.explode("exchanges").alias("exchange"))
    rule = F.concat(F.lit("overlaps_"), "split")  # overlaps_test sorts first
    held_out = (
        had.where("split <> 'train'")
        .groupBy("exchange")
        .agg(F.min(F.struct(rule.alias("rule"), F.col("row_id").alias("matched"))).alias("match"))
    )
    return (
        had.where("split = 'train'")
        .join(held_out, "exchange")
        .groupBy("row_id")
        .agg(F.min("match").alias("match"))
        .select("row_id", "match.rule", "match.matched")
    )
