"""Train, validation and test: which rows belong together, where they go, and what overlaps."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from pyspark.sql import DataFrame, Row, Window
from pyspark.sql import functions as F

from configs.deduplicate import Deduplicate
from configs.errors import UserError
from pipeline.deduplicate.connected_components import EDGES_IN_MEMORY, connected_components
from pipeline.deduplicate.exchanges import LEAST_PROMPT_WORDS
from pipeline.spark.draw import uniform

LEAST_ROWS = 20
"""Fewer rows cannot be split three ways."""


BINDING = (0, LEAST_PROMPT_WORDS, None)
"""Prompts of at least so many words bind rows together; in a group that is too large only those of the next number,
in the end none (None)."""

MOST_PROMPT_SHARE = 0.5
"""A prompt of more rows than this is the form of the corpus ("Write a poem."), and binds nothing."""

MOST_CHAINED_SHARE = 0.1
"""Groups that are too large to be held out may hold so much of the rows together; what is held out falls short by as
much."""


Run = Callable[[str, DataFrame], DataFrame]
"""Computes a frame of that name, and reads it back."""


def group_rows(rows: DataFrame, config: Deduplicate, scratch: Path, run: Run) -> tuple[DataFrame, dict[str, int]]:
    """The rows with `group`, and `group_rows`, the size of that group; and the metrics groups and largest_group.

    rows: ordinal, row_id, exchanges, cluster_key, conversation_key, user_key, prompt_key (64-bit hashes; null where
    nothing binds the row that way) and prompt_words. Rows of one cluster, conversation, user or prompt share a
    group, and so do rows that are linked through several of them. The answers to one prompt stay together, however
    many they are. Where several prompts link so many users,
    conversations and clusters that groups too large to be held out hold more than MOST_CHAINED_SHARE, prompts bind less
    (see BINDING): there a row goes with its user, conversation or cluster, and one that has none with its prompt.
    """
    kept = run("kept", rows)
    count = kept.count()
    grouped, sizes = _bound(kept, count, config, scratch, run)
    if sizes["largest_group"] > MOST_PROMPT_SHARE * count:
        prompts = kept.where("prompt_key is not null").groupBy("prompt_key").count()
        form = prompts.where(F.col("count") > MOST_PROMPT_SHARE * count).first()
        if form:
            unlike = kept.withColumn("prompt_key", F.nullif("prompt_key", F.lit(form["prompt_key"])))
            return _bound(unlike, count, config, scratch / "without-form", run)
    return grouped, sizes


def _bound(
    kept: DataFrame, count: int, config: Deduplicate, scratch: Path, run: Run
) -> tuple[DataFrame, dict[str, int]]:
    first = F.coalesce("user_key", "conversation_key", "cluster_key", "prompt_key", F.xxhash64("row_id"))
    grouped = kept.withColumn("first", first).withColumn("binds", F.lit(True))
    crowded = F.col("group_rows") > max(1, int(min(config.test_share, config.validation_share) * count))
    for least, following in pairwise((*BINDING, None)):
        name = f"groups by prompts of {least} words" if least else "groups" if least == 0 else "groups without prompts"
        grouped = run(name, _grouped(grouped, count, scratch / name.replace(" ", "-")))
        groups = grouped.groupBy("group").agg(
            F.first("group_rows").alias("group_rows"),
            F.count_distinct("first").alias("keys"),
            F.count_distinct("prompt_key").alias("prompts"),
        )
        linked = (F.col("keys") > 1) & (F.col("prompts") > 1)
        chained = F.sum(F.when(crowded & linked, F.col("group_rows")))
        sizes = groups.agg(F.count("*"), F.max("group_rows"), chained).first()
        assert sizes is not None
        if least is None or (sizes[2] or 0) <= MOST_CHAINED_SHARE * count:
            return grouped, {"groups": sizes[0], "largest_group": sizes[1] or 0}
        binds = F.lit(False) if following is None else F.col("prompt_words") >= following
        grouped = grouped.withColumn("binds", F.when(crowded, binds).otherwise(F.col("binds")))
    raise AssertionError("the last of BINDING ends the search")


def _grouped(rows: DataFrame, count: int, scratch: Path) -> DataFrame:
    """With group and group_rows. rows: with `first`, the key that a row goes by, and `binds`, whether its prompt
    links it to others.
    """
    keys = F.array_compact(F.array("user_key", "conversation_key", "cluster_key"))
    own = rows.select("first", F.explode(F.slice(keys, 2, 2)).alias("b"))
    asked = rows.where("binds and prompt_key <> first").select("first", "prompt_key")
    if count > EDGES_IN_MEMORY:  # the prompts of one row only, most of them, are then worth leaving out
        several = rows.groupBy("prompt_key").count().where("count > 1").select("prompt_key")
        asked = asked.join(several, "prompt_key", "left_semi")
    linked = connected_components(own.union(asked).distinct().toDF("a", "b"), scratch).select(
        F.col("vertex").alias("first"), F.col("component").alias("least")
    )
    return (
        rows.select(*(column for column in rows.columns if column not in ("group", "group_rows")))
        .join(linked, "first", "left")
        .withColumn("group", F.coalesce("least", "first"))
        .withColumn("group_rows", F.count("*").over(Window.partitionBy("group")))
        .drop("least")
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
            "conversation, user or prompt, and train, validation and test need one each; add data, or leave user_id "
            "out of the columns"
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
