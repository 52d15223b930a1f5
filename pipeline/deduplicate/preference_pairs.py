"""Preference pairs after deduplication: each goes where its conversation goes, and its rejected side is nowhere else.

Conversations of equal text are one, and it has the pairs of all. A rejected reply is held against evaluation sets and
against the other splits as a conversation's reply is; prompts have been already, they are the conversation's own.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipeline.deduplicate.contamination import EvaluationIndex
from pipeline.deduplicate.duplicate_search import DuplicateSearch
from pipeline.deduplicate.exchanges import exchange_hashes
from pipeline.deduplicate.hashed_words import HashedWords
from pipeline.deduplicate.overlaps import HELD_OUT
from pipeline.rows.schema import PAIRS
from pipeline.rows.text_hash import text_hash
from pipeline.rows.turns import turns_of
from pipeline.spark.blocks import Batches
from pipeline.spark.frames import read_rows
from pipeline.spark.pairs import with_fate
from pipeline.spark.tasks import numbers, one_task_each

IDENTICAL = "identical_pair"
RANKED = ("train", *reversed(HELD_OUT))
"""Of two pairs that reject the same reply to the same words in two splits, the one of the later of these stays."""

SEEN = "pair_id string, text string, exchange bigint, repeats string"
"""Of a rejected side: the hash of its text; of its last exchange, null for one that is common property; and the
evidence of what it has in common with an evaluation set."""


def judged_pairs(search: DuplicateSearch, pairs: Path, out: Path) -> DataFrame:
    """clean's pairs with row_id as of now, split, rule and evidence: null for a pair that stays.

    search: one that has not been removed yet. out: the folder of deduplicate's data/ and dropped/.
    """
    spark, made = search.exchange.spark, search.exchange.frame
    read = read_rows(spark, pairs)
    splits = read_rows(spark, out / "data").select("row_id", "split")
    placed = with_fate(_with_kept_row(read, out / "dropped"), out / "dropped").join(splits, "row_id", "left")
    seen = made("deduplicate: rejected sides", read.mapInArrow(_seen(search), SEEN))
    known = made("deduplicate: preference pairs", placed.join(seen, "pair_id"))
    goes_on = known.where("rule is null")
    rows = _exchanges(search).join(splits, "row_id")
    found = known.join(_identical(goes_on), "pair_id", "left").join(_elsewhere(goes_on, rows), "pair_id", "left")
    for rule, matched in (
        (F.lit("overlaps_evaluation"), F.col("repeats")),
        (F.lit(IDENTICAL), _matched("first")),
        (F.concat(F.lit("overlaps_"), "other_split"), _matched("other")),
    ):
        goes = F.col("rule").isNull() & matched.isNotNull()
        found = found.withColumns(
            {
                "rule": F.when(goes, rule).otherwise(F.col("rule")),
                "evidence": F.when(goes, matched).otherwise(F.col("evidence")),
            }
        )
    return found.select(*PAIRS.names, "split", "rule", "evidence")


def _matched(row: str) -> Column:
    """The evidence that names a row, null without one."""
    return F.when(F.col(row).isNotNull(), F.to_json(F.struct(F.col(row).alias("matched"))))


def _with_kept_row(pairs: DataFrame, dropped: Path) -> DataFrame:
    """The pairs, those of exact duplicates under the row that stays for them."""
    twins = read_rows(pairs.sparkSession, dropped).where("rule = 'exact_duplicate'")
    stays = twins.select("row_id", F.get_json_object("evidence", "$.matched").alias("stays"))
    return pairs.join(stays, "row_id", "left").withColumn("row_id", F.coalesce("stays", "row_id")).drop("stays")


def _seen(search: DuplicateSearch) -> Callable[[Batches], Batches]:
    """Maps PAIRS to SEEN."""
    evaluation, least = search.evaluation, search.config.overlap_words

    def seen(batches: Batches) -> Batches:
        index = EvaluationIndex.load(evaluation)
        for batch in batches:
            prompts, replies = turns_of(batch["prompt"]), batch["rejected"].to_pylist()
            last = [[*prompt[-1:], ("assistant", reply)] for prompt, reply in zip(prompts, replies, strict=True)]
            hashed = HashedWords.of(last)
            exchanges: list[int | None] = [None] * len(last)
            for row, exchange in zip(*(found.tolist() for found in exchange_hashes(hashed, least)), strict=True):
                exchanges[row] = exchange & ~1
            repeats = index.overlaps(hashed)
            columns = {
                "pair_id": batch["pair_id"],
                "text": pa.array([text_hash(turns[-1:]) for turns in last], pa.string()),
                "exchange": pa.array(exchanges, pa.int64()),
                "repeats": pa.array([repeats.get(row) for row in range(len(last))], pa.string()),
            }
            yield pa.RecordBatch.from_pydict(columns)

    return seen


def _exchanges(search: DuplicateSearch) -> DataFrame:
    """(row_id, exchange) of the run's own conversations."""
    keys, every = search.keys, search.ranges.all

    def exchanges(batches: Batches) -> Batches:
        for number in numbers(batches):
            rows = keys.read(every[number], ["row_id", "exchanges"])
            lists = rows["exchanges"].combine_chunks()
            of_row = pa.array(np.repeat(np.arange(len(lists)), lists.value_lengths().to_numpy()))
            hashes = pa.array(lists.flatten().to_numpy() & ~1)
            table = pa.table({"row_id": rows["row_id"].take(of_row), "exchange": hashes})
            yield from table.combine_chunks().to_batches()

    ranges = one_task_each(search.exchange.spark, search.ranges.new_ranges)
    return ranges.mapInArrow(exchanges, "row_id string, exchange bigint")


def _identical(pairs: DataFrame) -> DataFrame:
    """(pair_id, first): a pair that another one of its row repeats, and that one."""
    first = F.min("pair_id").over(Window.partitionBy("row_id", "text"))
    return pairs.select("pair_id", first.alias("first")).where("pair_id <> first")


def _elsewhere(pairs: DataFrame, rows: DataFrame) -> DataFrame:
    """(pair_id, other, other_split): a pair whose rejected side is, to the same words, in another split too: the reply
    of a row there, or the rejected one of a pair that goes before it (RANKED). other: the smallest row_id or pair_id.
    """
    rank = F.array_position(F.array(*map(F.lit, RANKED)), F.col("split"))
    own = pairs.where("exchange is not null").select("pair_id", "exchange", "split", rank.alias("rank"))
    theirs = rows.select("exchange", "split", "row_id", F.lit(len(RANKED) + 1).alias("rank"))
    others = theirs.union(own.select("exchange", "split", "pair_id", "rank")).groupBy("exchange", "split", "rank")
    known = others.agg(F.min("row_id").alias("other")).withColumnsRenamed(
        {"split": "other_split", "rank": "other_rank"}
    )
    met = own.join(known, "exchange").where("split <> other_split and other_rank > rank")
    first = F.min_by(F.struct("other", "other_split"), F.struct(-F.col("other_rank"), "other_split", "other"))
    return met.groupBy("pair_id").agg(first.alias("met")).select("pair_id", "met.*")
