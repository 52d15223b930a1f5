"""What kind of file it is, decided by its first bytes and not by its name."""

import codecs
import csv
import json
import re
import stat
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.acquire.containers.csv_rows import header_of
from pipeline.acquire.containers.gzipped import Stream, is_gzipped
from pipeline.acquire.containers.json_array import ROWS_INSIDE
from pipeline.acquire.containers.lines import BOM
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.containers.parquet_rows import MAGIC as PARQUET

HEAD_BYTES = 1 << 20
ENCODINGS = {"": "", "utf-8": "carriage returns"}
LABELS = {"json_lines": "JSON Lines", "json": "JSON", "csv": "CSV", "parquet": "Parquet"}
OTHERS = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"%PDF": "PDF",
    b"ARROW1": "Arrow",
    b"SQLite format 3": "SQLite",
    b"\x1f\x8b": "gzip inside gzip",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
    b"\x7fELF": "a program",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
}
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
DELIMITERS = ",\t;|"


@dataclass(frozen=True)
class Container:
    """kind: a key of LABELS, or the name of a package's format. delimiter and header: of CSV.

    encoding: as Stream takes it; empty for UTF-8 with line feeds.
    """

    kind: str
    gzipped: bool = False
    delimiter: str = ","
    header: tuple[str, ...] = ()
    encoding: str = ""

    @property
    def splittable(self) -> bool:
        """Whether a part of the file can be read without what comes before it."""
        return not self.gzipped and not self.encoding and self.kind in ("json_lines", "csv", "parquet")

    def __str__(self) -> str:
        notes = [", gzip" if self.gzipped else "", f", {ENCODINGS.get(self.encoding, self.encoding)}"]
        return LABELS.get(self.kind, self.kind) + "".join(notes).rstrip(", ")


def container_of(path: Path, encoding: str = "") -> Container:
    """The container of a file. Raises Malformed (unreadable_file, empty_file, unknown_format, no_header).

    encoding: what the profile says; when it says nothing, UTF-16 and UTF-32 are known by their byte
    order mark or their zeros, and everything else is UTF-8.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Malformed("unreadable_file", "neither a file nor a link to one")
        gzipped = is_gzipped(path)
        head, damage = _head(path, gzipped, "")
        encoding = encoding or _encoding(head)
        if encoding:
            head, damage = _head(path, gzipped, encoding)
        whole = len(head) < HEAD_BYTES
    except OSError as error:
        raise Malformed("unreadable_file", error.strerror or type(error).__name__) from error
    head = head.removeprefix(BOM)
    if not head.strip():
        raise Malformed("unreadable_file" if damage else "empty_file", damage or "nothing but white space")
    if head.startswith(PARQUET):
        return Container("parquet", gzipped)
    for magic, name in OTHERS.items():
        if head.startswith(magic):
            raise Malformed("unknown_format", f"{name}; give JSON, JSON Lines, CSV or Parquet, also gzipped")
    text = head.decode("utf-8", "replace")
    if text.lstrip()[:1] in ("{", "["):
        return Container("json_lines" if _is_lines(text, whole) else "json", gzipped, encoding=encoding)
    return replace(_table(text, gzipped, path), encoding=encoding)


def _head(path: Path, gzipped: bool, encoding: str) -> tuple[bytes, str | None]:
    """The first bytes of a file, and why they end early."""
    with Stream(path, gzipped, encoding) as stream:
        return stream.file.read(HEAD_BYTES), stream.damage


def _encoding(head: bytes) -> str:
    """utf-32 or utf-16 when the first bytes show it, utf-8 when lines end in carriage returns only, else nothing."""
    for mark, name in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return name
    even, odd = (sum(byte == 0 for byte in half) for half in (head[0:4096:2], head[1:4096:2]))
    if max(even, odd) > 0.7 * len(head[0:4096:2]) and min(even, odd) < 0.3 * max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8" if b"\r" in head and b"\n" not in head else ""


def _is_lines(text: str, whole: bool) -> bool:
    """Whether JSON values lie one on a line, and not in one array or one object over many lines."""
    if ROWS_INSIDE.match(text):
        return False
    lines = text.splitlines()[: None if whole else -1]
    lines = [line for line in lines if line.strip()]
    if text.lstrip().startswith("["):
        return len(lines) > 1 and all(_parses(line) for line in lines[:2])
    return not lines or any(line.startswith("{") and _parses(line) for line in lines[:1000])


def _parses(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _table(text: str, gzipped: bool, path: Path) -> Container:
    """A CSV file: its first rows have as many fields as its header. Raises Malformed (unknown_format)."""
    if text[:4096].count("\0") > 0.05 * len(text[:4096]) or text[:4096].count("\ufffd") > 400:
        raise Malformed("unknown_format", "binary data; give JSON, JSON Lines, CSV or Parquet, also gzipped")
    lines = [line for line in text.splitlines(keepends=True) if line.strip()]
    counts = Counter(c for c in re.sub(r'"[^"]*"', "", lines[0]) if c in DELIMITERS)
    delimiter = counts.most_common(1)[0][0] if counts else ","
    header = header_of(lines[0], delimiter)
    named = ".csv" in path.suffixes or ".tsv" in path.suffixes
    if not named and (len(header) < 2 or not _regular(lines, delimiter, len(header))):
        raise Malformed("unknown_format", "text without columns; give JSON, JSON Lines, CSV or Parquet, also gzipped")
    if any(_is_prose(name) for name in header):
        raise Malformed("no_header", "the first line is a record; put a line of column names before it")
    return Container("csv", gzipped, delimiter, header)


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
