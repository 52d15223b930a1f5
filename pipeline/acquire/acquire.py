"""Reads every declared source into canonical conversations; what cannot be read goes to quarantine."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from configs.acquire import SHAPES, Source
from configs.errors import UserError
from pipeline.acquire.batches import Held, batches_of_task
from pipeline.acquire.containers.container import Outcome
from pipeline.acquire.packages import package_files
from pipeline.acquire.reading import Reading
from pipeline.acquire.reading_plan import Plan, check_mapping
from pipeline.acquire.slices import Slice, hashed, slice_bytes
from pipeline.acquire.sources import source_files
from pipeline.acquire.units import RANGE_BYTES, Unit, count
from pipeline.contract.execute import StageContext
from pipeline.contract.objects import SourceFile
from pipeline.contract.parts import Making, Part
from pipeline.contract.progress import say, watching
from pipeline.rows.bans import Bans
from pipeline.rows.parquet import ROWS_PER_FILE
from pipeline.rows.schema import CONVERSATIONS, DROPPED, REJECTED
from pipeline.spark.external_sort import Runs, merge_part
from pipeline.spark.session import session_of, task_progress
from pipeline.spark.tasks import is_little, numbers, one_task_each, sum_of_tasks, user_errors

SCHEMAS = {"data": CONVERSATIONS, "dropped": DROPPED, "rejected": REJECTED}
LEAST_TASK_BYTES = 1 << 20
TASKS_A_CORE = 3
ROW_BYTES = 400
"""Of input, for about as much work as a row (see spark.from_rows)."""
GZIP_WEIGHT = 4
"""About how much larger text is than its gzip."""
BUCKET_BYTES = 24 << 20
"""Of input, for one range of row ids: about as many rows as one file of the output holds."""


def acquire(context: StageContext) -> None:
    """data/ conversations, dropped/ quarantined records and, if any, rejected/ worse sides of all sources.

    The sources are cut into slices (see slices.py), each of which becomes a part, read by one task: those that are
    there already are not read again, unless somebody was erased from their files since. With a limit, all of a source
    is counted, and its parts hold for as long as the limit keeps the same records.

    Raises UserError when a profile maps a column that is nowhere, and when nothing at all is found.
    """
    scratch, store = context.out / "acquire.spark", context.part_store
    readings = [_reading(context, source, scratch) for source in context.config("acquire.sources")]
    bans = Bans.read(context.run.root)
    size = slice_bytes(sum(file.size for reading in readings for file in reading.files))
    slices = {context.part(r.settings(), s.inputs(bans)): (r, s) for r in readings for s in r.slices(size, RANGE_BYTES)}
    store.look(slices, context.run.file_hashes)
    _look(context, [slices[part] for part in slices if not store.has(part)])
    for reading in readings:
        there = [part for part, (of, _) in slices.items() if of is reading and store.has(part)]
        reading.check([Held.of(store.at(part).metrics) for part in there])
    parts = context.obtain(
        list(slices), lambda missing: _read(context, [(p, *slices[p]) for p in missing], bans, scratch)
    )
    _account(context, readings, [(of, part.metrics) for (of, _), part in zip(slices.values(), parts, strict=True)])
    for part in parts:
        files = [entry["path"] for entry in part.manifest["files"]]
        context.link(part, {file: file.replace("/", f"/{part.path.name[:16]}-") for file in files})
    shutil.rmtree(scratch, ignore_errors=True)


def _reading(context: StageContext, source: Source, scratch: Path) -> Reading:
    """A source, looked at as far as it takes to cut it into slices."""
    files = hashed(source.name, _files(source, scratch), context.run.file_hashes)
    reading = Reading(source, files, Plan(source))
    reading.look({file.name for file in files if source.limit or file.size > RANGE_BYTES})
    reading.apply_limit(RANGE_BYTES, partial(_count, context))
    return reading


def _look(context: StageContext, slices: list[tuple[Reading, Slice]]) -> None:
    """Opens the files of slices that have not been opened, and says how they are read, once."""
    wanted: dict[Reading, set[str]] = {}
    for reading, piece in slices:
        wanted.setdefault(reading, set()).update(file.name for file in piece.files)
    new = sum(len(names - reading.units.keys()) for reading, names in wanted.items())
    with context.progress(new, "files", "acquire: first records") as progress:
        for reading, names in wanted.items():
            reading.look(names, progress.advance)
            for line in reading.news():
                say(f"acquire: {line}")


def _files(source: Source, scratch: Path) -> Sequence[tuple[str, SourceFile]]:
    """(name relative to the source, path) of each file of a source."""
    if source.package:
        return package_files(source.package)
    if source.hub:
        from pipeline.acquire.hub import download  # takes two seconds to import

        return download(source, scratch / "hub" / source.name)
    return source_files(source)


def _count(context: StageContext, units: list[Unit]) -> list[tuple[Outcome, Outcome]]:
    """The outcomes of each unit, in the order of the units."""
    if not units or is_little(context, sum(unit.size for unit in units) / ROW_BYTES):
        return [count(unit) for unit in units]

    def outcomes(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for index in numbers(batches):
            found = [[outcome.rows, outcome.open] for outcome in count(units[index])]
            yield pa.RecordBatch.from_pydict({"id": [index], "found": [json.dumps(found)]})

    spark = session_of(context)
    with task_progress(spark, "acquire: counting records"), user_errors():
        rows = one_task_each(spark, len(units)).mapInArrow(outcomes, "id bigint, found string").collect()
    return [
        (Outcome(*outside), Outcome(*inside))
        for outside, inside in (json.loads(row.found) for row in sorted(rows, key=lambda row: row.id))
    ]


@dataclass(frozen=True)
class Job:
    """What a task makes a part of. facts: of each file, how it is read."""

    part: Part
    units: list[Unit]
    facts: list[dict[str, Any]]

    @property
    def weight(self) -> int:
        """About the bytes of text in the units."""
        return sum(u.size * (GZIP_WEIGHT if u.container and u.container.gzipped else 1) for u in self.units)


def _read(context: StageContext, missing: list[tuple[Part, Reading, Slice]], bans: Bans, scratch: Path) -> None:
    """Makes parts, showing the bytes read."""
    store = context.part_store
    _look(context, [(reading, piece) for _, reading, piece in missing])  # of a part that was damaged
    for of in dict.fromkeys(reading for _, reading, _ in missing):
        its = [piece for _, reading, piece in missing if reading is of]
        of.number_ranges(its, RANGE_BYTES, partial(_count, context))
    jobs = [Job(part, reading.units_of(piece), reading.facts(piece)) for part, reading, piece in missing]
    spark = None if is_little(context, sum(job.weight for job in jobs) / ROW_BYTES) else session_of(context)
    tasks = _tasks(jobs, spark.sparkContext.defaultParallelism if spark else 1)
    progress = scratch / "progress"
    shutil.rmtree(progress, ignore_errors=True)
    progress.mkdir(parents=True)

    def read(index: int) -> int:
        note, before = progress / str(index), 0
        for job in tasks[index]:
            with store.making(job.part) as made:
                make_part(job, made, bans, note, before)
            before += sum(unit.size for unit in job.units)
        return 1

    with _watching(context, progress, sum(unit.size for job in jobs for unit in job.units)), user_errors():
        done = sum_of_tasks(spark, len(tasks), read) if spark else sum(map(read, range(len(tasks))))
    assert done == len(tasks)


def make_part(job: Job, made: Making, bans: Bans, note: Path, before: int) -> None:
    """Reads the units of a part into data/, dropped/ and, beside the file of the conversations, rejected/; each in
    files of about ROWS_PER_FILE rows, by ranges of row ids. What was read so far is noted in a file."""
    spills = made.folder / "spills"
    buckets = max(1, job.weight // BUCKET_BYTES)
    runs = {}
    for name, schema in SCHEMAS.items():
        (spills / name).mkdir(parents=True)
        (made.folder / name).mkdir()
        runs[schema] = Runs(spills / name, 0, buckets)
    held: dict[str, Held] = {}
    for batch in batches_of_task(job.units, note, held, bans, before):
        runs[batch.schema].add(batch)
    for run in runs.values():
        run.flush()
    (found,) = held.values()
    files = {"data": max(1, -(-found.read["conversations"] // ROWS_PER_FILE))}
    files |= {"dropped": max(1, -(-sum(found.dropped.values()) // ROWS_PER_FILE)), "rejected": files["data"]}
    for name, schema in SCHEMAS.items():
        for number in range(files[name]):
            file = made.folder / name / f"{number:05d}.parquet"
            rows = merge_part(spills / name, file, number, files[name], buckets, schema)
            if name == "rejected" and not rows:
                file.unlink()
    shutil.rmtree(spills)
    made.ledger.rows_in, made.ledger.rows_out = found.read.total(), found.read["conversations"]
    made.ledger.dropped = found.dropped
    made.metrics |= {**found.as_json(), "files": job.facts}


def _tasks(jobs: list[Job], cores: int) -> list[list[Job]]:
    """Jobs grouped into tasks of similar weight, heaviest first. The grouping does not change what comes out."""
    most = min(RANGE_BYTES, max(LEAST_TASK_BYTES, sum(job.weight for job in jobs) // (TASKS_A_CORE * cores)))
    tasks: list[list[Job]] = []
    held = 0
    for job in sorted(jobs, key=lambda job: job.weight, reverse=True):
        if not tasks or held + job.weight > most:
            tasks.append([])
            held = 0
        tasks[-1].append(job)
        held += job.weight
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


def _account(context: StageContext, readings: list[Reading], parts: list[tuple[Reading, dict[str, Any]]]) -> None:
    """Fills ledger and metrics, and says what each source gave. Raises UserError when nothing was found.

    parts: each with the source that it is of, in the order of the files.
    """
    dropped: Counter[str] = Counter()
    told: dict[str, tuple[Held, list[dict[str, Any]]]] = {}
    for reading in readings:
        metrics = [found for of, found in parts if of is reading]
        got, facts = Held(), {fact["file"]: fact for found in metrics for fact in found["files"]}
        for found in metrics:
            got.add(Held.of(found))
        name, conversations, records = reading.source.name, got.read["conversations"], got.read.total()
        told[name] = got, list(facts.values())
        check_mapping(
            reading.source, set(got.columns), {f["file"]: f["columns"] for f in told[name][1] if f["columns"]}
        )
        context.ledger.rows_in += records
        context.ledger.rows_out += conversations
        dropped.update(got.dropped)
        context.metrics[name] = {
            "records": records,
            "conversations": conversations,
            "quarantined": records - conversations,
            "shape": ", ".join(dict.fromkeys(f["shape"] for f in told[name][1] if f["shape"])),
            "columns": list(dict.fromkeys(c for f in told[name][1] for c in f["text_columns"])),
        }
        say(_line(context, reading, got))
    context.ledger.dropped = dict(sorted(dropped.items()))
    for reading in readings:
        nothing = _nothing(reading, *told[reading.source.name])
        if not context.ledger.rows_out:
            raise UserError(nothing)
        if not told[reading.source.name][0].read["conversations"]:
            say(f"acquire: warning: {nothing}")


def _line(context: StageContext, reading: Reading, got: Held) -> str:
    """What a source gave; notes in the metrics what only some sources have."""
    name = reading.source.name
    line = f"acquire: {name}: {got.read['conversations']:,} conversations from {got.read.total():,} records"
    if reading.source.limit:
        context.metrics[name]["not_read"] = max(reading.available - reading.source.limit, 0)
        line += f"; limit {reading.source.limit:,}, {context.metrics[name]['not_read']:,} more not read"
    if got.rejected:
        context.metrics[name]["rejected_sides"] = got.rejected
        line += f"; {got.rejected:,} with the rejected side kept beside"
    if got.left_out:
        context.metrics[name]["left_out"] = dict(sorted(got.left_out.items()))
        line += "; left out: " + ", ".join(f"{what} of {n:,}" for what, n in sorted(got.left_out.items()))
    reasons = ", ".join(f"{n:,} {rule}" for rule, n in got.dropped.items())
    return line + (f"; quarantined: {reasons}" if reasons else "")


def _nothing(reading: Reading, held: Held, facts: list[dict[str, Any]]) -> str:
    """Why a source gave no conversation, in one line with a remedy. facts: of its files."""
    fact = next((fact for fact in facts if fact["refused"]), facts[0])
    reason = fact["refused"] or ", ".join(f"{n:,} {rule}" for rule, n in held.dropped.items())
    there = ", ".join(fact["columns"][:40])
    path = next(file.path for file in reading.files if file.name == fact["file"])
    return (
        f"acquire.sources: {reading.source.name}: {path}: no conversation found ({reason})"
        + (f"; its columns are: {there}" if there else "")
        + f"; give conversations in a known shape ({', '.join(SHAPES.values())}), "
        "or set columns: {prompt: [...], reply: ...}"
    )
