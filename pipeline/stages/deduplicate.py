"""deduplicate: one row of every set of duplicates, and the three splits.

Exact duplicates by text_hash; near duplicates by MinHash bands, every candidate pair verified by its
true Jaccard similarity, every dropped row verified against the row that stays for it. Splits are drawn
by group, and training rows that repeat a held-out exchange are dropped.
"""

import shutil
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from configs.deduplicate import Deduplicate
from configs.errors import UserError
from pipeline.components import connected_components
from pipeline.near_duplicates import MATCHED, candidate_pairs, judge, near_duplicates, sign
from pipeline.progress import say
from pipeline.rows import count_by, read_rows, rows_in, write_rows
from pipeline.session import task_progress
from pipeline.splits import group_rows, overlaps, split_rows
from pipeline.stage import StageContext

BEST_FIRST = ("-chars", "repaired", "row_id")
"""Which row of a set of duplicates stays: the longest, then the least repaired, then the smallest row_id."""


def deduplicate(context: StageContext) -> None:
    """data/ as clean's, with split and cluster; dropped/ with the matched row and the similarity.

    Raises UserError when too few rows are left for three splits.
    """
    config: Deduplicate = context.config("deduplicate")
    source = context.inputs["clean"].parquet()
    rows, total = read_rows(context.spark, source), rows_in(source)
    steps = Steps(context.out / "scratch")

    ranked = steps.run("exact duplicates", sign(_match_equals(rows), config))
    unique = ranked.where("matched is null").drop("matched")
    components, near = _match_near(unique, config, steps, context.metrics)
    kept = unique.join(near, "row_id", "left_anti").join(components, "row_id", "left")
    columns = kept.select("row_id", "source", "conversation_id", "user_id", "component", "exchanges")
    grouped = steps.run("groups", group_rows(columns, steps.folder / "links"))
    placed = split_rows(grouped, context.config("seed"), config)
    overlapping = steps.run("overlaps", overlaps(placed))
    cluster = F.coalesce("component", "row_id").alias("cluster")
    stays = placed.select("row_id", "split", cluster).join(overlapping, "row_id", "left_anti")

    matched = F.to_json(F.struct("matched"))
    dropped = (
        ranked.where("matched is not null")
        .select("row_id", F.lit("exact_duplicate").alias("rule"), matched.alias("evidence"))
        .union(near.select("row_id", F.lit("near_duplicate"), F.to_json(F.struct("matched", "jaccard"))))
        .union(overlapping.select("row_id", "rule", matched))
    )
    context.ledger.rows_in = total
    context.ledger.rows_out = write_rows(rows.join(stays, "row_id"), context.out / "data", total)
    gone = rows.select("row_id", "source", "origin").join(dropped, "row_id")
    write_rows(gone, context.out / "dropped", total)
    context.ledger.dropped = count_by(context.out / "dropped", "rule")
    context.metrics["splits"] = count_by(context.out / "data", "split")
    if "train" not in context.metrics["splits"]:
        raise UserError(
            "deduplicate: every training row repeats a held-out exchange, so none is left; add data, or raise "
            f"deduplicate.overlap_words (now {config.overlap_words})"
        )
    steps.remove()


class Steps:
    """Results that later steps read more than once, as Parquet under one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, name: str, frame: DataFrame) -> DataFrame:
        """Computes a frame now, and reads it back."""
        path = str(self.folder / name.replace(" ", "-"))
        with task_progress(frame.sparkSession, name):
            frame.write.mode("overwrite").parquet(path)
        return frame.sparkSession.read.parquet(path)

    def remove(self) -> None:
        """Deletes the folder: it is no part of the artifact."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _match_equals(rows: DataFrame) -> DataFrame:
    """row_id, source, conversation_id, user_id, messages, chars, repaired, and matched.

    matched is the best row with the same text_hash, null for that row itself.
    """
    order = [F.expr(column) for column in BEST_FIRST]
    best = F.first("row_id").over(Window.partitionBy("text_hash").orderBy(*order))
    return rows.withColumn("repaired", F.size("repairs")).select(
        "row_id",
        "source",
        "conversation_id",
        "user_id",
        "messages",
        "chars",
        "repaired",
        F.nullif(best, F.col("row_id")).alias("matched"),
    )


def _match_near(
    unique: DataFrame, config: Deduplicate, steps: Steps, metrics: dict[str, Any]
) -> tuple[DataFrame, DataFrame]:
    """(row_id, component) of the rows that have near duplicates, and MATCHED for those that go."""
    pairs = candidate_pairs(unique, config.neighbours)
    judged = steps.run("near-duplicate pairs", judge(pairs, unique, config))
    counts = judged.agg(F.count("b"), F.count_if("duplicate"), F.count_if(F.isnull("b"))).first()
    assert counts is not None
    metrics["candidate_pairs"], metrics["duplicate_pairs"], metrics["bounded_buckets"] = map(int, counts)
    say(
        f"deduplicate: {counts[0]:,} candidate pairs, {counts[1]:,} at Jaccard {config.jaccard} or above; "
        f"{counts[2]:,} buckets of more than {config.neighbours + 1} rows were bounded"
    )
    spark = unique.sparkSession
    if counts[1] == 0:
        return spark.createDataFrame([], "row_id string, component string"), spark.createDataFrame([], MATCHED)
    found = connected_components(judged.where("duplicate"), steps.folder / "components")
    components = found.withColumnRenamed("vertex", "row_id")
    members = unique.join(components, "row_id")
    return components, steps.run("near duplicates", near_duplicates(members, BEST_FIRST, config))
