"""CSV: rows under a header. A row may span lines inside quotes, so ranges need to know how they begin."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline.acquire.containers.container import Container, Head, Outcome, Part, Records
from pipeline.acquire.containers.gzipped import Stream
from pipeline.acquire.containers.lines import Lines
from pipeline.acquire.containers.malformed import Malformed

MAX_FIELD_CHARS = 16 << 20
DELIMITERS = ",\t;|"
MARK = "\0end\0"
LARGE = "\0large\0"
"""Stand for the end of the file, and for a line that is too large, in the text that is parsed."""


@dataclass(frozen=True)
class CsvRows(Container):
    """Rows under a header, which is row −1.

    Bytes that are not UTF-8 become lone surrogates, which the shapes refuse. When the file ends early,
    the row that was cut and all that would have followed are one record, truncated. A quote that is
    never closed costs the rows of the next MAX_FIELD_CHARS.
    """

    splits = True
    is_table = True

    delimiter: str = ","
    header: tuple[str, ...] = ()

    def read(self, stream: Stream, part: Part, wanted: Callable[[int], bool], columns: list[str] | None) -> Records:  # noqa: ARG002
        """What ends inside the quotes that a part begins in belongs to an earlier part."""
        lines = Lines(stream.file, part.start, part.stop)
        ordinal = part.first - (part.start == 0)
        for row in _whole(_rows(lines, self.delimiter, part.inside_quotes), stream):
            if ordinal >= 0 and wanted(ordinal):
                yield ordinal, _record(row, self.header)
            ordinal += 1
        if stream.damage:
            yield max(ordinal, 0), Malformed("truncated", stream.damage)

    def count(self, stream: Stream, part: Part) -> tuple[Outcome, Outcome] | None:
        if part.stop is None:
            return None
        header = part.start == 0
        outside, inside = outcomes(stream, part.start, part.stop, self.delimiter)
        return Outcome(outside.rows - header, outside.open), Outcome(inside.rows - header, inside.open)


def detect(head: Head) -> CsvRows | None:
    """A file named as CSV, or whose first rows have as many fields as its header. Raises Malformed (no_header)."""
    if head.foreign or head.is_json:
        return None
    lines = [line for line in head.text.splitlines(keepends=True) if line.strip()]
    if not lines:
        return None
    counts = Counter(c for c in re.sub(r'"[^"]*"', "", lines[0]) if c in DELIMITERS)
    delimiter = counts.most_common(1)[0][0] if counts else ","
    header = header_of(lines[0], delimiter)
    named = ".csv" in head.path.suffixes or ".tsv" in head.path.suffixes
    if not named and (len(header) < 2 or not _regular(lines, delimiter, len(header))):
        return None
    if any(_is_prose(name) for name in header):
        raise Malformed("no_header", "the first line is a record; put a line of column names before it")
    return CsvRows(head.gzipped, head.encoding, delimiter, header)


def _is_prose(name: str) -> bool:
    """Whether a field of the first line is a text or a number and not the name of a column."""
    return len(name) > 64 or len(name.split()) > 5 or name.rstrip()[-1:] in tuple("?!.") or name.strip().isdigit()


def _regular(lines: list[str], delimiter: str, fields: int) -> bool:
    """Whether most of the first rows have that many fields."""
    rows = []
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            rows.append(len(row) == fields)
            if len(rows) == 100:
                break
    except csv.Error:
        pass
    return len(rows) > 1 and sum(rows) > len(rows) / 2


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
