"""Conversations and quarantined records as Arrow batches of one schema."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.fingerprint import row_id
from pipeline.formats.conversation import Conversation
from pipeline.formats.detect import conversation_of
from pipeline.formats.gzipped import Stream
from pipeline.formats.malformed import Malformed
from pipeline.formats.units import Unit, records

BATCH_ROWS = 1000
BATCH_CHARS = 4 << 20
MAX_COLUMNS_SEEN = 1000

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
ORIGIN = pa.struct([("file", pa.string()), ("ordinal", pa.int64())])
SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("row_id", pa.string()),
        ("source", pa.string()),
        ("origin", ORIGIN),
        ("conversation_id", pa.string()),
        ("user_id", pa.string()),
        ("messages", MESSAGES),
        ("metadata", pa.map_(pa.string(), pa.string())),
        ("rule", pa.string()),
        ("evidence", pa.string()),
    ]
)
"""kind: conversation, dropped, or unit (one a unit: what it held, as JSON in evidence)."""


def rows_of(task: list[Unit], note: Path) -> Iterator[pa.RecordBatch]:
    """The rows of all units of a task; the bytes read so far are noted in a file."""
    before = 0
    for unit in task:
        yield from batches_of(unit, partial(_write, note, before))
        before += unit.size


def _write(note: Path, before: int, consumed: int) -> None:
    note.write_text(str(before + consumed))


def batches_of(unit: Unit, consumed: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    """Every record of a unit as a row, conversation or dropped, and at last one row of kind unit.

    consumed: told the bytes read so far, after every batch.
    """
    rows: list[dict[str, Any]] = []
    chars = 0
    read, seen = Counter[str](), dict[str, None]()
    opened: list[Stream] = []
    for ordinal, record in records(unit, opened):
        row, size = _row(unit, ordinal, record)
        read[row["rule"] or "conversations"] += 1
        if isinstance(record, dict) and len(seen) < MAX_COLUMNS_SEEN:
            seen.update(dict.fromkeys(record))
        rows.append(row)
        chars += size
        if len(rows) >= BATCH_ROWS or chars >= BATCH_CHARS:
            yield _batch(rows)
            rows, chars = [], 0
            consumed(min(max(opened[0].consumed - unit.start, 0), unit.size) if opened else 0)
    rows.append(_empty("unit", unit, unit.first, evidence=json.dumps({"read": read, "columns": list(seen)})))
    yield _batch(rows)
    consumed(unit.size)


def _row(unit: Unit, ordinal: int, record: Any) -> tuple[dict[str, Any], int]:
    """The row of a record, and about how many characters it holds."""
    try:
        if isinstance(record, Malformed):
            raise record
        assert unit.layout is not None
        found = conversation_of(record, unit.layout)
    except Malformed as problem:
        evidence = json.dumps({"detail": problem.detail}, ensure_ascii=False)
        name = row_id(unit.source, unit.file, ordinal, [])
        return _empty("dropped", unit, ordinal, row_id=name, rule=problem.rule, evidence=evidence), len(evidence)
    return _conversation(unit, ordinal, found), sum(len(content) for _, content in found.messages)


def _conversation(unit: Unit, ordinal: int, found: Conversation) -> dict[str, Any]:
    name = row_id(unit.source, unit.file, ordinal, found.messages)
    if unit.licence:
        found.metadata.setdefault("licence", unit.licence)
    return _empty(
        "conversation",
        unit,
        ordinal,
        row_id=name,
        conversation_id=found.conversation_id or name,
        user_id=found.user_id,
        messages=found.messages,
        metadata=sorted(found.metadata.items()),
    )


def _empty(kind: str, unit: Unit, ordinal: int, **values: Any) -> dict[str, Any]:
    origin = {"file": unit.file, "ordinal": ordinal}
    return {**dict.fromkeys(SCHEMA.names), "kind": kind, "source": unit.source, "origin": origin, **values}


def _batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    columns = {name: [row[name] for row in rows] for name in SCHEMA.names}
    arrays = [
        _messages(columns[field.name]) if field.name == "messages" else pa.array(columns[field.name], field.type)
        for field in SCHEMA
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _messages(rows: list[list[tuple[str, str]] | None]) -> pa.Array:
    """Lists of (role, content), built column by column: pa.array over dictionaries is several times slower."""
    flat = [turn for row in rows for turn in row or ()]
    roles, contents = pa.array([r for r, _ in flat], pa.string()), pa.array([c for _, c in flat], pa.string())
    offsets, end = [], 0
    for row in rows:
        offsets.append(None if row is None else end)
        end += len(row or ())
    turns = pa.StructArray.from_arrays([roles, contents], fields=list(MESSAGES.value_type))
    return pa.ListArray.from_arrays(pa.array([*offsets, end], pa.int32()), turns, type=MESSAGES)
