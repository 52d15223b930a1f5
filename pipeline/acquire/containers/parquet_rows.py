"""Parquet: rows by groups of rows."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.acquire.containers.arrow_types import Decode, decoder, readable
from pipeline.acquire.containers.container import Container, Head, Outcome, Part, Records
from pipeline.acquire.containers.gzipped import Stream
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.containers.temporal import is_temporal, spelt
from pipeline.contract.objects import SourceFile

BATCH_ROWS = 500
MAGIC = b"PAR1"


@dataclass(frozen=True)
class ParquetRows(Container):
    """A row group that cannot be decoded is one record, unreadable_file, at the row where reading stopped."""

    splits = True
    parts_numbered = True
    is_table = True

    def read(self, stream: Stream, part: Part, wanted: Callable[[int], bool], columns: list[str] | None) -> Records:
        first = part.first
        with opened(stream.path, self.gzipped) as file:
            paths, classes = _paths(file, columns), class_names(file.schema_arrow)
            for group in _groups(file, part):
                after = first + file.metadata.row_group(group).num_rows
                try:
                    for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=paths):
                        yield from _records(batch, first, wanted, classes)
                        first += batch.num_rows
                except (pa.ArrowException, OSError) as error:
                    yield first, Malformed("unreadable_file", f"rows from {first:,} to {after - 1:,}: {_line(error)}")
                first = after

    def count(self, stream: Stream, part: Part) -> tuple[Outcome, Outcome]:
        with opened(stream.path, self.gzipped) as file:
            rows = sum(file.metadata.row_group(group).num_rows for group in _groups(file, part))
        return Outcome(rows, False), Outcome(rows, False)

    def split(self, path: SourceFile, size: int, part_bytes: int) -> list[tuple[Part, int]]:
        """Row groups, joined until they have part_bytes. Raises Malformed (unreadable_file)."""
        found = []
        with opened(path, self.gzipped) as file:
            start = first = rows = held = 0
            for group in range(file.num_row_groups):
                metadata = file.metadata.row_group(group)
                rows += metadata.num_rows
                held += sum(metadata.column(c).total_compressed_size for c in range(metadata.num_columns))
                if held >= part_bytes or group == file.num_row_groups - 1:
                    found.append((Part(start, group + 1, first), held))
                    start, first, rows, held = group + 1, first + rows, 0, 0
        return found or [(Part(), size)]

    def records(self, path: SourceFile) -> int:
        with opened(path, self.gzipped) as file:
            return file.metadata.num_rows


def detect(head: Head) -> ParquetRows | None:
    """By the mark that every Parquet file begins with."""
    return ParquetRows(head.gzipped) if head.data.startswith(MAGIC) else None


def _groups(file: pq.ParquetFile, part: Part) -> range:
    return range(file.num_row_groups) if part.stop is None else range(part.start, part.stop)


@contextmanager
def opened(path: SourceFile, gzipped: bool) -> Iterator[pq.ParquetFile]:
    """The file; a gzipped one is unpacked to a temporary file, because Parquet is read from its end.

    Raises Malformed (unreadable_file).
    """
    with tempfile.TemporaryFile() as unpacked:
        try:
            file = pq.ParquetFile(_unpacked(path, unpacked) if gzipped else _seekable(path))
        except UnicodeDecodeError as error:
            raise Malformed("unreadable_file", "the name of a column is not UTF-8") from error
        except (pa.ArrowException, OSError) as error:
            raise Malformed("unreadable_file", _line(error)) from error
        with file:
            yield file


def _paths(file: pq.ParquetFile, needed: list[str] | None) -> list[str]:
    """What to read of a file: the columns that are needed, all when nobody knows them yet, and those in which more
    of a conversation may lie.
    """
    kept = [leaf for f in file.schema_arrow for leaf in readable(f.type, needed is None or f.name in needed)]
    assert len(kept) == len(file.schema), "a leaf of Parquet is a leaf of Arrow"
    return [file.schema.column(number).path for number, taken in enumerate(kept) if taken]


def class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Column to the names of its classes, where `datasets` wrote numbers that stand for names."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        kinds = {column: kind for column, kind in features.items() if kind.get("_type") == "ClassLabel"}
        return {column: list(kind["names"]) for column, kind in kinds.items()}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}  # another writer's, or damaged: the numbers stay numbers


def _records(
    batch: pa.RecordBatch, first: int, wanted: Callable[[int], bool], classes: dict[str, list[str]]
) -> Iterator[tuple[int, Any]]:
    decoders = {field.name: found for field in batch.schema if (found := decoder(field.type))}
    decoders |= {column: _class(names) for column, names in classes.items() if column in batch.schema.names}
    for number, field in enumerate(batch.schema):
        if is_temporal(field.type):
            batch = batch.set_column(number, field.name, spelt(batch.column(number)))
    try:
        rows: list[Any] = batch.to_pylist()
    except (ValueError, OverflowError, pa.ArrowException):
        rows = [_row(batch, i) for i in range(batch.num_rows)]
    for number, row in enumerate(rows, start=first):
        if wanted(number):
            yield number, _decoded(row, decoders) if decoders else row


def _decoded(row: Any, decoders: dict[str, Decode]) -> Any:
    if isinstance(row, Malformed):
        return row
    try:
        found = row | {name: decode(row[name]) for name, decode in decoders.items()}
    except Malformed as problem:
        return problem
    (only,) = found.values() if len(found) == 1 else (None,)
    return only if isinstance(only, dict) else found  # a record that was written as one JSON or variant column


def _class(names: list[Any]) -> Decode:
    return lambda value: names[value] if isinstance(value, int) and 0 <= value < len(names) else value


def _row(batch: pa.RecordBatch, index: int) -> Any:
    try:
        return batch.slice(index, 1).to_pylist()[0]
    except UnicodeDecodeError as error:
        return Malformed("invalid_utf8", f"byte {error.start} of a value")
    except (ValueError, OverflowError, pa.ArrowException) as error:
        return Malformed("wrong_type", _line(error))


def _seekable(path: SourceFile) -> Path | BinaryIO:
    return path if isinstance(path, Path) else path.open()


def _unpacked(path: SourceFile, into: BinaryIO) -> BinaryIO:
    with Stream(path, gzipped=True) as stream:
        while block := stream.file.read(1 << 20):
            into.write(block)
        if stream.damage:
            raise Malformed("unreadable_file", stream.damage)
    into.seek(0)
    return into


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
