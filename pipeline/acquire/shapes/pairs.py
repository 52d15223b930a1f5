"""Lists of exchanges: `conversation: [{input, output}, …]`, as in Capybara's files."""

from typing import Any

from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes.cell import list_of
from pipeline.acquire.shapes.conversation import Conversation, from_turns
from pipeline.acquire.shapes.history import ASKED, earlier_turns, opening, with_thoughts
from pipeline.acquire.shapes.layout import Layout
from pipeline.acquire.shapes.messages import COLUMNS, around
from pipeline.acquire.shapes.names import names

ANSWERED = ("output", "response", "answer", "completion", "reply", "assistant", "bot", "gpt")


def detect(records: list[Any]) -> Layout | None:
    """The column, named as one of turns, whose values are lists of objects of what was asked and what was answered."""
    there = names(records)
    for column in (c for c in there if c.lower() in COLUMNS):
        values = [list_of(r.get(column)) for r in records if isinstance(r, dict)]
        if any(value and _is_pair(value[0]) for value in values):
            return around(there, Layout("pairs", column=column))
    return None


def arrange(there: list[str], found: Layout | None) -> Layout:
    """The column that the first records showed, else conversation."""
    return around(there, found or Layout("pairs", column="conversation"))


def read(record: Any, layout: Layout) -> Conversation:
    """Question and answer in turn. Raises Malformed."""
    if not isinstance(record, dict):
        raise Malformed("wrong_type", f"the record is {type(record).__name__}, not an object")
    assert layout.column is not None
    if layout.column not in record:
        raise Malformed("missing_columns", f"no {layout.column}")
    turns = opening(record, layout) + earlier_turns(record[layout.column] or [], layout.column)
    return from_turns(with_thoughts(record, layout, turns), layout.reasoning)


def _is_pair(value: Any) -> bool:
    keys = [str(key).lower() for key in value] if isinstance(value, dict) else []
    return len(keys) == 2 and any(key in ASKED for key in keys) and any(key in ANSWERED for key in keys)
