"""Conversations and quarantined records as Arrow batches."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.acquire.containers.gzipped import Stream
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes.conversation import Conversation
from pipeline.acquire.shapes.detect import Reader
from pipeline.acquire.units import Unit, records
from pipeline.rows.bans import Bans
from pipeline.rows.row_id import row_id
from pipeline.rows.schema import CONVERSATIONS, DROPPED, MESSAGES, METADATA, ORIGIN, REJECTED

BATCH_ROWS = 2000
BATCH_CHARS = 4 << 20
MAX_COLUMNS_SEEN = 1000
NONE_BANNED = Bans()
ERASED = "its user asked to be erased"


@dataclass
class Held:
    """What a source held: records by outcome (conversations, or a rule), conversations that are not whole by what
    was left out of them, the columns seen, and the conversations with a rejected side beside them."""

    read: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    columns: dict[str, None] = field(default_factory=dict)
    rejected: int = 0

    @classmethod
    def of(cls, noted: dict[str, Any]) -> "Held":
        """What as_json gave."""
        columns = dict.fromkeys(noted["columns"])
        return cls(Counter(noted["read"]), Counter(noted["left_out"]), columns, noted["rejected"])

    def as_json(self) -> dict[str, Any]:
        read, left_out = (dict(sorted(found.items())) for found in (self.read, self.left_out))
        return {"read": read, "left_out": left_out, "columns": list(self.columns), "rejected": self.rejected}

    def add(self, other: "Held") -> None:
        self.read.update(other.read)
        self.left_out.update(other.left_out)
        self.columns.update(other.columns)
        self.rejected += other.rejected

    @property
    def dropped(self) -> dict[str, int]:
        return {rule: n for rule, n in sorted(self.read.items()) if rule != "conversations"}


def batches_of_task(
    task: list[Unit], note: Path, held: dict[str, Held], bans: Bans, before: int = 0
) -> Iterator[pa.RecordBatch]:
    """The batches of all units of a task; the bytes read so far, `before` them too, are noted in a file.

    held: source to what its units held, filled on the way.
    """
    for unit in task:
        yield from batches_of(unit, held.setdefault(unit.source, Held()), partial(_write, note, before), bans)
        before += unit.size


def _write(note: Path, before: int, consumed: int) -> None:
    note.write_text(str(before + consumed))


def batches_of(
    unit: Unit, held: Held, consumed: Callable[[int], None], bans: Bans = NONE_BANNED
) -> Iterator[pa.RecordBatch]:
    """Every record of a unit as a row, of the schema CONVERSATIONS or DROPPED; and worse sides, of REJECTED.

    consumed: told the bytes read so far, after every batch. bans: whose conversations are refused.
    """
    rows, dropped, rejected = gathered = _Conversations(unit), _Dropped(unit), _Rejected(unit)
    conversation_of = Reader(unit.layout) if unit.layout else None
    columns = held.columns
    size = 0
    opened: list[Stream] = []
    for ordinal, record in records(unit, opened):
        if isinstance(record, dict) and not record.keys() <= columns.keys() and len(columns) < MAX_COLUMNS_SEEN:
            columns.update(dict.fromkeys(name for name in record if isinstance(name, str)))
        try:
            if isinstance(record, Malformed):
                raise record
            assert conversation_of is not None
            found = conversation_of(record)
            if bans.hold(found.user_id, found.messages):
                raise Malformed("erased", ERASED)
            if found.left_out:
                held.left_out.update(found.left_out)
            size += rows.add(ordinal, found)
            if found.rejected:
                size += rejected.add(ordinal, rows.last_id, found)
        except Malformed as problem:
            held.read[problem.rule] += 1
            size += dropped.add(ordinal, problem)
        if len(rows.ordinals) + len(dropped.ordinals) >= BATCH_ROWS or size >= BATCH_CHARS:
            held.read["conversations"] += len(rows.ordinals)
            held.rejected += len(rejected.ordinals)
            yield from (taken.take() for taken in gathered if taken.ordinals)
            size = 0
            consumed(min(max(opened[0].consumed - unit.part.start, 0), unit.size) if opened else 0)
    held.read["conversations"] += len(rows.ordinals)
    held.rejected += len(rejected.ordinals)
    yield from (taken.take() for taken in gathered if taken.ordinals)
    consumed(unit.size)


class _Rows:
    """Rows of one unit that are not in a batch yet, column by column."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._clear()

    def _clear(self) -> None:
        self.ordinals: list[int] = []
        self._row_ids: list[str] = []


