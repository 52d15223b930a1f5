"""Objects that wrap the records of a file, as in {"version": 1, "data": [...]}, and rows that only look so."""

import re
from typing import Any

ROWS = ("data", "rows", "examples", "records", "instances", "items")
OF_A_ROW = frozenset(
    (
        *("prompt", "response", "completion", "instruction", "output", "question", "answer", "reply"),
        *("messages", "conversations", "conversation", "dialog", "dialogue", "turns", "chosen", "rejected"),
    )
)
"""Who has one of these beside a list is a row, and the list a part of it."""

_SCALAR = r'(?:"(?:[^"\\]|\\.)*"|[-+.\deE]+|true|false|null)'
WRAPPER = re.compile(
    rf'\s*\{{\s*(?:"(?!(?:{"|".join(sorted(OF_A_ROW))})")[^"\\]*"\s*:\s*{_SCALAR}\s*,\s*)*'
    rf'"(?:{"|".join(ROWS)})"\s*:\s*(?=\[\s*[\[{{])'
)
"""The head of a wrapper that is too large to be looked at whole; ends before the list."""


def rows_of(document: Any) -> list[Any] | None:
    """The records of a wrapper: all elements of the lists of ROWS, the objects of its other lists. None for a row."""
    if not isinstance(document, dict) or OF_A_ROW & document.keys():
        return None
    if not any(isinstance(document.get(name), list) and is_rows(document[name]) for name in ROWS):
        return None
    lists = {name: value for name, value in document.items() if isinstance(value, list)}
    return [row for name, value in lists.items() for row in value if name in ROWS or is_record(row)]


def is_rows(value: list[Any]) -> bool:
    """Whether a list can hold records."""
    return bool(value) and is_record(value[0])


def is_record(value: Any) -> bool:
    return isinstance(value, dict | list)
