"""One row's whole story: from file and line to what became of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from configs.errors import UserError
from pipeline.contract.artifact import Artifact
from pipeline.contract.run import Run
from pipeline.contract.spikes import read_spikes
from pipeline.contract.stage import Stage
from pipeline.contract.stages import STAGES, text_before
from pipeline.report.dropped_examples import clipped, texts_of

FILE = "__filename"
"""What Arrow calls the file that a row was read from."""

QUIET = {"row_id", "messages", "metadata", "origin", "source", "conversation_id", "user_id", "vector"}


def explain(run: Run, row: str) -> list[str]:
    """Lines that tell what each stage of the run did with the row, in order.

    row: a row_id, or the start of one that is unique. Raises UserError when the run has no such row.
    """
    row = whole_id(run, row)
    lines: list[str] = [f"row {row}"]
    told: dict[str, Any] = {}
    for name, stage in STAGES.items():
        artifact = run.find(name)
        if artifact is not None:
            said = [
                *stage.lineage()(run, row),
                *_at_stage(run, stage, artifact, row, told),
                *_preferences(artifact, row, told),
            ]
            lines += [f"  {name}: {text}" for text in said]
    return lines


def examples(run: Run, rule: str, count: int) -> list[dict[str, Any]]:
    """Up to `count` rows that the rule dropped in this run, in order of row_id, each with its stage and its messages.

    The messages are as the stage before had them, shortened, with personal data masked; what acquire put in
    quarantine has none. Raises UserError naming the rules that there are.
    """
    found: list[dict[str, Any]] = []
    rules: set[str] = set()
    for name in STAGES:
        artifact = run.find(name)
        if artifact is None:
            continue
        rules |= artifact.ledger.dropped.keys()
        if rule in artifact.ledger.dropped:
            rows = artifact.read("dropped").to_table(filter=pc.field("rule") == rule).sort_by("row_id")
            first = rows.slice(0, count).to_pylist()
            before = text_before(name)
            texts = texts_of(run.find(before) if before else None, [row["row_id"] for row in first])
            found += [{"stage": name, **row, "messages": texts.get(row["row_id"])} for row in first]
    if not found:
        raise UserError(f"rule {rule!r} dropped nothing in run {run.id}; rules that did: {', '.join(sorted(rules))}")
    return found[:count]


def spike(run: Run, step: int, count: int) -> list[str]:
    """Lines that tell of the batch of a training step whose loss was a spike, or not a number: what it was, the row ids
    of all that it held, and the story of the first `count` of them.

    Raises UserError naming the steps that there are.
    """
    found = read_spikes(run.folder)
    if step not in found:
        there = f"steps of which that is told: {', '.join(map(str, sorted(found)))}" if found else "none is told of"
        raise UserError(f"--spike {step}: the loss of this step of run {run.id} was no spike; {there}")
    batch = found[step]
    lines = [f"step {step}: the loss {batch.why}; {batch.action}", f"  rows: {', '.join(batch.rows)}"]
    return [*lines, *(line for row in batch.rows[:count] for line in explain(run, row))]


def whole_id(run: Run, row: str) -> str:
    """The row's whole id. Rows come into being where sources are read, and where a stage adds some."""
    candidates: set[str] = set()
    for name, stage in ((n, s) for n, s in STAGES.items() if s.conversations):
        artifact = run.find(name) if stage.inputs else run.artifact(name)
        if artifact and (artifact.ledger.added or not stage.inputs):
            candidates |= _ids(artifact, "data", row) | _ids(artifact, "dropped", row)
    if not candidates:
        raise UserError(f"row {row}: run {run.id} has no such row; row ids are in the report and in dropped/")
    if len(candidates) > 1 and row not in candidates:
        raise UserError(f"row {row}: {len(candidates)} rows begin so, for example {min(candidates)}; give more digits")
    return row if row in candidates else candidates.pop()


def _ids(artifact: Artifact, name: str, start: str) -> set[str]:
    if not any((artifact.path / name).glob("*.parquet")):
        return set()
    table = artifact.read(name).to_table(columns=["row_id"], filter=pc.starts_with(pc.field("row_id"), start))
    return set(table["row_id"].to_pylist())


def _at_stage(run: Run, stage: Stage, artifact: Artifact, row: str, told: dict[str, Any]) -> Iterator[str]:
    """What one stage did. told: the facts that earlier stages have told, which are not repeated."""
    for folder in ("dropped", "data"):
        if not any((artifact.path / folder).glob("*.parquet")):
            continue
        dataset = artifact.read(folder)
        rows = dataset.to_table([*dataset.schema.names, FILE], filter=pc.field("row_id") == row).to_pylist()
        for found in rows:
            maker = _maker(run, artifact, found.pop(FILE))
            if folder == "dropped":
                yield f"dropped by rule {found['rule']}, evidence {found['evidence']}{maker}"
                continue
            facts = {k: v for k, v in found.items() if k not in QUIET and v not in (None, [], "") and told.get(k) != v}
            told |= facts
            words = stage.shown.passed.format_map(found | {"turns": len(found.get("messages") or ())})
            yield words + (f" {json.dumps(facts, ensure_ascii=False, default=str)}" if facts else "") + maker


def _maker(run: Run, artifact: Artifact, file: str) -> str:
    """Which run made the part that a file is, if another one did."""
    part = artifact.part_files.get(Path(file).relative_to(artifact.path).as_posix())
    if part is None or not part.sealed or part.manifest["made"]["run"] == run.id:
        return ""
    return f"; taken over from run {part.manifest['made']['run']}"


def _preferences(artifact: Artifact, row: str, told: dict[str, Any]) -> Iterator[str]:
    """What a stage did with the preference pairs that the row has, or was read with; both replies when they are new."""
    of_row = (pc.field("row_id") == row) | (pc.field("pair_id") == row)
    for folder in ("dropped_pairs", "pairs"):
        if not any((artifact.path / folder).glob("*.parquet")):
            continue
        for pair in artifact.read(folder).to_table(filter=of_row).sort_by("pair_id").to_pylist():
            read_with = pair["pair_id"]
            name = "its preference pair" if read_with == row else f"preference pair that was read with row {read_with}"
            of = f", now of row {pair['row_id']}," if pair["row_id"] != row else ""
            if folder == "dropped_pairs":
                yield f"{name}{of} dropped by rule {pair['rule']}, evidence {pair['evidence']}"
                continue
            sides = {side: clipped(pair[side]) for side in ("chosen", "rejected")}
            news = "" if told.get(read_with) else f" {json.dumps(sides, ensure_ascii=False)}"
            told[read_with] = True
            yield f"{name}{of} goes on{news}"
