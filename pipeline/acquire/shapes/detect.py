"""Which shape the first records of a file have, and the conversation of one record."""

from collections import Counter
from functools import cache
from importlib import import_module
from typing import Any, Protocol, cast

from configs.acquire import SHAPES, Source
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes import columns
from pipeline.acquire.shapes.cell import metadata_of, name_of
from pipeline.acquire.shapes.conversation import Conversation, check_text
from pipeline.acquire.shapes.layout import Layout

RARE = 0.05


class Shape(Protocol):
    """A file of this folder that SHAPES names."""

    def detect(self, records: list[Any]) -> Layout | None:
        """The layout that the first records of a file show; None when they have another shape."""

    def assume(self, records: list[Any]) -> Layout:
        """The layout when the profile names the shape. columns has none: there the profile gives it."""

    def read(self, record: Any, layout: Layout) -> Conversation:
        """The conversation of one record. Raises Malformed."""


@cache
def shape_of(name: str) -> Shape:
    """The file that reads a shape."""
    return cast(Shape, import_module(f"pipeline.acquire.shapes.{name}"))


def layout_of(source: Source, records: list[Any]) -> Layout | None:
    """The layout that the profile names, or that the first records show; None when they show none."""
    if source.columns is not None and source.shape in ("auto", "columns"):
        return columns.given(source.columns, records)
    if source.shape != "auto":
        return shape_of(source.shape).assume(records)
    usual = without_rare(records)
    found = (shape_of(name).detect(usual) for name in reversed(SHAPES))
    return next((layout for layout in found if layout is not None), None)


def without_rare(records: list[Any]) -> list[Any]:
    """The records without columns that less than RARE of them have: a stray record does not decide for a file."""
    counts = Counter(name for record in records if isinstance(record, dict) for name in record)
    rare = {name for name, count in counts.items() if count < RARE * len(records)}
    return [{k: v for k, v in r.items() if k not in rare} if isinstance(r, dict) else r for r in records]


def conversation_of(record: Any, layout: Layout) -> Conversation:
    """The conversation of one record. Raises Malformed."""
    try:
        found = shape_of(layout.shape).read(record, layout)
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
