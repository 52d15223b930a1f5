"""The options of a multiple-choice question, which belong to the question."""

import re
from string import ascii_uppercase
from typing import Any

from pipeline.acquire.shapes.cell import text_of
from pipeline.acquire.shapes.layout import Layout, Record
from pipeline.acquire.shapes.names import words

LABELLED = re.compile(r"\(?[A-Za-z0-9][.):]")
"""Begins an option that says its letter itself."""


def lettered(columns: list[str]) -> tuple[str, ...]:
    """The columns that hold one option each, as A, B, C and D or option_a, option_b; none when there are not two."""
    found: dict[str, str] = {}
    for column in columns:
        *stem, letter = words(column) or [""]
        if letter in ("a", "b", "c", "d", "e") and (stem in (["option"], ["choice"]) or column == letter.upper()):
            found.setdefault(letter, column)
    named = [found[letter] for letter in sorted(found)]
    return tuple(named) if "a" in found and "b" in found else ()


def options(record: Record, layout: Layout) -> list[tuple[str, str]]:
    """(letter, text) of each option of a record; none where there are none. Raises Malformed (wrong_type)."""
    if len(layout.choices) > 1:
        texts = [text_of(record.get(column), column) for column in layout.choices]
        return [(letter, text) for letter, text in zip(ascii_uppercase, texts, strict=False) if text]
    (column,) = layout.choices
    return _options(record.get(column), column)


def _options(value: Any, column: str) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        labels, texts = (value.get("label"), value.get("text"))
        if isinstance(labels, list) and isinstance(texts, list) and len(labels) == len(texts):  # as ARC has them
            return [(text_of(a, column), text_of(b, column)) for a, b in zip(labels, texts, strict=True)]
        return [(str(label), text) for label, said in value.items() if (text := text_of(said, column))]
    if not isinstance(value, list):
        return [("", text)] if (text := text_of(value, column)) else []
    found = []
    for letter, element in zip(ascii_uppercase, value, strict=False):
        label = element.get("label", element.get("key")) if isinstance(element, dict) else None
        text = text_of(element, column)
        found.append((letter if label is None else str(label), text))
    return found


def listed(choices: list[tuple[str, str]], question: str) -> str:
    """The question with its options under it, unless it names them all itself."""
    if all(text in question for _, text in choices):
        return question
    lines = [text if not letter or LABELLED.match(text) else f"{letter}. {text}" for letter, text in choices]
    return "\n".join([question, *lines])


def chosen(value: Any, choices: list[tuple[str, str]]) -> str | None:
    """The option at a place, counted from 0 as in MMLU; None when the answer is no such number."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(choices):
        return None
    letter, text = choices[value]
    return text if not letter or LABELLED.match(text) else f"{letter}. {text}"
