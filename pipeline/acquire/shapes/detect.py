"""Which shape the first records of a file have, and the conversation of one record.

A shape is a file of this folder and a row of SHAPES in configs/acquire.py.
"""

from collections import Counter
from dataclasses import replace
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, Protocol, cast

from configs.acquire import SHAPES, Source
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes import columns
from pipeline.acquire.shapes.cell import metadata_of, name_of
from pipeline.acquire.shapes.conversation import Conversation, before, check_text
from pipeline.acquire.shapes.layout import Layout, Record
from pipeline.acquire.shapes.names import names, plain
from pipeline.acquire.shapes.parts import names_image
from pipeline.acquire.shapes.verdict import fault_of, fault_within, is_fractional, scale_of, verdict_name

RARE = 0.05
MOST_ARRANGED = 1000
"""Sets of columns that a Reader remembers."""


class Shape(Protocol):
    """A file of this folder that SHAPES names."""

    def detect(self, records: list[Any]) -> Layout | None:
        """The layout that the first records of a file show; None when they have another shape."""

    def arrange(self, there: list[str], found: Layout | None) -> Layout:
        """The layout of records that have these columns, by their names alone.

        found: what detect saw in the first records of the file; None when the profile names the shape.
        """

    def read(self, record: Any, layout: Layout) -> Conversation:
        """The conversation of one record. Raises Malformed."""


@cache
def shape_of(name: str) -> Shape:
    """The file that reads a shape."""
    return cast(Shape, import_module(f"pipeline.acquire.shapes.{name}"))


def layout_of(source: Source, records: list[Any]) -> Layout | None:
    """The layout that the profile names, or that the first records show; None when they show none."""
    if source.columns is not None and source.shape in ("auto", "columns"):
        found: Layout | None = columns.given(source.columns, records)
    elif source.shape != "auto":
        shape = shape_of(source.shape)
        found = replace(shape.detect(records) or shape.arrange(names(records), None), given=True)
    else:
        found = detected(without_rare(records))
    if found is None:
        return None
    rows = [record for record in records if isinstance(record, dict)]
    scales = ((c, scale_of(c, [row.get(c) for row in rows])) for c in found.verdicts)
    known = tuple((column, scale) for column, scale in scales if scale is not None)
    return replace(found, scales=known, reasoning=source.reasoning == "keep")


def detected(records: list[Any]) -> Layout | None:
    """The layout that records show."""
    found = (shape_of(name).detect(records) for name in reversed(SHAPES))
    return next((layout for layout in found if layout is not None), None)


def without_rare(records: list[Any]) -> list[Any]:
    """The records without columns that less than RARE of them fill: a stray record does not decide for a file.

    A null is no value; a column that nobody fills says what the file's shape is all the same.
    """
    full = [without_nulls(record) if isinstance(record, dict) else record for record in records]
    filled = Counter(name for r in full if isinstance(r, dict) for name, value in r.items() if value != "")
    rare = {name for name, count in filled.items() if count < RARE * len(records)}
    return [{k: v for k, v in r.items() if k not in rare} if isinstance(r, dict) else r for r in full]


def without_nulls(record: Record) -> Record:
    return {name: value for name, value in record.items() if value is not None}


class Reader:
    """The conversation of each record of a file: Reader(layout)(record).

    The layout says what the file's first records showed. What else a record has (a system text, an input,
    a verdict) is found among its own columns; a record that lacks what the layout needs is looked at by
    itself, so that a file may hold two shapes. Nothing depends on the records before.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._columns = frozenset(layout.columns)
        self._read = shape_of(layout.shape).read
        self._arranged: dict[tuple[Any, ...], Layout] = {}

    def __call__(self, record: Any) -> Conversation:
        """Raises Malformed."""
        try:
            if not isinstance(record, dict):
                found = self._read(record, self._layout)
                check_text(found)
                return found
            there = tuple(without_nulls(record) if None in record.values() else record)
            layout = self._arranged.get(there) or self._arrange(there)
            try:
                found = self._read(record, layout)
            except Malformed:
                other = self._other(record, layout)
                if other is None:
                    raise
                layout = other
                found = shape_of(layout.shape).read(record, layout)
        except RecursionError as error:
            raise Malformed("wrong_type", "nested too deeply") from error
        if layout.verdicts and not layout.sides and (fault := fault_of(record, layout.verdicts, layout.scales)):
            raise Malformed("rejected", fault)
        if layout.notes and not layout.sides and (fault := fault_within(record, layout.notes)):
            raise Malformed("rejected", fault)
        for at, (_, text) in enumerate(found.messages):
            if ("<" in text or ";base64," in text) and names_image(text):
                found = before(found, at, f"turn {at} rests on an image that is only named")
                break
        missing = next((c for c in layout.media if record.get(c)), None)
        if missing and "missing_part" not in found.metadata:
            raise Malformed("missing_part", f"the conversation rests on {missing}")
        if layout.grounds:
            found.left_out += tuple(plain(c) for c in layout.grounds if record.get(c))
        if any(is_fractional(record.get(c)) for c in layout.verdicts if verdict_name(c) == "weight"):
            found.left_out += ("fractional weight",)
        if layout.metadata:
            found.metadata = metadata_of(record, layout.metadata) | found.metadata
        if layout.conversation_id:
            found.conversation_id = name_of(record.get(layout.conversation_id))
        if layout.user_id:
            found.user_id = name_of(record.get(layout.user_id))
        check_text(found)
        return found

    def _arrange(self, there: tuple[Any, ...]) -> Layout:
        """The layout for records that have these columns."""
        file = self._layout
        fixed = file.given or file.shape not in SHAPES
        arranged = file if fixed else self._arranged_as(file, names([dict.fromkeys(there)]))
        if len(self._arranged) < MOST_ARRANGED:
            self._arranged[there] = arranged
        return arranged

    def _arranged_as(self, found: Layout, there: list[str]) -> Layout:
        layout = shape_of(found.shape).arrange(there, found)
        return replace(layout, scales=self._layout.scales, reasoning=self._layout.reasoning)

    def _other(self, record: Record, layout: Layout) -> Layout | None:
        """The layout of a record that lacks what the file's layout needs; None when it shows no other."""
        if layout.given or layout.shape not in SHAPES:
            return None
        file = self._layout
        if file.reply and all(record.get(c) for c in file.prompt):  # a row of this shape that only lacks its reply
            others = (value for c, value in record.items() if c not in self._columns)
            if not any(value and isinstance(value, str | list | dict) for value in others):
                return None
        needed = [(layout.column,), layout.sides, layout.prompt, (layout.reply,)]
        if all(any(c and record.get(c) for c in columns) for columns in needed if any(columns)):
            return None
        full = {name: value for name, value in record.items() if value is not None and value != ""}
        found = detected([full])
        return None if found is None else self._arranged_as(found, names([full]))


@lru_cache(maxsize=64)
def _reader(layout: Layout) -> Reader:
    return Reader(layout)


def conversation_of(record: Any, layout: Layout) -> Conversation:
    """The conversation of one record. Raises Malformed."""
    return _reader(layout)(record)
