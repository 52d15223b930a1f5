"""Train, validation and test: which rows belong together, where they go, and what overlaps."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from pyspark.sql import DataFrame, Window
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

KEYS = ("ordinal", "user", "first", "second", "third", "prompt_key", "prompt_words")

Run = Callable[[str, DataFrame], DataFrame]
"""Computes a frame of that name, and reads it back."""


def group_rows(
    kept: DataFrame, count: int, config: Deduplicate, scratch: Path, run: Run
) -> tuple[DataFrame, dict[str, int]]:
    """The rows with `group`, `group_rows` (the size of that group) and `opens` (of one row of each group); and the
    metrics groups and largest_group.

    kept: `count` rows of ordinal, own (64-bit hash of the row_id), user (its key, or null), first, second and third (of
    the user, conversation or cluster that binds the row to others; null where there are fewer), prompt_key (null
    without a prompt) and prompt_words; read several times. Rows of one cluster, conversation, user or prompt share a
    group, and so do rows that are linked through several of them. The answers to one prompt stay together, however
    many they are. Where several prompts link so many users,
    conversations and clusters that groups too large to be held out hold more than MOST_CHAINED_SHARE, prompts bind less
    (see BINDING): there a row goes with its user, conversation or cluster, and one that has none with its prompt.
    """
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
    grouped = kept.withColumn("first", F.coalesce("first", "prompt_key", "own")).withColumn("binds", F.lit(True))
    crowded = F.col("group_rows") > max(1, int(min(config.test_share, config.validation_share) * count))
    for least, following in pairwise((*BINDING, None)):
        name = f"groups by prompts of {least} words" if least else "groups" if least == 0 else "groups without prompts"
        grouped = run(name, _grouped(grouped, count, scratch / name.replace(" ", "-")))
        chained = F.count_if(crowded & F.col("linked"))
        sizes = grouped.agg(F.count_if("opens"), F.max("group_rows"), chained).first()
        assert sizes is not None
        if least is None or sizes[2] <= MOST_CHAINED_SHARE * count:
            return grouped, {"groups": sizes[0], "largest_group": sizes[1] or 0}
        binds = F.lit(False) if following is None else F.col("prompt_words") >= following
        grouped = grouped.withColumn("binds", F.when(crowded, binds).otherwise(F.col("binds")))
    raise AssertionError("the last of BINDING ends the search")


def _grouped(rows: DataFrame, count: int, scratch: Path) -> DataFrame:
    """With group, group_rows, opens, drawn (the key that its split is drawn by), and `linked`: whether several prompts
    and several users, conversations or clusters make up the group. rows: with `first`, the key that a row goes by, and
    `binds`, whether its prompt links it to others.
    """
    own = rows.select(F.col("first").alias("a"), F.explode(F.array_compact(F.array("second", "third"))).alias("b"))
    asked = rows.where("binds and prompt_key <> first").select("first", "prompt_key")
    links = own.union(asked)
    if count > EDGES_IN_MEMORY:  # the prompts of one row only, most of them, are then worth leaving out
        several = rows.groupBy("prompt_key").count().where("count > 1").select("prompt_key")
        links = own.union(asked.join(several, "prompt_key", "left_semi").select("first", "prompt_key")).distinct()
    linked = connected_components(links, scratch).select(
        F.col("vertex").alias("first"), F.col("component").alias("least")
    )
    group = Window.partitionBy("group")
    asked_in = F.min(F.when(F.col("binds"), F.col("prompt_key")))
    several_of = {name: F.min(name).over(group) < F.max(name).over(group) for name in ("first", "prompt_key")}
    return (
        rows.join(linked, "first", "left")
        .withColumn("group", F.coalesce("least", "first"))
        .withColumn("group_rows", F.count("*").over(group))
        .withColumn("opens", F.col("ordinal") == F.min("ordinal").over(group))
        .withColumn("drawn", F.coalesce(F.min("user").over(group), asked_in.over(group), F.min("first").over(group)))
        .withColumn("linked", F.coalesce(several_of["first"] & several_of["prompt_key"], F.lit(False)))
        .select(*KEYS, "binds", "group", "group_rows", "opens", "drawn", "linked")
    )


def split_rows(grouped: DataFrame, rows: int, seed: int, config: Deduplicate, run: Run) -> DataFrame:
    """(ordinal, split) of each row. A hash decides it, of the seed and of what the group has in common and others that
    join it have too: its user, else its prompt, else its conversation or cluster (the least, where it has several).

    grouped: `rows` rows of group_rows. A group larger than a whole
    held-out split trains: it would be most of what is measured. When that or chance leaves a split
    empty, the smallest group of the largest split fills it.
    Raises UserError when there are too few rows or groups.
    """
    if rows < LEAST_ROWS:
        raise UserError(
            f"deduplicate: {rows} rows are left, and train, validation and test need at least {LEAST_ROWS}; "
            "add data, or relax clean.rules"
        )
    test, held_out = config.test_share, config.test_share + config.validation_share
    test_limit, validation_limit = max(1, int(config.test_share * rows)), max(1, int(config.validation_share * rows))
    draw, size = uniform(seed, "drawn"), F.col("group_rows")
    split = (
        F.when((draw < test) & (size <= test_limit), "test")
        .when((draw >= test) & (draw < held_out) & (size <= validation_limit), "validation")
        .otherwise("train")
    )
    placed = run("splits", grouped.select("ordinal", "group", "group_rows", "opens", "drawn", split.alias("split")))
    counts = {row["split"]: row["count"] for row in placed.where("opens").groupBy("split").count().collect()}
    if sum(counts.values()) < 3:
        raise UserError(
            f"deduplicate: the {rows} rows left belong to {sum(counts.values())} groups of near duplicates, "
            "conversation, user or prompt, and train, validation and test need one each; add data, or leave user_id "
            "out of the columns"
        )
    missing = [name for name in ("test", "validation", "train") if name not in counts]
    if missing:
        most = max(counts, key=lambda name: (counts[name], name))
        smallest = placed.where(F.col("opens") & (F.col("split") == most)).orderBy("group_rows", draw, "group")
        for name, donor in zip(missing, smallest.limit(len(missing)).collect(), strict=True):
            chosen = F.when(F.col("group") == donor["group"], name).otherwise(F.col("split"))
            placed = placed.withColumn("split", chosen)
    return placed.select("ordinal", "split")
