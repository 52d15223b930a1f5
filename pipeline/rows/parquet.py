"""Parquet and Arrow files of rows: whole or not at all, equal rows as equal bytes."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from pipeline.contract.atomic_write import replacing

ROWS_PER_FILE = 100_000
LEAST_FILES = 4


def number_of_files(rows: int) -> int:
    """In which so many rows are written."""
    return max(LEAST_FILES, -(-rows // ROWS_PER_FILE))


LZ4 = ipc.IpcWriteOptions(compression="lz4")


def write_batches(batches: Iterable[pa.RecordBatch], schema: pa.Schema, path: Path) -> None:
    """One Arrow file, for a later task; whole or not at all."""
    with replacing(path) as partial, ipc.new_file(str(partial), schema, options=LZ4) as writer:
        for batch in batches:
            writer.write_batch(batch)


def write_table(table: pa.Table, path: Path) -> None:
    """One Parquet file, the same rows as the same bytes; whole or not at all."""
    with replacing(path) as partial:
        pq.write_table(
            table.replace_schema_metadata(None),
            partial,
            compression="zstd",
            row_group_size=ROWS_PER_FILE,
            store_schema=False,
        )


def count_by(folder: Path, column: str) -> dict[str, int]:
    """Value to number of rows of one string column, nulls aside, read file by file."""
    counts: dict[str, int] = {}
    for part in sorted(folder.glob("*.parquet")):
        for entry in pq.read_table(part, columns=[column])[column].drop_null().value_counts().to_pylist():
            counts[entry["values"]] = counts.get(entry["values"], 0) + entry["counts"]
    return dict(sorted(counts.items()))


def read_columns(folder: Path, columns: list[str] | None = None, where: pc.Expression | None = None) -> pa.Table:
    """These columns, or all, of all Parquet files of a folder, in the order of their names. where: of which rows."""
    found = []
    for path in sorted(folder.glob("*.parquet")):
        table = pq.ParquetFile(path).read(columns)
        found.append(table if where is None else table.filter(where))
    return pa.concat_tables(found)


def rows_in(folder: Path) -> int:
    """Rows of all Parquet files of a folder, from their footers."""
    return sum(pq.read_metadata(p).num_rows for p in folder.glob("*.parquet"))


def bytes_in(folder: Path) -> int:
    """Their bytes when they are no longer compressed, from their footers."""
    footers = [pq.read_metadata(path) for path in folder.glob("*.parquet")]
    return sum(of.row_group(number).total_byte_size for of in footers for number in range(of.num_row_groups))
