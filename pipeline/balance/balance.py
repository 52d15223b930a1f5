"""balance: what the review removed goes, and what lies near to an evaluation or says what another row says;
over-represented topics, groups and emotions shrink; of the rest a part may be selected; counterfactual copies and
generated rows are added.

Validation and test rows are never changed, but for what the review removed.
"""

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from configs.balance import Balance
from configs.errors import UserError
from pipeline.balance.by_meaning import ByMeaning
from pipeline.balance.counterfactual import PREFIX
from pipeline.balance.downsample import over_caps, over_topic_share
from pipeline.balance.written import write_balanced
from pipeline.contract.execute import StageContext
from pipeline.rows.parquet import count_by, rows_in
from pipeline.spark.frames import read_rows
from pipeline.spark.pairs import with_fate, write_pairs
from pipeline.spark.session import session_of, task_progress


def balance(context: StageContext) -> None:
    """data/ as deduplicate's, with topic, augmentation and parent; dropped/. pairs/ of the rows that stay, and
    dropped_pairs/; a copy has no pair.

    Raises UserError when the review's removals leave a split empty.
    """
    config: Balance = context.config("balance")
    seed: int = context.config("seed")
    source = context.inputs["deduplicate"].parquet()
    total = rows_in(source)
    annotated = read_rows(session_of(context), context.inputs["annotate"].parquet())
    rows = read_rows(session_of(context), source).join(annotated.select("row_id", "topic"), "row_id", "left")
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
    over = over_topic_share(train, counts, config.max_topic_share, seed, context.metrics)
    train = _less(train, over).select("row_id", "topic")
    capped = over_caps(train, annotated, config.caps, seed)
    left = by_meaning.not_selected(_of(rows, _less(train, capped)))
    by_rule = [found for found in (removed, near, same, over, capped, left) if found is not None]
    dropped = reduce(lambda one, other: one.union(other), by_rule)
    context.ledger.rows_in = total
    context.ledger.rows_out = write_balanced(context, rows, dropped)
    context.ledger.dropped = count_by(context.out / "dropped", "rule")
    context.ledger.added = count_by(context.out / "data", "augmentation")
    context.metrics["splits"] = count_by(context.out / "data", "split")
    copied = {name: rows for name, rows in context.ledger.added.items() if name.startswith(PREFIX)}
    context.metrics["counterfactual_copies"] = sum(copied.values())
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


def _of(rows: DataFrame, chosen: DataFrame) -> DataFrame:
    """Those of the rows that are among the chosen."""
    return rows.join(chosen.select("row_id"), "row_id", "left_semi")


def _less(rows: DataFrame, gone: DataFrame | None) -> DataFrame:
    """The rows without those that are gone; None: none is."""
    return rows if gone is None else rows.join(gone, "row_id", "left_anti")


def _count_topics(slim: DataFrame) -> dict[str, int]:
    """Topic to training rows. Raises UserError when a split has no rows left."""
    with task_progress(slim.sparkSession, "topics"):
        found = slim.groupBy("split", F.coalesce("topic", F.lit("other")).alias("topic")).count().collect()
    empty = {"train", "validation", "test"} - {row["split"] for row in found}
    if empty:
        raise UserError(
            f"balance: the review's removals leave {' and '.join(sorted(empty))} without rows; remove fewer topics or "
            "sources in the review, or add data"
        )
    return dict(sorted((row["topic"], row["count"]) for row in found if row["split"] == "train"))
