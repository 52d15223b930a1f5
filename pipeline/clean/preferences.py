"""Which conversations and their worse sides, once repaired, are a preference between two replies to one prompt.

A pair teaches what to prefer and needs a rejected reply, however bad, that differs from the chosen one, and nothing
else that differs. What is no pair leaves the conversation as it is.
"""

from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from pipeline.contract.artifact import Artifact
from pipeline.rows.schema import PAIRS
from pipeline.spark.frames import read_rows
from pipeline.spark.pairs import with_fate

REJECTED_EMPTY, PROMPT_DIFFERS, REJECTED_SAME = "rejected_empty", "prompt_differs", "rejected_same"

WHITE_SPACE = " \t\r\n"


def judged_pairs(spark: SparkSession, score: Artifact, out: Path) -> DataFrame:
    """The columns of PAIRS, and rule and evidence: null for a pair.

    score: conversations and their worse sides. out: the folder of clean's data/ and dropped/.
    """
    sides = read_rows(spark, score.parquet("rejected")).withColumnRenamed("messages", "said")
    better = read_rows(spark, out / "data").select("row_id", "messages")
    found = (
        with_fate(sides, out / "dropped")
        .join(better, "row_id", "left")
        .withColumn("prompt", _before_last("messages"))
        .withColumn("their_prompt", F.concat(F.slice("messages", 1, F.col("shared")), _before_last("said")))
        .withColumns({side: F.element_at(turns, -1) for side, turns in (("better", "messages"), ("worse", "said"))})
    )
    chosen, rejected = (F.btrim(f"{side}.content", F.lit(WHITE_SPACE)) for side in ("better", "worse"))
    rule = (
        F.when(F.col("rule").isNotNull(), F.col("rule"))
        .when(rejected == "", REJECTED_EMPTY)
        .when(~_same_prompt(), PROMPT_DIFFERS)
        .when(chosen == rejected, REJECTED_SAME)
    )
    return found.withColumns(
        {
            "pair_id": F.col("row_id"),
            "chosen": chosen,
            "rejected": rejected,
            "evidence": F.when(rule.isNotNull(), F.coalesce("evidence", F.lit("{}"))),
            "rule": rule,
        }
    ).select(*PAIRS.names, "rule", "evidence")


def _before_last(turns: str) -> Column:
    return F.slice(turns, 1, F.greatest(F.size(turns) - 1, F.lit(0)))


def _same_prompt() -> Column:
    """Whether both sides end with the assistant's reply, to the same turns."""
    replies = (F.col("better.role") == "assistant") & (F.col("worse.role") == "assistant")
    return replies & (F.col("prompt") == F.col("their_prompt"))
