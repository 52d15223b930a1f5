"""Rows of many sorted Parquet files in one order, in bounded memory."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROWS_HELD = 1 << 16
OTHER_FILES = 256


def in_order(folder: Path, columns: list[str] | None = None, key: str = "row_id") -> Iterator[pa.Table]:
    """All rows of a folder of Parquet files, each sorted by `key`, as tables that follow one another by `key`.

    Holds about ROWS_HELD rows. A merge by blocks: of every file at least `least` rows are at hand, so
    all rows up to the smallest of their last keys are known and leave together, sorted.
    """
    files = sorted(folder.glob("*.parquet"))
    allow_open_files(len(files))
    least = max(64, ROWS_HELD // max(len(files), 1))
    tables = [pq.ParquetFile(p, pre_buffer=False, buffer_size=1 << 16) for p in files]
    readers = [table.iter_batches(least, columns=columns) for table in tables]
    heads: list[pa.Table | None] = [None] * len(files)
    open_ = set(range(len(files)))
    while True:
        for i in sorted(open_):
            while i in open_ and _rows(heads[i]) < least:
                batch = next(readers[i], None)
                if batch is None:
                    open_.remove(i)
                elif batch.num_rows:
                    more = pa.Table.from_batches([batch])
                    head = heads[i]
                    heads[i] = more if head is None else pa.concat_tables([head, more])
        known = [heads[i][key][-1].as_py() for i in sorted(open_)]  # type: ignore[index]
        ready = []
        for i, head in enumerate(heads):
            if head is None:
                continue
            take = head.num_rows if not known else pc.sum(pc.less_equal(head[key], min(known))).as_py()
            ready.append(head.slice(0, take))
            heads[i] = head.slice(take) if take < head.num_rows else None
        if ready:
            yield pa.concat_tables(ready).sort_by(key).combine_chunks()
        if not known:
            return


def in_shards(folder: Path, columns: list[str] | None, rows: int, key: str = "row_id") -> Iterator[pa.Table]:
    """The rows of in_order, in tables of `rows` rows (the last may be shorter)."""
    held: list[pa.Table] = []
    count = 0
    for table in in_order(folder, columns, key):
        while count + table.num_rows >= rows:
            held.append(table.slice(0, rows - count))
            yield pa.concat_tables(held).combine_chunks()
            table = table.slice(rows - count)
            held, count = [], 0
        held.append(table)
        count += table.num_rows
    if count:
        yield pa.concat_tables(held).combine_chunks()


def _rows(table: pa.Table | None) -> int:
    return 0 if table is None else table.num_rows


def allow_open_files(files: int) -> int:
    """Raises the soft limit of open files, within the hard one, where so many files need it; returns how many of them
    may be open now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return files if soft == resource.RLIM_INFINITY else max(1, min(files, soft - OTHER_FILES))
