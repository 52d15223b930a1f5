"""Which training rows go for what they mean: near to an evaluation, said before in other words, or not selected."""

from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from configs.balance import Balance
from configs.errors import UserError
from configs.selection import Selection
from pipeline.balance.evaluation_items import write_items
from pipeline.contract.execute import StageContext
from pipeline.contract.formatting import percent
from pipeline.contract.progress import say
from pipeline.selection import diverse
from pipeline.selection.budget import Cut, cut
from pipeline.selection.cells import Cells, cells_for, learned
from pipeline.selection.encoding import ConversationEncoder
from pipeline.selection.examples import examples_of
from pipeline.selection.near_evaluation import near_evaluation
from pipeline.selection.nearest import nearness
from pipeline.selection.semantic_duplicates import DROPPED, semantic_duplicates
from pipeline.selection.vectors import frame_of, shards_in
from pipeline.spark.frames import read_rows
from pipeline.spark.session import session_of, task_progress

NOT_SELECTED = "not_selected"


class ByMeaning:
    """What embed's vectors say of the rows of one run. Each method is a step, and gives None where it is off.

    Raises UserError when a step is on and embed has not embedded all rows.
    """

    def __init__(self, context: StageContext) -> None:
        self._context, self._config = context, context.config("balance")
        self._spark, self._seed = session_of(context), context.config("seed")
        self._shards = shards_in(context.inputs["embed"].parquet())
        self._cells: dict[int, Cells] = {}
        if on := first_on(self._config):
            self._refuse_missing_vectors(on)

    def _refuse_missing_vectors(self, on: str) -> None:
        vectors = self._context.inputs["embed"].parquet()
        embedded = read_rows(self._spark, vectors).where("segment = 0").count()
        rows = self._context.inputs["deduplicate"].ledger.rows_out
        if embedded != rows:
            raise UserError(
                f"{on}: embed has vectors of {embedded:,} of {rows:,} conversations; run stage embed again, or leave "
                f"{on} empty"
            )

    def near_evaluation(self, train: DataFrame, held_out: DataFrame) -> DataFrame | None:
        """DROPPED. train: row_id of the training rows; held_out: row_id and split of all others."""
        settings = self._config.decontamination
        if settings.min_similarity is None:
            return None
        vectors = frame_of(self._spark, self._shards)
        splits = held_out.where(F.col("split").isin(list(settings.against)))
        items = vectors.join(splits, "row_id").select("row_id", F.col("split").alias("evaluation_set"), "vector")
        further = self._context.scratch / "evaluation"
        if written := write_items(self._context, further, self._encoder):
            items = items.union(read_rows(self._spark, further).select(items.columns))
        further_ones = f"{written:,} items of probes and evaluation sets" if written else "no further items"
        say(f"balance: decontamination: against {', '.join(settings.against)}; {further_ones}")
        count = train.count()
        cells, rows = self._of(cells_for(count)), vectors.join(train.select("row_id"), "row_id")
        found = self._step(
            "near_evaluation", near_evaluation(rows, items, cells, count, settings.min_similarity), count
        )
        if count and found.count() == count:
            raise UserError(
                f"balance.decontamination.min_similarity: every training row is within {settings.min_similarity} of an "
                "evaluation item, so none is left; raise it"
            )
        return found

    def semantic_duplicates(self, train: DataFrame) -> DataFrame | None:
        """DROPPED. train: row_id, chars and messages of the training rows."""
        settings = self._config.semantic_duplicates
        if settings.min_similarity is None:
            return None
        count = train.count()
        cells = self._of(settings.clusters or cells_for(count))
        rows = train.select("row_id", "chars", "messages").join(frame_of(self._spark, self._shards), "row_id")
        found = semantic_duplicates(rows, cells, count, settings.min_similarity)
        return self._step("semantic_duplicates", found, count)

    def not_selected(self, train: DataFrame) -> DataFrame | None:
        """DROPPED. train: row_id and tokens of the training rows. Raises UserError when they are fewer than asked
        for."""
        settings = self._config.selection
        if settings.method == "none":
            return None
        if settings.tokens and "tokens" not in train.columns:
            raise UserError("balance.selection.tokens: clean has estimated none; run it again, or give rows instead")
        weight = F.col("tokens") if settings.tokens else F.lit(1)
        weights = train.select("row_id", weight.cast("bigint").alias("weight"))
        sums = weights.agg(F.count("*"), F.coalesce(F.sum("weight"), F.lit(0))).first()
        assert sums is not None
        key, most = ("tokens", settings.tokens) if settings.tokens else ("rows", settings.rows)
        assert most is not None
        if most > sums[1]:
            raise UserError(
                f"balance.selection.{key}: {most:,} are asked for, and the training rows that other rules leave are "
                f"{sums[1]:,} {key}; ask for fewer, or add data"
            )
        by = self._nearest if settings.method == "nearest" else self._diverse
        return self._step("selection", by(settings, weights, sums[0], most), sums[0])

    def _nearest(self, settings: Selection, weights: DataFrame, count: int, most: int) -> DataFrame:
        assert settings.examples is not None
        examples_ED = self._encoder()(examples_of(Path(settings.examples)))
        near = nearness(self._spark, self._shards, examples_ED).join(weights, "row_id")
        ranked = near.withColumns({"value": F.col("similarity"), "place": F.lit(0)})
        ranked = self._kept("nearness", ranked)
        found = self._told(settings, cut(ranked, most), count)
        if found is None:
            return self._none()
        least = F.lit(found.value).alias("least")
        evidence = F.to_json(F.struct(F.lit("nearest").alias("method"), "similarity", least, "example"))
        gone = ranked.where(~found.keeps())
        return gone.select("row_id", F.lit(NOT_SELECTED).alias("rule"), evidence.alias("evidence"))

    def _diverse(self, settings: Selection, weights: DataFrame, count: int, most: int) -> DataFrame:
        cells = self._of(cells_for(count))
        rows = frame_of(self._spark, self._shards).join(weights.select("row_id"), "row_id")
        ranked = self._kept("coverage", diverse.ranked(rows, cells, count).join(weights, "row_id"))
        found = self._told(settings, cut(ranked, most), count)
        return diverse.beyond(rows, cells, count, found, NOT_SELECTED) if found else self._none()

    def _told(self, settings: Selection, found: Cut | None, count: int) -> Cut | None:
        """The cut, when it has been logged and counted."""
        method, kept = settings.method, found.kept if found else count
        facts: dict[str, Any] = {"method": method, "kept": kept, "of": count}
        if found:
            facts |= {"least_similarity" if method == "nearest" else "radius": found.value}
            facts |= {"tokens": found.spent} if settings.tokens else {}
        self._context.metrics["selection"] = facts
        say(f"balance: selection: {kept:,} of {count:,} training rows ({percent(kept / max(count, 1))}) stay: {facts}")
        return found

    def _of(self, count: int) -> Cells:
        if count not in self._cells:
            rows = self._context.inputs["deduplicate"].ledger.rows_out
            with task_progress(self._spark, "cells"):
                self._cells[count] = learned(frame_of(self._spark, self._shards), rows, count, self._seed)
        return self._cells[count]

    def _step(self, name: str, found: DataFrame, count: int) -> DataFrame:
        gone = self._kept(name, found)
        number = gone.count()
        say(f"balance: {name.replace('_', ' ')}: {number:,} of {count:,} training rows go")
        return gone

    def _kept(self, name: str, frame: DataFrame) -> DataFrame:
        """The frame, computed once."""
        folder = self._context.scratch / name
        with task_progress(self._spark, name.replace("_", " ")):
            frame.write.mode("overwrite").parquet(str(folder))
        return read_rows(self._spark, folder)

    def _none(self) -> DataFrame:
        return self._spark.createDataFrame([], DROPPED)

    def _encoder(self) -> ConversationEncoder:
        return ConversationEncoder(self._context.config("embed"), self._context.config("embedding"))


def first_on(config: Balance) -> str:
    """The key that turns a step by meaning on; empty where none is on."""
    steps = {
        "balance.decontamination.min_similarity": config.decontamination.min_similarity is not None,
        "balance.semantic_duplicates.min_similarity": config.semantic_duplicates.min_similarity is not None,
        "balance.selection.method": config.selection.method != "none",
    }
    return next((key for key, on in steps.items() if on), "")
