"""balance: what the review removed goes, and what lies near to an evaluation or says what another row says;
over-represented topics, groups and emotions shrink; of the rest a part may be selected; counterfactual copies and
generated rows are added.

Validation and test rows are never changed, but for what the review removed.
"""

from pipeline.balance.by_meaning import first_on
from pipeline.balance.counterfactual import PREFIX
from pipeline.balance.decided_by_spark import decided_by_spark
from pipeline.balance.decided_here import decided_here
from pipeline.balance.written_by_spark import written_by_spark
from pipeline.balance.written_here import are_few, written_here
from pipeline.contract.execute import StageContext
from pipeline.rows.parquet import count_by, rows_in
from pipeline.spark.frames import read_rows
from pipeline.spark.pairs import write_fates
from pipeline.spark.session import session_of


def balance(context: StageContext) -> None:
    """data/ as deduplicate's, with topic, augmentation and parent; dropped/. pairs/ of the rows that stay, and
    dropped_pairs/; a copy has no pair.

    Raises UserError when the review's removals leave a split empty.
    """
    total = context.ledger.rows_in = rows_in(context.inputs["deduplicate"].parquet())
    few = are_few(context, total)
    if few and not first_on(context.config("balance")):
        context.ledger.rows_out = written_here(context, decided_here(context), total)
    else:
        context.ledger.rows_out = _decided_by_spark(context, few, total)
    context.ledger.dropped = count_by(context.out / "dropped", "rule")
    context.ledger.added = count_by(context.out / "data", "augmentation")
    context.metrics["splits"] = count_by(context.out / "data", "split")
    copied = {name: rows for name, rows in context.ledger.added.items() if name.startswith(PREFIX)}
    context.metrics["counterfactual_copies"] = sum(copied.values())
    write_fates(context, context.inputs["deduplicate"].parquet("pairs"))


def _decided_by_spark(context: StageContext, few: bool, total: int) -> int:
    """The rows written, by Spark or, of few, in this process."""
    spark = session_of(context)
    topics = read_rows(spark, context.inputs["annotate"].parquet()).select("row_id", "topic")
    rows = read_rows(spark, context.inputs["deduplicate"].parquet()).join(topics, "row_id", "left")
    dropped = decided_by_spark(context, rows)
    return written_here(context, dropped.toArrow(), total) if few else written_by_spark(context, rows, dropped, total)
