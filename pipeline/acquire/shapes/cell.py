"""What one cell of a record says, whatever its type."""

import json
from datetime import date, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

from pipeline.acquire.containers.arrow_types import JsonList, JsonObject
from pipeline.acquire.containers.malformed import Malformed

MAX_METADATA_CHARS = 200
MERITS = ("selected", "accepted", "is_accepted", "pm_score", "overall_score", "score", "rating", "votes")
"""What tells the best of several answers in the files of StackExchange and UltraFeedback: a choice, else a number."""
SAID = ("text", "response", "answer", "body", "content")


def text_of(value: Any, column: str) -> str:
    """The text of a cell, stripped; empty when there is none.

    Texts in a list are lines, any other list is JSON; a bool stands for Yes or No, and an object for its
    `text` (as SQuAD's answers have it). In a column of JSON any other value is the text that its writer
    wrote. Raises Malformed (wrong_type) for anything else.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, JsonList | JsonObject) and not (isinstance(value, JsonObject) and "text" in value):
        return value.written
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, int | float):
        return str(value) if isinstance(value, int) or isfinite(value) else ""
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, list):
        if _is_numeric(value):
            return json.dumps(value, ensure_ascii=False, default=str)
        return "\n".join(text for element in value if (text := text_of(element, column)))
    if isinstance(value, dict) and "text" in value:
        return text_of(value["text"], column)
    raise Malformed("wrong_type", f"column {column} holds {type(value).__name__}")


def answers_in(value: Any, column: str) -> list[str]:
    """The answers in a cell that holds one or a list, of objects the best first. Raises Malformed (wrong_type)."""
    if isinstance(value, dict) and "text" in value:
        value = value["text"]
    if isinstance(value, list) and value and all(isinstance(v, dict) and any(k in v for k in SAID) for v in value):
        best_first = sorted(value, key=_merit, reverse=True)
        value = [next(answer[key] for key in SAID if key in answer) for answer in best_first]
    if not isinstance(value, list) or isinstance(value, JsonList) or _is_numeric(value):
        value = [value]
    return list(dict.fromkeys(text for element in value if (text := text_of(element, column))))


def _merit(answer: dict[str, Any]) -> list[float]:
    """Larger for a better answer, by MERITS."""
    given = (answer.get(name) for name in MERITS)
    return [float(value) if isinstance(value, int | float) else 0.0 for value in given]


def _is_numeric(values: list[Any]) -> bool:
    """Whether a list, or one in it, holds numbers or truth values: data, and not texts."""
    return any(_is_numeric(v) if isinstance(v, list) else isinstance(v, int | float | Decimal) for v in values)


def list_of(value: Any) -> list[Any] | None:
    """A list, also one that a table keeps as JSON text; None for anything else."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, list) else None


def name_of(value: Any) -> str | None:
    """An identifier as text, whatever its type; None when the cell holds none.

    An object of one value stands for that value, as in {"$oid": "…"}.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value) or None
    if isinstance(value, dict) and len(value) == 1:
        return name_of(*value.values())
    if isinstance(value, bytes):
        return value.hex() or None
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str) if value else None
    if isinstance(value, float | Decimal):
        if not isfinite(value):
            return None
        return str(int(value)) if value == int(value) else str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"PT{value.total_seconds():g}S"
    return None if value is None else str(value)


def metadata_of(record: dict[str, Any], columns: tuple[str, ...]) -> dict[str, str]:
    """The short values of the columns, as strings; a list is joined by commas."""
    found = {}
    for column in columns:
        value = record.get(column)
        values = value if isinstance(value, list) else [value]
        if all(isinstance(v, str | int) or (isinstance(v, float) and isfinite(v)) for v in values):
            text = ", ".join(str(v) for v in values).strip()
            if 0 < len(text) <= MAX_METADATA_CHARS:
                found[column] = text
    return found
