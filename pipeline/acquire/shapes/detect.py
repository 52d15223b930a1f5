"""Which shape the first records of a file have, and the conversation of one record."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from configs.acquire import Source
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes import alpaca, chatterbot, chitchat, columns, messages, preference, sharegpt, transcript
from pipeline.acquire.shapes.cell import metadata_of, name_of
from pipeline.acquire.shapes.conversation import Conversation, check_text
from pipeline.acquire.shapes.layout import Layout

RARE = 0.05

AUTO: tuple[Callable[[list[Any]], Layout | None], ...] = (
    preference.detect,
    sharegpt.detect,
    messages.detect,
    messages.detect_texts,
    alpaca.detect,
    columns.detect,
    transcript.detect,
)
"""Shapes in the order in which they are tried: the ones with the surest marks first."""

ASSUME: dict[str, Callable[[list[Any]], Layout]] = {
    "alpaca": alpaca.assume,
    "sharegpt": sharegpt.assume,
    "messages": messages.assume,
    "preference": preference.assume,
    "text": transcript.assume,
}

READ: dict[str, Callable[[Any, Layout], Conversation]] = {
    "alpaca": alpaca.read,
    "sharegpt": sharegpt.read,
    "messages": messages.read,
    "preference": preference.read,
    "columns": columns.read,
    "text": transcript.read,
    "chitchat": chitchat.read,
    "chatterbot": chatterbot.read,
}


def layout_of(source: Source, records: list[Any]) -> Layout | None:
    """The layout that the profile names, or that the first records show; None when they show none."""
    if source.columns is not None and source.shape in ("auto", "columns"):
        return columns.given(source.columns, records)
    if source.shape != "auto":
        return ASSUME[source.shape](records)
    usual = without_rare(records)
    return next((found for detect in AUTO if (found := detect(usual)) is not None), None)


def without_rare(records: list[Any]) -> list[Any]:
    """The records without columns that less than RARE of them have: a stray record does not decide for a file."""
    counts = Counter(name for record in records if isinstance(record, dict) for name in record)
    rare = {name for name, count in counts.items() if count < RARE * len(records)}
    return [{k: v for k, v in r.items() if k not in rare} if isinstance(r, dict) else r for r in records]


def conversation_of(record: Any, layout: Layout) -> Conversation:
    """The conversation of one record. Raises Malformed."""
    try:
        found = READ[layout.shape](record, layout)
    except RecursionError as error:
        raise Malformed("wrong_type", "nested too deeply") from error
    if isinstance(record, dict):
        if layout.metadata:
            found.metadata = metadata_of(record, layout.metadata) | found.metadata
        if layout.conversation_id:
            found.conversation_id = name_of(record.get(layout.conversation_id))
        if layout.user_id:
            found.user_id = name_of(record.get(layout.user_id))
    check_text(found)
    return found
