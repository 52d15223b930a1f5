"""clean: drops, by the scores, what fails a rule. Tasks read and write files themselves (see score)."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from configs.clean import Rules
from configs.errors import UserError
from pipeline.clean.preferences import judged_pairs
from pipeline.clean.rules.rules import RULES, evidence, first_failures
from pipeline.contract.artifact import total
from pipeline.contract.execute import StageContext
from pipeline.contract.file_parts import file_parts, link_files
from pipeline.contract.parts import Making, Part
from pipeline.rows.parquet import rows_in, write_table
from pipeline.spark.pairs import write_pairs
from pipeline.spark.session import session_of
from pipeline.spark.tasks import done_by_tasks

DROPPED = ["row_id", "source", "origin"]


def clean(context: StageContext) -> None:
    """score's rows that pass every rule; the others go to dropped/ with the score and its threshold. By parts, a file
    each; the pairs are judged anew, all of them.

    pairs/ the preferences between two replies, of the rows that pass; dropped_pairs/ the others. The rejected side is
    under no rule: it may be what a rule is against.

    Raises UserError when nothing is left.
    """
    source, rules, store = context.inputs["score"], context.config("clean.rules"), context.part_store
    parts = file_parts(context, source)
    names = {part: name for name, part in parts.items()}

    def make(missing: list[Part]) -> None:
        def judged(number: int) -> int:
            part = missing[number]
            with store.making(part) as made:
                judge(source.parquet() / names[part], rules, made)
            return 1

        rows = sum(pq.read_metadata(source.parquet() / names[part]).num_rows for part in missing)
        done_by_tasks(context, "clean", len(missing), judged, rows)

    found = dict(zip(parts, context.obtain(list(parts.values()), make), strict=True))
    link_files(context, found, ("data", "dropped"))
    context.ledger = total(part.ledger for part in found.values())
    if not context.ledger.rows_out:
        raise UserError(nothing_left(context.ledger.rows_in, context.ledger.dropped))
    context.metrics["kept_share"] = round(context.ledger.rows_out / context.ledger.rows_in, 4)
    context.metrics["dropped"] = context.ledger.dropped
    if sides := rows_in(source.parquet("rejected")):
        write_pairs(context, judged_pairs(session_of(context), source, context.out), sides)


def judge(file: Path, rules: Rules, made: Making) -> None:
    """Makes the part of a file: data.parquet the rows that pass, dropped.parquet the others."""
    table = pq.ParquetFile(file).read()
    failed = first_failures(table, rules)
    names, gone, stays = failed.drop_null(), table.filter(failed.is_valid()), table.filter(failed.is_null())
    proof = pa.array(evidence(gone, names, rules), pa.string())
    gone = gone.select(DROPPED).append_column("rule", names).append_column("evidence", proof)
    write_table(gone, made.folder / "dropped.parquet")
    write_table(stays, made.folder / "data.parquet")
    made.ledger.rows_in, made.ledger.rows_out = table.num_rows, stays.num_rows
    made.ledger.dropped = dict(sorted(Counter(names.to_pylist()).items()))


def nothing_left(rows: int, dropped: dict[str, int]) -> str:
    """What to tell the user when every row failed a rule."""
    if not rows:
        return "clean: there are no rows to clean; check acquire.sources"
    counts = ", ".join(f"{rule} {count:,}" for rule, count in sorted(dropped.items(), key=lambda item: -item[1]))
    worst = max(dropped, key=lambda rule: dropped[rule])
    setting = next(rule.setting for rule in RULES if rule.name == worst)
    remedy = f"relax clean.rules.{setting}" if setting else "the sources hold no assistant text, check them"
    return f"clean: all {rows:,} rows were dropped ({counts}); {remedy}"
