"""The names of columns: which there are, and what words they are made of."""

import re
from typing import Any

from pipeline.acquire.containers.malformed import printable


def names(records: list[Any]) -> list[str]:
    """The columns of the records, in the order in which they first appear; none whose name no file can hold."""
    found = dict.fromkeys(name for record in records if isinstance(record, dict) for name in record)
    return [name for name in found if isinstance(name, str) and (name.isascii() or printable(name) == name)]


def words(column: str) -> list[str]:
    """The words of a column's name: answerText and answer_text are both answer, text."""
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", column)]


def plain(column: str) -> str:
    """A column's name without case and punctuation."""
    return "".join(words(column))


def find(columns: list[str], *wanted: str) -> str | None:
    """The first of the wanted columns that there is, whatever its case."""
    known = {c.lower(): c for c in reversed(columns)}
    return next((known[w] for w in wanted if w in known), None)
