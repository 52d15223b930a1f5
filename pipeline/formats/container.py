"""What kind of file it is, decided by its first bytes and not by its name."""

import csv
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pipeline.formats.csv_rows import header_of
from pipeline.formats.gzipped import Stream, is_gzipped
from pipeline.formats.json_array import ROWS_INSIDE
from pipeline.formats.lines import BOM
from pipeline.formats.malformed import Malformed
from pipeline.formats.parquet_rows import MAGIC as PARQUET

HEAD_BYTES = 1 << 20
LABELS = {"json_lines": "JSON Lines", "json": "JSON", "csv": "CSV", "parquet": "Parquet"}
OTHERS = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"%PDF": "PDF",
    b"ARROW1": "Arrow",
    b"SQLite format 3": "SQLite",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
DELIMITERS = ",\t;|"


@dataclass(frozen=True)
class Container:
    """kind: a key of LABELS, or the name of a package's format. delimiter and header: of CSV."""

    kind: str
    gzipped: bool = False
    delimiter: str = ","
    header: tuple[str, ...] = ()

    @property
    def splittable(self) -> bool:
        """Whether a part of the file can be read without what comes before it."""
        return not self.gzipped and self.kind in ("json_lines", "csv", "parquet")

    def __str__(self) -> str:
        return LABELS.get(self.kind, self.kind) + (", gzip" if self.gzipped else "")


def container_of(path: Path) -> Container:
    """The container of a file. Raises Malformed (unreadable_file, empty_file, unknown_format)."""
    try:
        gzipped = is_gzipped(path)
        with Stream(path, gzipped) as stream:
            head = stream.file.read(HEAD_BYTES).removeprefix(BOM)
            whole = len(head) < HEAD_BYTES
            damage = stream.damage
    except OSError as error:
        raise Malformed("unreadable_file", error.strerror or type(error).__name__) from error
    if not head.strip():
        raise Malformed("unreadable_file" if damage else "empty_file", damage or "nothing but white space")
    if head.startswith(PARQUET):
        return Container("parquet", gzipped)
    for magic, name in OTHERS.items():
        if head.startswith(magic):
            raise Malformed("unknown_format", f"{name}; give JSON, JSON Lines, CSV or Parquet, also gzipped")
    text = head.decode("utf-8", "replace")
    if text.lstrip()[:1] in ("{", "["):
        return Container("json_lines" if _is_lines(text, whole) else "json", gzipped)
    return _table(text, gzipped, path)


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
    if "\0" in text[:4096] or text[:4096].count("\ufffd") > 400:
        raise Malformed("unknown_format", "binary data; give JSON, JSON Lines, CSV or Parquet, also gzipped")
    lines = [line for line in text.splitlines(keepends=True) if line.strip()]
    counts = Counter(c for c in re.sub(r'"[^"]*"', "", lines[0]) if c in DELIMITERS)
    delimiter = counts.most_common(1)[0][0] if counts else ","
    header = header_of(lines[0], delimiter)
    named = ".csv" in path.suffixes or ".tsv" in path.suffixes
    if not named and (len(header) < 2 or not _regular(lines, delimiter, len(header))):
        raise Malformed("unknown_format", "text without columns; give JSON, JSON Lines, CSV or Parquet, also gzipped")
    return Container("csv", gzipped, delimiter, header)


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
