"""Lists of turns: `messages: [{role, content}]`, and lists of plain texts of two people in turn."""

import json
from dataclasses import replace
from typing import Any

from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes.cell import list_of
from pipeline.acquire.shapes.conversation import Conversation, alternating, from_turns
from pipeline.acquire.shapes.history import ASKED, opening, with_thoughts
from pipeline.acquire.shapes.layout import HISTORY, Layout, about, find_system
from pipeline.acquire.shapes.names import find, names, plain
from pipeline.acquire.shapes.parts import SPEAKER, TEXT, turns_of

COLUMNS = (
    *("messages", "conversations", "conversation", "dialogue", "dialog", "turns", "utterances", "chat"),
    *("chat_messages", "contents"),
)

ANSWERS = ("answers", "completions", "responses")
"""Beside a question these are several answers to it, each with its author."""


def detect(records: list[Any]) -> Layout | None:
    """The column whose values are lists of turns, else the one whose values are lists of plain texts."""
    return find_turns(records, SPEAKER, "messages") or _find_texts(records)


def arrange(there: list[str], found: Layout | None) -> Layout:
    """The column that the first records showed, else messages."""
    return around(there, found or Layout("messages", column="messages"))


def around(there: list[str], found: Layout) -> Layout:
    """A layout with all that lies beside its column."""
    system = find_system(there)
    return replace(found, system=system, **about(there, (found.column, system)) | {"history": None})


def read(record: Any, layout: Layout) -> Conversation:
    """The conversation of one record. Raises Malformed."""
    if layout.column is None:
        value = record
    else:
        if not isinstance(record, dict):
            raise Malformed("wrong_type", f"the record is {type(record).__name__}, not an object")
        if layout.column not in record:
            raise Malformed("missing_columns", f"no {layout.column}")
        value = record[layout.column]
    turns = list_of(value)
    if turns is None:
        raise Malformed("wrong_type", f"{layout.column or 'the record'} is {type(value).__name__}, not a list")
    if turns and all(isinstance(turn, str) for turn in turns):
        written = _written(turns)
        if written is None:
            return alternating(turns)
        turns = written
    said = turns_of(turns)
    if layout.system or layout.tools:
        own = next((at for at, (speaker, _) in enumerate(said) if speaker.lower() != "system"), len(said))
        said[own:own] = opening(record, layout)
    return from_turns(with_thoughts(record, layout, said) if layout.thoughts else said, layout.reasoning)


def find_turns(records: list[Any], speaker: tuple[str, ...], shape: str) -> Layout | None:
    """The column whose values are lists of turns, each with one of the keys `speaker`; the record itself when it is."""
    if any(_has_turns(record, speaker) for record in records if isinstance(record, list)):
        return Layout(shape)
    columns = _candidates(names(records))
    columns.sort(key=lambda c: COLUMNS.index(c.lower()) if c.lower() in COLUMNS else len(COLUMNS))
    for column in columns:
        values = [list_of(r.get(column)) for r in records if isinstance(r, dict)]
        if any(_has_turns(value, speaker) for value in values if value):
            return around(names(records), Layout(shape, column=column))
    return None


def _candidates(there: list[str]) -> list[str]:
    """The columns that may hold a conversation: not what is said to come before a prompt and its reply."""
    answered = find(there, "output", "response", "answer", "completion", "reply", "chosen")
    asked = find(there, "question", "prompt", "instruction", "query")
    return [c for c in there if not ((answered and plain(c) in HISTORY) or (asked and plain(c) in ANSWERS))]


def is_turn(value: Any, speaker: tuple[str, ...] = SPEAKER) -> bool:
    """Whether a value is an object with a speaker and a text."""
    return isinstance(value, dict) and any(k in value for k in speaker) and any(k in value for k in TEXT)


def _has_turns(value: list[Any], speaker: tuple[str, ...]) -> bool:
    if value and all(isinstance(turn, str) for turn in value):
        value = _written(value) or []
    return bool(value) and is_turn(value[0], speaker)


def _written(turns: list[str]) -> list[Any] | None:
    """The objects of a list in which every one is written out as JSON; None when they are plain texts."""
    if not all(turn.lstrip().startswith("{") for turn in turns):
        return None
    try:
        found = [json.loads(turn) for turn in turns]
    except (ValueError, RecursionError):
        return None
    return found if all(is_turn(turn) for turn in found) else None


def _find_texts(records: list[Any]) -> Layout | None:
    """The column, named as one of COLUMNS, or as UltraChat's, whose values are lists of plain texts."""
    there = names(records)
    known = COLUMNS if find(there, *ASKED, "text", "output", "response", "answer") else (*COLUMNS, "data")
    for column in _candidates(there):
        values = [list_of(r.get(column)) for r in records if isinstance(r, dict)]
        if column.lower() in known and any(value and all(isinstance(t, str) for t in value) for value in values):
            return around(names(records), Layout("messages", column=column))
    return None
