"""clean: drops, by the scores, what fails a rule. Tasks read and write files themselves (see score)."""

import pyarrow as pa
import pyarrow.parquet as pq

from configs.clean import Rules
from configs.errors import UserError
from pipeline.clean.preferences import judged_pairs
from pipeline.clean.rules.rules import RULES, evidence, first_failures
from pipeline.contract.execute import StageContext
from pipeline.rows.parquet import count_by, rows_in, write_table
from pipeline.spark.pairs import write_pairs
from pipeline.spark.session import session_of, task_progress
from pipeline.spark.tasks import sum_of_tasks

DROPPED = ["row_id", "source", "origin"]


def clean(context: StageContext) -> None:
    """score's rows that pass every rule; the others go to dropped/ with the score and its threshold.

    pairs/ the preferences between two replies, of the rows that pass; dropped_pairs/ the others. The rejected side is
    under no rule: it may be what a rule is against.

    Raises UserError when nothing is left.
    """
    source, out = context.inputs["score"], context.out
    rules: Rules = context.config("clean.rules")
    files = sorted(source.parquet().glob("*.parquet"))
    for name in ("data", "dropped"):
        (out / name).mkdir()

    def judged(number: int) -> int:
        table, name = pq.ParquetFile(files[number]).read(), files[number].name
        failed = first_failures(table, rules)
        names, gone, stays = failed.drop_null(), table.filter(failed.is_valid()), table.filter(failed.is_null())
        proof = pa.array(evidence(gone, names, rules), pa.string())
        gone = gone.select(DROPPED).append_column("rule", names).append_column("evidence", proof)
        write_table(gone, out / "dropped" / name)
        write_table(stays, out / "data" / name)
        return stays.num_rows

    context.ledger.rows_in = source.ledger.rows_out
    with task_progress(session_of(context), "clean"):
        context.ledger.rows_out = sum_of_tasks(session_of(context), len(files), judged)
    context.ledger.dropped = count_by(out / "dropped", "rule")
    if not context.ledger.rows_out:
        raise UserError(nothing_left(context.ledger.rows_in, context.ledger.dropped))
    context.metrics["kept_share"] = round(context.ledger.rows_out / context.ledger.rows_in, 4)
    context.metrics["dropped"] = context.ledger.dropped
    if sides := rows_in(source.parquet("rejected")):
        write_pairs(context, judged_pairs(session_of(context), source, out), sides)


def nothing_left(rows: int, dropped: dict[str, int]) -> str:
    """What to tell the user when every row failed a rule."""
    if not rows:
        return "clean: there are no rows to clean; check acquire.sources"
    counts = ", ".join(f"{rule} {count:,}" for rule, count in sorted(dropped.items(), key=lambda item: -item[1]))
    worst = max(dropped, key=lambda rule: dropped[rule])
    setting = next(rule.setting for rule in RULES if rule.name == worst)
    remedy = f"relax clean.rules.{setting}" if setting else "the sources hold no assistant text, check them"
    return f"clean: all {rows:,} rows were dropped ({counts}); {remedy}"
