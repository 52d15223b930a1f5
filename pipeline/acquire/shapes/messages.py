"""Lists of turns: `messages: [{role, content}]`, and lists of plain texts of two people in turn."""

from typing import Any

from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes.cell import list_of
from pipeline.acquire.shapes.conversation import Conversation, Turn, alternating, from_turns
from pipeline.acquire.shapes.layout import Layout, about, find, names

COLUMNS = ("messages", "conversations", "conversation", "dialogue", "dialog", "turns", "utterances", "chat")
SPEAKER = ("role", "from", "speaker", "author", "sender", "speaker_id")
TEXT = ("content", "value", "text", "message", "utterance", "body")


def detect(records: list[Any]) -> Layout | None:
    """The column whose values are lists of turns, else the one whose values are lists of plain texts."""
    return find_turns(records, SPEAKER, "messages") or _find_texts(records)


def assume(records: list[Any]) -> Layout:
    """The layout when the profile names the shape but the first records do not show it."""
    return detect(records) or Layout("messages", column="messages")


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
        return alternating(turns)
    system = record.get(layout.system) if layout.system else None
    head: list[Turn] = [("system", system)] if isinstance(system, str) else []
    return from_turns(head + turns_of(turns))


def find_turns(records: list[Any], speaker: tuple[str, ...], shape: str) -> Layout | None:
    """The column whose values are lists of turns, each with one of the keys `speaker`; the record itself when it is."""
    if any(_has_turns(record, speaker) for record in records if isinstance(record, list)):
        return Layout(shape)
    columns = names(records)
    columns.sort(key=lambda c: COLUMNS.index(c.lower()) if c.lower() in COLUMNS else len(COLUMNS))
    for column in columns:
        values = [list_of(r.get(column)) for r in records if isinstance(r, dict)]
        if any(_has_turns(value, speaker) for value in values if value):
            return _layout(records, column, shape)
    return None


def _find_texts(records: list[Any]) -> Layout | None:
    """The column, named as one of COLUMNS, whose values are lists of plain texts."""
    for column in names(records):
        values = [list_of(r.get(column)) for r in records if isinstance(r, dict)]
        if column.lower() in COLUMNS and any(value and all(isinstance(t, str) for t in value) for value in values):
            return _layout(records, column, "messages")
    return None


def turns_of(turns: list[Any]) -> list[Turn]:
    """(speaker, text) of each element. Raises Malformed (wrong_type)."""
    found = []
    for number, turn in enumerate(turns):
        if not isinstance(turn, dict):
            raise Malformed("wrong_type", f"turn {number} is {type(turn).__name__}, not an object")
        speaker = next((turn[k] for k in SPEAKER if turn.get(k) is not None), None)
        if isinstance(speaker, bool) or not isinstance(speaker, str | int):
            raise Malformed("wrong_type", f"turn {number} does not name its speaker")
        found.append((str(speaker), _content(turn, number)))
    return found


def is_turn(value: Any, speaker: tuple[str, ...] = SPEAKER) -> bool:
    """Whether a value is an object with a speaker and a text."""
    return isinstance(value, dict) and any(k in value for k in speaker) and any(k in value for k in TEXT)


def _has_turns(value: Any, speaker: tuple[str, ...]) -> bool:
    return bool(value) and is_turn(value[0], speaker)


def _layout(records: list[Any], column: str, shape: str) -> Layout:
    system = find(records, "system", "system_prompt")
    return Layout(shape, column=column, system=system, **about(records, (column, system)))


def _content(turn: dict[str, Any], number: int) -> str:
    """A turn's text; the text parts of a list of parts; empty when a turn only calls a tool."""
    content = next((turn[k] for k in TEXT if turn.get(k) is not None), None)
    if content is None:
        return ""
    if isinstance(content, list):
        parts = [p if isinstance(p, str) else p.get("text") for p in content if isinstance(p, dict | str)]
        return "\n".join(p for p in parts if isinstance(p, str))
    if not isinstance(content, str):
        raise Malformed("wrong_type", f"the text of turn {number} is {type(content).__name__}")
    return content
