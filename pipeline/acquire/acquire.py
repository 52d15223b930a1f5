"""Reads every declared source into canonical conversations; what cannot be read goes to quarantine."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession

from configs.acquire import SHAPES, Source
from configs.errors import UserError
from pipeline.acquire.batches import Held, batches_of_task
from pipeline.acquire.containers.container import Outcome
from pipeline.acquire.packages import package_files
from pipeline.acquire.reading_plan import Plan, check_mapping, plan
from pipeline.acquire.selection import threshold
from pipeline.acquire.sources import source_files
from pipeline.acquire.units import RANGE_BYTES, Unit, count, numbered
from pipeline.contract.execute import StageContext
from pipeline.contract.progress import Progress, say, watching
from pipeline.rows.bans import Bans
from pipeline.rows.schema import CONVERSATIONS, DROPPED, REJECTED
from pipeline.spark.external_sort import Runs, merge
from pipeline.spark.session import session_of, task_progress
from pipeline.spark.tasks import numbers, one_task_each

SCHEMAS = {"data": CONVERSATIONS, "dropped": DROPPED, "rejected": REJECTED}
LEAST_TASK_BYTES = 1 << 20
TASKS_A_CORE = 3
GZIP_WEIGHT = 4
"""About how much larger text is than its gzip."""
BUCKET_BYTES = 24 << 20
"""Of input, for one range of row ids: about as many rows as one file of the output holds."""


def acquire(context: StageContext) -> None:
    """data/ conversations, dropped/ quarantined records and, if any, rejected/ worse sides of all sources.

    A file is one unit, or several when a part can be read without the rest (plain JSON Lines, CSV,
    Parquet). Tasks read units in parallel and write conversations, quarantine and worse sides side
    by side, once; all are then put into reproducible order.

    Raises UserError when a profile maps a column that is nowhere, and when nothing at all is found.
    """
    scratch = context.out / "acquire.spark"
    sources = [(source, _files(source, scratch)) for source in context.config("acquire.sources")]
    with context.progress(sum(len(files) for _, files in sources), "files", "acquire: first records") as progress:
        plans = [plan(source, _counted(files, progress)) for source, files in sources]
    for line in (line for found in plans for line in found.description()):
        say(f"acquire: {line}")
    if not any(found.layouts for found in plans):
        raise UserError(_nothing(plans[0], Held()))
    units, available = _units(session_of(context), plans)
    buckets = max(1, sum(map(_weight, units)) // BUCKET_BYTES)
    held = _read(context, units, scratch, buckets)
    for found in plans:
        if found.source.name in held:
            check_mapping(found.source, set(held[found.source.name].columns), found.columns)
    _account(context, plans, held, available)
    written = {"data": context.ledger.rows_out, "dropped": sum(context.ledger.dropped.values())}
    if worse := sum(part.rejected for part in held.values()):
        written["rejected"] = worse
    for name, rows in written.items():
        merge(session_of(context), scratch / name, context.out / name, rows, buckets, SCHEMAS[name])
    shutil.rmtree(scratch)


def _counted(files: list[tuple[str, Path]], progress: Progress) -> Iterator[tuple[str, Path]]:
    for file in files:
        yield file
        progress.advance()


def _files(source: Source, scratch: Path) -> list[tuple[str, Path]]:
    """(name relative to the source, path) of each file of a source."""
    if source.package:
        return package_files(source.package)
    if source.hub:
        from pipeline.acquire.hub import download  # takes two seconds to import

        return download(source, scratch / "hub" / source.name)
    return source_files(source)


def _units(spark: SparkSession, plans: list[Plan]) -> tuple[list[Unit], dict[str, int]]:
    """All units, numbered and limited; and, of each source with a limit, how many records it has.

    Ranges of lines do not know the number of their first record, and a limit does not know how many
    records there are: those units are counted first, in parallel.
    """
    limits = {found.source.name: found.source.limit for found in plans if found.source.limit}
    ready: list[Unit] = []
    uncounted: list[list[Unit]] = []
    for unit in (unit for found in plans for unit in found.units):
        ranges = unit.split(RANGE_BYTES)
        known = len(ranges) == 1 or (unit.container is not None and unit.container.parts_numbered)
        if unit.source in limits or not known:
            uncounted.append(ranges)
        else:
            ready += ranges
    if not uncounted:
        return ready, {}
    outcomes = iter(_count(spark, [unit for ranges in uncounted for unit in ranges]))
    totals: dict[str, list[tuple[str, int]]] = {source: [] for source in limits}
    for ranges in uncounted:
        parts, total = numbered([(unit, next(outcomes)) for unit in ranges])
        ready += parts
        totals.setdefault(ranges[0].source, []).append((ranges[0].file, total))
    highest = {source: threshold(totals[source], limit) for source, limit in limits.items()}
    units = [replace(unit, threshold=highest.get(unit.source)) for unit in ready]
    return units, {source: sum(records for _, records in totals[source]) for source in limits}


def _count(spark: SparkSession, units: list[Unit]) -> list[tuple[Outcome, Outcome]]:
    """The outcomes of each unit, in the order of the units."""

    def outcomes(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for index in numbers(batches):
            found = [[outcome.rows, outcome.open] for outcome in count(units[index])]
            yield pa.RecordBatch.from_pydict({"id": [index], "found": [json.dumps(found)]})

    with task_progress(spark, "acquire: counting records"):
        rows = one_task_each(spark, len(units)).mapInArrow(outcomes, "id bigint, found string").collect()
    return [
        (Outcome(*outside), Outcome(*inside))
        for outside, inside in (json.loads(row.found) for row in sorted(rows, key=lambda row: row.id))
    ]


def _read(context: StageContext, units: list[Unit], scratch: Path, buckets: int) -> dict[str, Held]:
    """Reads all units into runs under scratch, showing the bytes read; source to what it held."""
    tasks = _tasks(units, session_of(context).sparkContext.defaultParallelism)
    progress, bans = scratch / "progress", Bans.read(context.run.root)
    for folder in (progress, *(scratch / name for name in SCHEMAS)):
        folder.mkdir(parents=True)

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for index in numbers(batches):
            held: dict[str, Held] = {}
            runs = {schema: Runs(scratch / name, index, buckets) for name, schema in SCHEMAS.items()}
            for batch in batches_of_task(tasks[index], progress / str(index), held, bans):
                runs[batch.schema].add(batch)
            for run in runs.values():
                run.flush()
            summary = {
                source: [part.read, part.left_out, list(part.columns), part.rejected] for source, part in held.items()
            }
            written = sum(run.bytes for run in runs.values())
            yield pa.RecordBatch.from_pydict({"held": [json.dumps(summary)], "bytes": [written]})

    with _watching(context, progress, sum(unit.size for unit in units)):
        frame = one_task_each(session_of(context), len(tasks)).mapInArrow(read, "held string, bytes bigint")
        summaries = frame.collect()
    say(f"acquire: {sum(summary.bytes for summary in summaries):,} bytes exchanged between tasks")
    found: dict[str, Held] = {}
    for summary in summaries:
        for source, (read_, left_out, columns, rejected) in json.loads(summary.held).items():
            part = Held(Counter(read_), Counter(left_out), dict.fromkeys(columns), rejected)
            found.setdefault(source, Held()).add(part)
    return found


def _weight(unit: Unit) -> int:
    """About the bytes of text in a unit."""
    return unit.size * (GZIP_WEIGHT if unit.container and unit.container.gzipped else 1)


def _tasks(units: list[Unit], cores: int) -> list[list[Unit]]:
    """Units grouped into tasks of similar weight, heaviest first. The grouping does not change what comes out."""
    most = min(RANGE_BYTES, max(LEAST_TASK_BYTES, sum(map(_weight, units)) // (TASKS_A_CORE * cores)))
    tasks: list[list[Unit]] = []
    held = 0
    for unit in sorted(units, key=_weight, reverse=True):
        if not tasks or held + _weight(unit) > most:
            tasks.append([])
            held = 0
        tasks[-1].append(unit)
        held += _weight(unit)
    return tasks


@contextmanager
def _watching(context: StageContext, folder: Path, size: int) -> Iterator[None]:
    """Shows the sum of what the tasks noted in a folder, while the body runs."""
    with context.progress(size // 1000, "kB") as progress:

        def look() -> None:
            noted = [file.read_text() for file in folder.iterdir()]
            progress.update(sum(int(text) for text in noted if text) // 1000)

        with watching(look):
            yield
        look()


def _account(context: StageContext, plans: list[Plan], held: dict[str, Held], available: dict[str, int]) -> None:
    """Fills ledger and metrics, and says what each source gave. Raises UserError when nothing was found."""
    dropped: Counter[str] = Counter()
    for found in plans:
        name, got = found.source.name, held[found.source.name]
        conversations, records = got.read["conversations"], got.read.total()
        context.ledger.rows_in += records
        context.ledger.rows_out += conversations
        dropped.update(got.dropped)
        context.metrics[name] = {
            "records": records,
            "conversations": conversations,
            "quarantined": records - conversations,
            "shape": ", ".join(dict.fromkeys(layout.shape for layout in found.layouts)),
            "columns": list(dict.fromkeys(c for layout in found.layouts for c in layout.text_columns)),
        }
        line = f"acquire: {name}: {conversations:,} conversations from {records:,} records"
        if found.source.limit:
            context.metrics[name]["not_read"] = max(available[name] - found.source.limit, 0)
            line += f"; limit {found.source.limit:,}, {context.metrics[name]['not_read']:,} more not read"
        if got.rejected:
            context.metrics[name]["rejected_sides"] = got.rejected
            line += f"; {got.rejected:,} with the rejected side kept beside"
        if got.left_out:
            context.metrics[name]["left_out"] = dict(sorted(got.left_out.items()))
            line += "; left out: " + ", ".join(f"{what} of {n:,}" for what, n in sorted(got.left_out.items()))
        reasons = ", ".join(f"{n:,} {rule}" for rule, n in got.dropped.items())
        say(line + (f"; quarantined: {reasons}" if reasons else ""))
        if not conversations and context.ledger.rows_out:
            say(f"acquire: warning: {_nothing(found, got)}")
    context.ledger.dropped = dict(sorted(dropped.items()))
    if not context.ledger.rows_out:
        raise UserError(_nothing(plans[0], held[plans[0].source.name]))


def _nothing(found: Plan, held: Held) -> str:
    """Why a source gave no conversation, in one line with a remedy."""
    refused = next((unit for unit in found.units if unit.refused), None)
    file = refused or found.units[0]
    reason = str(refused.refused) if refused else ", ".join(f"{n:,} {rule}" for rule, n in held.dropped.items())
    there = ", ".join(found.columns.get(file.file, [])[:40])
    return (
        f"acquire.sources: {found.source.name}: {file.path}: no conversation found ({reason})"
        + (f"; its columns are: {there}" if there else "")
        + f"; give conversations in a known shape ({', '.join(SHAPES.values())}), "
        "or set columns: {prompt: [...], reply: ...}"
    )
