"""Rows of many sorted Parquet files in one order, in bounded memory."""

import resource
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROWS_HELD = 1 << 16
LEAST_ROWS = 64
"""Of a file at hand, however many files lie together."""
OTHER_FILES = 256
MANY_FILES = 1 << 16
"""That may be open together, where the hard limit allows it: of several merges, each of which knows its own only."""
END = chr(0x10FFFF)
"""After every key."""


def in_order(folder: Path, columns: list[str] | None = None, key: str = "row_id") -> Iterator[pa.Table]:
    """All rows of a folder of Parquet files, each sorted by `key`, as tables that follow one another by `key`.

    Holds about ROWS_HELD rows. A merge by blocks: of every file that has begun at least `least` rows are at hand, so
    all rows up to the smallest of their last keys are known and leave together, sorted. A file begins when its first
    key is near, as its footer tells it: shards of one part follow one another, and few are read at a time.
    """
    waiting = deque(sorted(_spans(folder, key), key=lambda span: span.first))
    together = _most_together(waiting)
    allow_open_files(together)
    least = max(LEAST_ROWS, ROWS_HELD // max(together, 1))
    begun: list[_Reader] = []
    while begun or waiting:
        last = min((reader.head[key][-1].as_py() for reader in begun if not reader.ended), default=END)
        before = waiting[0].first if waiting else END
        taken = None
        if before > last or sum(reader.head.num_rows for reader in begun) >= ROWS_HELD or not waiting:
            taken = pa.concat_tables([reader.taken(key, last, before) for reader in begun])
        if taken:
            yield taken.sort_by(key).combine_chunks()
        else:
            begun.append(_Reader(waiting.popleft().path, least, columns))
        for reader in begun:
            reader.fill(least)
        begun = [reader for reader in begun if reader.head.num_rows]


class _Span(NamedTuple):
    """A file and its first and last key; what a footer does not tell is as far away as it can be."""

    first: str
    last: str
    path: Path


def _spans(folder: Path, key: str) -> Iterator[_Span]:
    """Of the files that have rows."""
    for path in sorted(folder.glob("*.parquet")):
        about = pq.read_metadata(path)
        if about.num_rows:
            column = about.schema.names.index(key)
            groups = [about.row_group(number).column(column).statistics for number in range(about.num_row_groups)]
            told = all(group is not None and group.has_min_max for group in groups)
            yield _Span(min(g.min for g in groups), max(g.max for g in groups), path) if told else _Span("", END, path)


def _most_together(spans: Iterable[_Span]) -> int:
    """How many files, at most, have begun and not ended at one key."""
    steps = sorted(step for span in spans for step in ((span.first, 0, 1), (span.last, 1, -1)))
    return max(accumulate(step[2] for step in steps), default=0)


class _Reader:
    """A file read on as its rows are taken."""

    def __init__(self, path: Path, rows: int, columns: list[str] | None) -> None:
        """rows: that are read at a time."""
        self._file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16)
        self._batches = self._file.iter_batches(rows, columns=columns)
        self.head, self.ended = self._file.schema_arrow.empty_table(), False

    def fill(self, least: int) -> None:
        """Reads until so many rows are at hand, if there are."""
        while self.head.num_rows < least and not self.ended:
            batch = next(self._batches, None)
            if batch is None:
                self.ended = True
                self._file.close()
            else:
                more = pa.Table.from_batches([batch])
                self.head = pa.concat_tables([self.head, more]) if self.head.num_rows else more

    def taken(self, key: str, last: str, before: str) -> pa.Table:
        """The rows at hand up to the key `last` and before another one."""
        keys = self.head[key]
        count = pc.sum(pc.and_(pc.less_equal(keys, last), pc.less(keys, before))).as_py() or 0
        found, self.head = self.head.slice(0, count), self.head.slice(count)
        return found


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


T = TypeVar("T")


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The items, each made by a thread while the one before is worked on."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


def allow_open_files(files: int) -> int:
    """Raises the soft limit of open files, within the hard one, to MANY_FILES or more; returns how many of these may be
    open now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(files + OTHER_FILES, MANY_FILES)
    wanted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return files if soft == resource.RLIM_INFINITY else max(1, min(files, soft - OTHER_FILES))
