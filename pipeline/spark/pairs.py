"""Preference pairs beside the conversations: what a stage keeps of them, and what it drops with a reason.

A stage that drops rows leaves pairs/, those that go on, and dropped_pairs/ (row_id, pair_id, source, origin, rule,
evidence); neither where no source has preferences. Its ledger counts conversations, its metrics count pairs.
"""

from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.contract.execute import StageContext
from pipeline.contract.progress import say
from pipeline.rows.parquet import count_by
from pipeline.rows.schema import PAIRS
from pipeline.spark.frames import read_rows, write_rows

CHOSEN_DROPPED = "chosen_dropped"
"""The rule that drops the pair of a conversation that was dropped; the evidence names the conversation's rule."""


def with_fate(pairs: DataFrame, dropped: Path) -> DataFrame:
    """The pairs with rule and evidence: CHOSEN_DROPPED where their row lies in a stage's dropped/, else null.

    pairs: whatever has a row_id.
    """
    gone = read_rows(pairs.sparkSession, dropped).select("row_id", F.col("rule").alias("fell"))
    lost = F.col("fell").isNotNull()
    return (
        pairs.join(gone, "row_id", "left")
        .withColumn("rule", F.when(lost, CHOSEN_DROPPED))
        .withColumn("evidence", F.when(lost, F.to_json(F.struct(F.col("fell").alias("chosen")))))
        .drop("fell")
    )


def write_pairs(context: StageContext, judged: DataFrame, rows: int) -> None:
    """Writes pairs/ and dropped_pairs/, and counts both in the metrics under `pairs`: in, out, dropped by rule.

    judged: `rows` rows of the columns of PAIRS, perhaps split, and rule and evidence (null for a pair that stays).
    """
    out = context.out
    kept = judged.where("rule is null").drop("rule", "evidence")
    gone = judged.where("rule is not null").select(*PAIRS.names[:4], "rule", "evidence")
    stays = write_rows(kept, out / "pairs", rows, key="pair_id")
    write_rows(gone, out / "dropped_pairs", rows, key="pair_id")
    dropped = count_by(out / "dropped_pairs", "rule")
    assert stays + sum(dropped.values()) == rows, f"{rows} pairs came in, {stays} go on, {dropped} do not"
    context.metrics["pairs"] = {"in": rows, "out": stays, "dropped": dropped}
    reasons = ", ".join(f"{n:,} {rule}" for rule, n in dropped.items())
    left = f"; dropped: {reasons}" if reasons else ""
    say(f"{context.stage.name}: {stays:,} of {rows:,} preference pairs go on{left}")
