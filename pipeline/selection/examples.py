"""A file of examples of a behaviour or domain that is wanted. Imports no engine."""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from configs.errors import UserError
from pipeline.rows.turns import Turn

KEY = "balance.selection.examples"
FORM = "JSON Lines of `text` or `messages`, or CSV with a column `text`"


def examples_of(path: Path) -> list[list[Turn]]:
    """The conversations of a file of examples; a text is a turn of the user's. Raises UserError naming file and
    row."""
    found = list(_examples(path))
    if not found:
        raise UserError(f"{KEY}: {path} holds no examples; give some, as {FORM}")
    return found


def _examples(path: Path) -> Iterator[list[Turn]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows: Iterable[Any] = (
                csv.DictReader(file) if path.suffix == ".csv" else map(json.loads, filter(str.strip, file))
            )
            for number, row in enumerate(rows, 1):
                turns = _turns(row)
                if not any(content.strip() for _, content in turns):
                    raise UserError(f"{KEY}: {path}, row {number}: no text; the file must be {FORM}")
                yield turns
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{KEY}: {path}: cannot be read ({error}); give a file of {FORM}") from error
    except (csv.Error, json.JSONDecodeError) as error:
        raise UserError(f"{KEY}: {path}: is neither CSV (.csv) nor JSON Lines ({error}); save it again") from error


def _turns(row: Any) -> list[Turn]:
    """The turns of a row; none where it is no example."""
    if not isinstance(row, dict):
        return []
    if isinstance(row.get("text"), str):
        return [("user", row["text"])]
    messages = row.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return []
    return [(str(message.get("role")), str(message.get("content") or "")) for message in messages]