class _Turns(_Rows):
    """Rows with messages, column by column: pa.array over dictionaries is several times slower."""

    def _clear(self) -> None:
        super()._clear()
        self._roles: list[str] = []
        self._contents: list[str] = []
        self._ends = [0]

    def _add_messages(self, messages: list[tuple[str, str]]) -> int:
        """Takes the messages of one row; returns how many characters they hold."""
        size = 0
        for role, content in messages:
            self._roles.append(role)
            self._contents.append(content)
            size += len(content)
        self._ends.append(len(self._roles))
        return size

    def _messages(self) -> pa.ListArray:
        turns = pa.StructArray.from_arrays(
            [pa.array(self._roles, pa.string()), pa.array(self._contents, pa.string())],
            fields=list(MESSAGES.value_type),
        )
        return pa.ListArray.from_arrays(pa.array(self._ends, pa.int32()), turns, type=MESSAGES)


class _Conversations(_Turns):
    """Conversations of one unit."""

    def _clear(self) -> None:
        super()._clear()
        self._conversation_ids: list[str] = []
        self._user_ids: list[str | None] = []
        self._metadata: list[list[tuple[str, str]]] = []

    @property
    def last_id(self) -> str:
        return self._row_ids[-1]

    def add(self, ordinal: int, found: Conversation) -> int:
        """Takes a conversation; returns about how many characters it holds."""
        unit, messages, metadata = self._unit, found.messages, found.metadata
        name = row_id(unit.source, unit.file, ordinal, messages)
        if unit.licence:
            metadata.setdefault("licence", unit.licence)
        self.ordinals.append(ordinal)
        self._row_ids.append(name)
        self._conversation_ids.append(found.conversation_id or name)
        self._user_ids.append(found.user_id)
        self._metadata.append(sorted(metadata.items()) if metadata else [])
        return self._add_messages(messages)

    def take(self) -> pa.RecordBatch:
        """What was added since the last take."""
        columns = [
            pa.array(self._row_ids, pa.string()),
            *_origin(self._unit, self.ordinals),
            pa.array(self._conversation_ids, pa.string()),
            pa.array(self._user_ids, pa.string()),
            self._messages(),
            pa.array(self._metadata, METADATA),
        ]
        self._clear()
        return pa.RecordBatch.from_arrays(columns, schema=CONVERSATIONS)


class _Rejected(_Turns):
    """Worse sides of preferences of one unit."""

    def _clear(self) -> None:
        super()._clear()
        self._shared: list[int] = []

    def add(self, ordinal: int, name: str, found: Conversation) -> int:
        """Takes what the worse side says instead of a conversation, by its row id; returns its characters."""
        self.ordinals.append(ordinal)
        self._row_ids.append(name)
        self._shared.append(found.shared)
        return self._add_messages(found.rejected)

    def take(self) -> pa.RecordBatch:
        """What was added since the last take."""
        columns = [
            pa.array(self._row_ids, pa.string()),
            *_origin(self._unit, self.ordinals),
            pa.array(self._shared, pa.int32()),
            self._messages(),
        ]
        self._clear()
        return pa.RecordBatch.from_arrays(columns, schema=REJECTED)


class _Dropped(_Rows):
    """Quarantined records of one unit."""

    def _clear(self) -> None:
        super()._clear()
        self._rules: list[str] = []
        self._evidence: list[str] = []

    def add(self, ordinal: int, problem: Malformed) -> int:
        """Takes a refused record; returns the characters of its evidence."""
        evidence = json.dumps({"detail": problem.detail}, ensure_ascii=False)
        self.ordinals.append(ordinal)
        self._row_ids.append(row_id(self._unit.source, self._unit.file, ordinal, []))
        self._rules.append(problem.rule)
        self._evidence.append(evidence)
        return len(evidence)

    def take(self) -> pa.RecordBatch:
        """What was added since the last take."""
        columns = [
            pa.array(self._row_ids, pa.string()),
            *_origin(self._unit, self.ordinals),
            pa.array(self._rules, pa.string()),
            pa.array(self._evidence, pa.string()),
        ]
        self._clear()
        return pa.RecordBatch.from_arrays(columns, schema=DROPPED)


def _origin(unit: Unit, ordinals: list[int]) -> list[pa.Array]:
    """The columns source and origin."""
    rows = len(ordinals)
    files: Any = pa.repeat(pa.scalar(unit.file, pa.string()), rows)
    origin = pa.StructArray.from_arrays([files, pa.array(ordinals, pa.int64())], fields=list(ORIGIN))
    return [pa.repeat(pa.scalar(unit.source, pa.string()), rows), origin]
