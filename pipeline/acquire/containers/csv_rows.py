"""CSV: rows under a header. A row may span lines inside quotes, so ranges need to know how they begin."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline.acquire.containers.gzipped import Stream
from pipeline.acquire.containers.json_lines import Records
from pipeline.acquire.containers.lines import Lines
from pipeline.acquire.containers.malformed import Malformed

MAX_FIELD_CHARS = 16 << 20
MARK = "\0end\0"
LARGE = "\0large\0"
"""Stand for the end of the file, and for a line that is too large, in the text that is parsed."""


@dataclass(frozen=True)
class Outcome:
    """What a range holds if it begins in a certain state.

    rows: rows that begin in it. open: whether its end lies inside quotes.
    """

    rows: int
    open: bool


def read(
    stream: Stream,
    start: int,
    stop: int | None,
    first: int,
    wanted: Callable[[int], bool],
    delimiter: str,
    header: tuple[str, ...],
    inside_quotes: bool = False,
) -> Records:
    """The rows that begin on a line in [start, stop), the first of them with number `first`.

    The header is row −1. inside_quotes: the range begins inside a quoted field, so what ends there
    belongs to an earlier range. Bytes that are not UTF-8 become lone surrogates, which the shapes
    refuse. When the file ends early, the row that was cut and all that would have followed are one
    record, truncated. A quote that is never closed costs the rows of the next MAX_FIELD_CHARS.
    """
    lines = Lines(stream.file, start, stop)
    ordinal = first
    for row in _whole(_rows(lines, delimiter, inside_quotes), stream):
        if ordinal >= 0 and wanted(ordinal):
            yield ordinal, _record(row, header)
        ordinal += 1
    if stream.damage:
        yield max(ordinal, 0), Malformed("truncated", stream.damage)


def _whole(rows: Iterator[list[str] | Malformed], stream: Stream) -> Iterator[list[str] | Malformed]:
    """The rows that hold something; of a file that ends early all but the last, which was cut."""
    held: list[str] | Malformed | None = None
    for row in rows:
        if held:
            yield held
        held = row or None
    if held and not stream.damage:
        yield held


def outcomes(stream: Stream, start: int, stop: int, delimiter: str) -> tuple[Outcome, Outcome]:
    """The outcome of a range that begins outside quotes, and of the same range when it begins inside."""
    found = []
    for inside in (False, True):
        stream.file.seek(0)
        rows = [0, 0]  # complete, and the last one
        lines = Lines(stream.file, start, stop)
        ended = False
        for row in _parse(_text(lines, bounded=True, opening=inside), delimiter):
            ended = row == [MARK]
            rows[0] += bool(row) and not ended
        found.append(Outcome(rows[0] - inside, not ended))
    return found[0], found[1]


def header_of(line: str, delimiter: str) -> tuple[str, ...]:
    """The names in a header line."""
    return tuple(next(csv.reader([line], delimiter=delimiter), []))


def _record(row: list[str] | Malformed, header: tuple[str, ...]) -> dict[str, str] | Malformed:
    if isinstance(row, Malformed):
        return row
    if MARK in row[-1]:
        return Malformed("bad_csv", "a quote that is never closed; it has taken in all that follows")
    if any(LARGE in field for field in row):
        return Malformed("too_large", "a line above the size limit")
    if len(row) != len(header):
        return Malformed("ragged_row", f"{len(row)} fields instead of {len(header)}")
    return dict(zip(header, row, strict=True))


def _rows(lines: Lines, delimiter: str, inside_quotes: bool) -> Iterator[list[str] | Malformed]:
    """Rows that begin in the range; the last is read to its end, beyond the range if need be."""
    rows = _parse(_text(lines, bounded=False, opening=inside_quotes), delimiter)
    if inside_quotes:
        next(rows, None)
    while lines.in_range and (row := next(rows, None)) is not None and row != [MARK]:
        yield row


def _text(lines: Lines, bounded: bool, opening: bool) -> Iterator[str]:
    """Lines as text, and a mark after the last.

    opening: the first is put inside quotes. bounded: the last is that of the range, not of the file.
    """
    prefix = '"' if opening else ""
    while (not bounded or lines.in_range) and (line := lines.next_line()) != b"":
        yield prefix + (f"{LARGE}\n" if line is None else line.decode("utf-8", "surrogateescape"))
        prefix = ""
    yield f"{prefix}{MARK}\n"


def _parse(text: Iterator[str], delimiter: str) -> Iterator[list[str] | Malformed]:
    csv.field_size_limit(MAX_FIELD_CHARS)
    rows = csv.reader(text, delimiter=delimiter)
    while True:
        try:
            yield next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Malformed("bad_csv", str(error))
