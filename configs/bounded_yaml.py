"""YAML of bounded size: what a file or a setting may grow to is known before anything is built from it.

An alias stands for all that its anchor holds. Ten lines of ten aliases each stand for ten billion values (the
"billion laughs"), which cost nothing to read and everything to validate or to write again.
"""

import re
from typing import Any

import yaml

LONGEST = 4 << 20
"""Characters of a document."""
MOST_VALUES = 1 << 18
"""Values of a document, each alias counted as all that it stands for."""
DEEPEST = 64
"""Levels of nesting."""

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class TooLargeError(yaml.YAMLError):
    """A document beyond these bounds."""


def load(text: str) -> object:
    """The document's value. Raises yaml.YAMLError for what is not YAML, TooLargeError for what is too much."""
    if len(text) > LONGEST:
        raise TooLargeError(f"longer than {LONGEST:,} characters")
    _measure(text)
    try:
        return yaml.load(text, LOADER)
    except (ValueError, OverflowError) as error:  # a date that no calendar has, a number that is none
        raise yaml.YAMLError("a value that cannot be read") from error


def _measure(text: str) -> None:
    """Raises TooLargeError for a document of too many values, aliases counted as what they stand for, or too deep.

    It follows the parser's events, which need no recursion, as a document of a hundred thousand brackets would
    overrun the stack of whatever builds values from it.
    """
    open_: list[tuple[str | None, int]] = []  # anchor of each collection that has not ended, and the values before it
    weights: dict[str, int] = {}
    count = 0
    for event in yaml.parse(text, LOADER):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in {anchor for anchor, _ in open_}:
                raise TooLargeError("an alias that stands for itself")
            count += weights.get(event.anchor or "", 1)
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor:
                weights[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, count))
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor:
                weights[anchor] = count - before
        if count > MOST_VALUES:
            raise TooLargeError(f"more than {MOST_VALUES:,} values")
        if len(open_) > DEEPEST:
            raise TooLargeError(f"nested deeper than {DEEPEST} levels")


def said(error: yaml.YAMLError) -> str:
    """What is wrong and where, without a word of the document: it may be a file that is nobody's profile."""
    if isinstance(error, TooLargeError):
        return str(error)
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or "it cannot be read"
    words = re.sub(r"""['"].*['"]""", "…", str(problem).splitlines()[0])
    return f"line {mark.line + 1}, column {mark.column + 1}: {words}" if mark else "it cannot be read"
