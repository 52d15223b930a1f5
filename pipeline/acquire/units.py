"""Units of reading: a file, or a range of one that can be read without the rest."""

from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from pipeline.acquire.containers import csv_rows, json_array, json_lines, parquet_rows
from pipeline.acquire.containers.container import Container
from pipeline.acquire.containers.csv_rows import Outcome
from pipeline.acquire.containers.gzipped import Stream
from pipeline.acquire.containers.json_lines import Records
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.selection import Selected
from pipeline.acquire.shapes import chatterbot, chitchat
from pipeline.acquire.shapes.layout import Layout

RANGE_BYTES = 64 << 20
SAMPLE_RECORDS = 200


@dataclass(frozen=True)
class Unit:
    """What one task reads at once.

    file: name relative to the source. start, stop: bytes of JSON Lines and CSV, row groups of
    Parquet; stop None is the end. first: number of its first record. inside_quotes: of a range of
    CSV. threshold: largest position hash kept, None keeps all. size: bytes, for progress.
    refused: the file is one quarantined record. licence: of the source.
    """

    source: str
    file: str
    path: Path
    container: Container
    layout: Layout | None = None
    licence: str | None = None
    start: int = 0
    stop: int | None = None
    first: int = 0
    inside_quotes: bool = False
    threshold: int | None = None
    size: int = 0
    refused: Malformed | None = None

    def split(self, range_bytes: int = RANGE_BYTES) -> list["Unit"]:
        """Ranges of about range_bytes; the unit itself when it is small or cannot be split.

        Raises Malformed (unreadable_file) for a Parquet file without a readable footer.
        """
        if not self.container.splittable or self.size <= range_bytes:
            return [self]
        if self.container.kind == "parquet":
            return self._row_groups(range_bytes)
        bounds = [*range(0, self.size, range_bytes), self.size]
        return [replace(self, start=a, stop=b, size=b - a) for a, b in pairwise(bounds)]

    def _row_groups(self, range_bytes: int) -> list["Unit"]:
        found: list[Unit] = []
        with parquet_rows.opened(self.path, self.container.gzipped) as file:
            start = first = rows = size = 0
            for group in range(file.num_row_groups):
                metadata = file.metadata.row_group(group)
                rows += metadata.num_rows
                size += sum(metadata.column(c).total_compressed_size for c in range(metadata.num_columns))
                if size >= range_bytes or group == file.num_row_groups - 1:
                    found.append(replace(self, start=start, stop=group + 1, first=first, size=size))
                    start, first, rows, size = group + 1, first + rows, 0, 0
        return found or [self]


def records(unit: Unit, opened: list[Stream] | None = None) -> Records:
    """(ordinal, record or Malformed) of each record of a unit that the limit keeps.

    What stands for a refused file, or for the rest of a truncated one, is given whatever the limit.

    opened: receives the stream, for a caller who watches how far it is.
    """
    if unit.refused is not None:
        yield 0, unit.refused
        return
    following = unit.first
    try:
        with Stream(unit.path, unit.container.gzipped, unit.container.encoding) as stream:
            if opened is not None:
                opened.append(stream)
            for ordinal, record in _read(unit, stream, Selected(unit.file, unit.threshold)):
                yield ordinal, record
                following = ordinal + 1
    except Malformed as problem:
        yield following, problem
    except OSError as error:
        yield following, Malformed("unreadable_file", error.strerror or type(error).__name__)


def _read(unit: Unit, stream: Stream, wanted: Selected) -> Records:
    container, part = unit.container, (unit.start, unit.stop, unit.first)
    if container.kind == "json_lines":
        yield from json_lines.read(stream, *part, wanted)
    elif container.kind == "csv":
        first = unit.first - (unit.start == 0)
        yield from csv_rows.read(
            stream, unit.start, unit.stop, first, wanted, container.delimiter, container.header, unit.inside_quotes
        )
    elif container.kind == "parquet":
        groups = None if unit.stop is None else range(unit.start, unit.stop)
        columns = unit.layout.columns if unit.layout else None
        yield from parquet_rows.read(unit.path, container.gzipped, groups, unit.first, wanted, columns)
    else:
        for ordinal, record in _whole(unit, stream):
            if wanted(ordinal) or _is_rest(record):
                yield ordinal, record


def _is_rest(record: Any) -> bool:
    """Whether a record stands for the unread rest of a file."""
    return isinstance(record, Malformed) and record.rule == "truncated"


def _whole(unit: Unit, stream: Stream) -> Records:
    if unit.container.kind == "json":
        return json_array.read(stream)
    if unit.container.kind == "chitchat":
        return enumerate(chitchat.records(stream.file))
    assert unit.container.kind == "chatterbot", unit.container.kind
    return enumerate(chatterbot.records(stream.file, language=unit.file.partition("/")[0]))


def sample(unit: Unit) -> list[Any]:
    """The first good records of a unit. Raises Malformed, the first one, when there is no good record."""
    found = [record for _, record in islice(records(unit), SAMPLE_RECORDS)]
    good = [record for record in found if not isinstance(record, Malformed)]
    if not good:
        raise found[0] if found else Malformed("empty_file", "no records")
    return good


def count(unit: Unit) -> tuple[Outcome, Outcome]:
    """The records of a unit, if it begins outside and if it begins inside quotes (differs for CSV only)."""
    if unit.refused is not None:
        return Outcome(0, False), Outcome(0, False)
    try:
        if unit.container.kind == "parquet":
            found = _rows_of_parquet(unit)
            return Outcome(found, False), Outcome(found, False)
        with Stream(unit.path, unit.container.gzipped, unit.container.encoding) as stream:
            if unit.container.kind == "csv" and unit.stop is not None:
                return csv_rows.outcomes(stream, unit.start, unit.stop, unit.container.delimiter)
            if unit.container.kind == "json_lines":
                found = json_lines.count(stream, unit.start, unit.stop)
            else:
                found = sum(not _is_rest(record) for _, record in records(unit))
    except (Malformed, OSError):
        found = 1
    return Outcome(found, False), Outcome(found, False)


def _rows_of_parquet(unit: Unit) -> int:
    with parquet_rows.opened(unit.path, unit.container.gzipped) as file:
        groups = range(file.num_row_groups) if unit.stop is None else range(unit.start, unit.stop)
        return sum(file.metadata.row_group(group).num_rows for group in groups)


def numbered(ranges: list[tuple[Unit, tuple[Outcome, Outcome]]]) -> tuple[list[Unit], int]:
    """The ranges of one file, in order, with the number of their first record and how they begin; and its records."""
    found, first, inside = [], 0, False
    for unit, outcomes in ranges:
        found.append(replace(unit, first=first, inside_quotes=inside))
        outcome = outcomes[inside]
        first += outcome.rows - (unit.container.kind == "csv" and unit.start == 0 and unit.stop is not None)
        inside = outcome.open
    return found, first
