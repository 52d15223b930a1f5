"""What one cell of a record says, whatever its type."""

import json
from datetime import date, time
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

from pipeline.acquire.containers.malformed import Malformed

MAX_METADATA_CHARS = 200


def text_of(value: Any, column: str) -> str:
    """The text of a cell, stripped; empty when there is none.

    A list stands for its first element that is not empty, a bool for Yes or No, and an object for
    its `text` (as SQuAD's answers have it). Raises Malformed (wrong_type) for anything else.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, int | float):
        return str(value) if isinstance(value, int) or isfinite(value) else ""
    if isinstance(value, Decimal | date | time | UUID):
        return str(value)
    if isinstance(value, list):
        return next((text for element in value if (text := text_of(element, column))), "")
    if isinstance(value, dict) and "text" in value:
        return text_of(value["text"], column)
    raise Malformed("wrong_type", f"column {column} holds {type(value).__name__}")


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
    if isinstance(value, str | int):
        return None if isinstance(value, bool) else str(value) or None
    if isinstance(value, dict) and len(value) == 1:
        return name_of(*value.values())
    if isinstance(value, bytes):
        return value.hex() or None
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str) if value else None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return None if value is None else str(value)


def metadata_of(record: dict[str, Any], columns: tuple[str, ...]) -> dict[str, str]:
    """The short values of the columns, as strings; a list is joined by commas."""
    found = {}
    for column in columns:
        value = record.get(column)
        values = value if isinstance(value, list) else [value]
        if all(isinstance(v, str | int | float) for v in values):
            text = ", ".join(str(v) for v in values).strip()
            if 0 < len(text) <= MAX_METADATA_CHARS:
                found[column] = text
    return found
