"""Parquet: rows by groups of rows."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.acquire.containers.gzipped import Stream
from pipeline.acquire.containers.json_lines import Records
from pipeline.acquire.containers.malformed import Malformed

BATCH_ROWS = 500
MAGIC = b"PAR1"


@contextmanager
def opened(path: Path, gzipped: bool) -> Iterator[pq.ParquetFile]:
    """The file; a gzipped one is unpacked to a temporary file, because Parquet is read from its end.

    Raises Malformed (unreadable_file).
    """
    with tempfile.TemporaryFile() as unpacked:
        try:
            file = pq.ParquetFile(_unpacked(path, unpacked) if gzipped else path)
        except (pa.ArrowException, OSError) as error:
            raise Malformed("unreadable_file", _line(error)) from error
        with file:
            yield file


def read(
    path: Path,
    gzipped: bool,
    groups: range | None,
    first: int,
    wanted: Callable[[int], bool],
    columns: list[str] | None,
) -> Records:
    """The rows of the row groups (None: of all), the first of them with number `first`.

    A row group that cannot be decoded is one record, unreadable_file, at the row where reading stopped.
    """
    with opened(path, gzipped) as file:
        for group in range(file.num_row_groups) if groups is None else groups:
            after = first + file.metadata.row_group(group).num_rows
            try:
                for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=columns):
                    yield from _records(batch, first, wanted)
                    first += batch.num_rows
            except (pa.ArrowException, OSError) as error:
                yield first, Malformed("unreadable_file", f"rows from {first:,} to {after - 1:,}: {_line(error)}")
            first = after


def _records(batch: pa.RecordBatch, first: int, wanted: Callable[[int], bool]) -> Iterator[tuple[int, Any]]:
    try:
        rows: list[Any] = batch.to_pylist()
    except (UnicodeDecodeError, ValueError):
        rows = [_row(batch, i) for i in range(batch.num_rows)]
    for number, row in enumerate(rows, start=first):
        if wanted(number):
            yield number, row


def _row(batch: pa.RecordBatch, index: int) -> Any:
    try:
        return batch.slice(index, 1).to_pylist()[0]
    except UnicodeDecodeError as error:
        return Malformed("invalid_utf8", f"byte {error.start} of a value")
    except ValueError as error:
        return Malformed("wrong_type", _line(error))


def _unpacked(path: Path, into: BinaryIO) -> BinaryIO:
    with Stream(path, gzipped=True) as stream:
        while block := stream.file.read(1 << 20):
            into.write(block)
        if stream.damage:
            raise Malformed("unreadable_file", stream.damage)
    into.seek(0)
    return into


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
