"""Earlier turns in a column of their own: pairs of prompt and reply, turns, or a transcript."""

import json
import re
from typing import Any

from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes import transcript
from pipeline.acquire.shapes.cell import list_of, text_of
from pipeline.acquire.shapes.conversation import ROLE_OF, Turn
from pipeline.acquire.shapes.layout import Layout, Record
from pipeline.acquire.shapes.parts import SPEAKER, pieces, tools_text, turns_of

ASKED = ("prompt", "question", "instruction", "query", "input", "user", "human")
"""Keys of what comes first in a pair, whatever the order of its keys."""
LABEL = re.compile(r"\A\s*SYSTEM:\s*")
"""What Glaive's system texts begin with, in a column of that name."""


def opening(record: Record, layout: Layout) -> list[Turn]:
    """What comes before the prompt: the system text, the tools that it offers, and earlier turns. Raises Malformed."""
    found: list[Turn] = []
    if layout.system and (value := record.get(layout.system)) is not None:
        found += [(role, LABEL.sub("", text)) for role, text in pieces(value, "system", layout.system)]
    if layout.tools and (tools := tools_text(record.get(layout.tools))):
        found.append(("system", tools))
    if layout.history and (earlier := record.get(layout.history)) is not None:
        found += earlier_turns(earlier, layout.history)
    return found


def with_thoughts(record: Record, layout: Layout, turns: list[Turn]) -> list[Turn]:
    """The turns, and before the last reply what the model thought, where a column of its own holds that."""
    thoughts = record.get(layout.thoughts) if layout.thoughts else None
    if not thoughts:
        return turns
    said = thoughts if isinstance(thoughts, str) else json.dumps(thoughts, ensure_ascii=False, default=str)
    last = next((at for at in reversed(range(len(turns))) if ROLE_OF.get(turns[at][0].lower()) == "assistant"), None)
    return turns if last is None else [*turns[:last], ("reasoning", said), *turns[last:]]


def _in_order(pair: Record) -> list[Any]:
    """What was asked and what was said to it, in whatever order the record has them."""
    return [value for _, value in sorted(pair.items(), key=lambda item: item[0].lower() not in ASKED)]


def earlier_turns(value: Any, column: str) -> list[Turn]:
    """The turns of a history. Raises Malformed (wrong_type) for one that cannot be read."""
    elements = list_of(value)
    if elements is None:
        if isinstance(value, str):
            if not value.strip():
                return []
            if turns := transcript.turns(value):
                return turns
        raise Malformed("wrong_type", f"{column} holds neither pairs nor turns")
    if all(isinstance(element, str) for element in elements):  # in turn, the last is the assistant's
        first = len(elements) % 2
        return [("user" if (at + first) % 2 == 0 else "assistant", text) for at, text in enumerate(elements)]
    found: list[Turn] = []
    for element in elements:
        if isinstance(element, dict) and any(key in element for key in SPEAKER):
            found += turns_of([element])
            continue
        pair = _in_order(element) if isinstance(element, dict) else element
        if not isinstance(pair, list) or len(pair) != 2:
            raise Malformed("wrong_type", f"{column} holds neither pairs nor turns")
        found += [("user", text_of(pair[0], column)), ("assistant", text_of(pair[1], column))]
    return found
