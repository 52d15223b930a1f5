"""Preference pairs beside the conversations: what a stage keeps of them, and what it drops with a reason.

A stage that drops rows leaves pairs/, those that go on, and dropped_pairs/ (row_id, pair_id, source, origin, rule,
evidence); neither where no source has preferences. Its ledger counts conversations, its metrics count pairs.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.contract.execute import StageContext
from pipeline.contract.progress import say
from pipeline.rows.parquet import bytes_in, count_by, read_columns, rows_in
from pipeline.rows.placed import write_placed
from pipeline.rows.schema import PAIRS
from pipeline.rows.to_json import to_json
from pipeline.spark.frames import read_rows, write_rows
from pipeline.spark.session import session_of
from pipeline.spark.tasks import KEYS_SHARE, is_little

CHOSEN_DROPPED = "chosen_dropped"
"""The rule that drops the pair of a conversation that was dropped; the evidence names the conversation's rule."""

MOST_BYTES = 1 << 29
"""Of pairs whose fates this process finds; of more, Spark does."""


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


def write_fates(context: StageContext, pairs: Path) -> None:
    """write_pairs of the pairs in a folder, where there are any: each has its row's fate."""
    rows, dropped = rows_in(pairs), context.out / "dropped"
    if not rows:
        return
    if is_little(context, rows * KEYS_SHARE) and bytes_in(pairs) <= MOST_BYTES:
        write_pairs(context, _with_fate_here(read_columns(pairs), read_columns(dropped, ["row_id", "rule"])), rows)
    else:
        write_pairs(context, with_fate(read_rows(session_of(context), pairs), dropped), rows)


def _with_fate_here(pairs: pa.Table, dropped: pa.Table) -> pa.Table:
    fell = dropped["rule"].take(pc.index_in(pairs["row_id"], value_set=dropped["row_id"].combine_chunks()))
    lost, rules = pc.is_valid(fell), fell.unique().drop_null()
    said = [to_json({"chosen": rule}) for rule in rules.to_pylist()]
    pairs = pairs.append_column("rule", pc.if_else(lost, CHOSEN_DROPPED, None))
    evidence = pa.array(said, pa.string()).take(pc.index_in(fell, value_set=rules))
    return pairs.append_column("evidence", evidence)


def write_pairs(context: StageContext, judged: DataFrame | pa.Table, rows: int) -> None:
    """Writes pairs/ and dropped_pairs/, and counts both in the metrics under `pairs`: in, out, dropped by rule.

    judged: `rows` rows of the columns of PAIRS, perhaps split, and rule and evidence (null for a pair that stays).
    """
    out, named = context.out, [*PAIRS.names[:4], "rule", "evidence"]
    if isinstance(judged, pa.Table):
        goes_on = pc.is_null(judged["rule"])
        kept, gone = judged.filter(goes_on).drop_columns(named[4:]), judged.filter(pc.invert(goes_on)).select(named)
        stays = write_placed(kept, out / "pairs", rows, key="pair_id")
        write_placed(gone, out / "dropped_pairs", rows, key="pair_id")
    else:
        stays = write_rows(judged.where("rule is null").drop(*named[4:]), out / "pairs", rows, key="pair_id")
        write_rows(judged.where("rule is not null").select(named), out / "dropped_pairs", rows, key="pair_id")
    dropped = count_by(out / "dropped_pairs", "rule")
    assert stays + sum(dropped.values()) == rows, f"{rows} pairs came in, {stays} go on, {dropped} do not"
    context.metrics["pairs"] = {"in": rows, "out": stays, "dropped": dropped}
    reasons = ", ".join(f"{n:,} {rule}" for rule, n in dropped.items())
    left = f"; dropped: {reasons}" if reasons else ""
    say(f"{context.stage.name}: {stays:,} of {rows:,} preference pairs go on{left}")
