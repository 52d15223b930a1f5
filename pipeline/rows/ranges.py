"""The conversations that deduplication compares, cut into ranges: the run's own, earlier ones, evaluation sets."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Kind = Literal["evaluation", "earlier", "new"]
RANKS: dict[Kind, int] = {"evaluation": 0, "earlier": 1, "new": 2}
"""A row is never dropped for a row of a higher rank, and a row below rank 2 is never dropped at all."""

RANGE_ROWS = 50_000
"""Of deduplication's ranges: fewer would be more blocks, as every range sends to every other."""

JOINED_ROWS = 10_000
"""Small files are read together up to so many rows: a second's work, beside some 20 ms that a task costs."""


@dataclass(frozen=True)
class Corpus:
    """A folder of Parquet files of canonical conversations."""

    name: str
    kind: Kind
    folder: Path


@dataclass(frozen=True)
class Slice:
    """Rows of one row group: the piece'th `most` rows of it, or what is left of them. number: its place in the file."""

    file: Path
    group: int
    piece: int
    most: int
    rows: int
    number: int

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """These columns of the rows (those that the file has), or all."""
        with pq.ParquetFile(self.file) as file:
            wanted = None if columns is None else [c for c in columns if c in file.schema_arrow.names]
            for number, batch in enumerate(file.iter_batches(self.most, [self.group], wanted)):
                if number == self.piece:
                    return pa.Table.from_batches([batch]).replace_schema_metadata(None)
        raise AssertionError(f"{self.file} has no row {self.piece * self.most} in row group {self.group}")


def slices_of(folder: Path, most: int) -> Iterator[Slice]:
    """All rows of a folder of Parquet files, in slices of at most so many rows."""
    for file in sorted(folder.glob("*.parquet")):
        yield from slices_of_file(file, most)


def slices_of_file(file: Path, most: int = RANGE_ROWS) -> Iterator[Slice]:
    """The same of one file."""
    metadata, number = pq.read_metadata(file), count()
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        for piece, start in enumerate(range(0, rows, most)):
            yield Slice(file, group, piece, most, min(most, rows - start), next(number))


@dataclass(frozen=True)
class Range:
    """Rows of a corpus that one task reads: a slice, or several small ones that follow each other.

    first: the ordinal of its first row among all rows.
    """

    number: int
    corpus: Corpus
    slices: tuple[Slice, ...]
    rows: int
    first: int

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """These columns of the rows (those that the files have), or all."""
        tables = [part.read(columns) for part in self.slices]
        return pa.concat_tables(tables, promote_options="default").combine_chunks()


class Ranges:
    """All ranges, the run's own first: slices of at most `most` rows, joined while they have at most `joined`.

    Ordinals are positions in this order. A corpus of many small files has few ranges: each is a task in every step.
    """

    def __init__(self, corpora: Sequence[Corpus], most: int = RANGE_ROWS, joined: int = JOINED_ROWS) -> None:
        self.all: list[Range] = []
        self._of_files: dict[Path, int] = {}
        first = 0
        for corpus in sorted(corpora, key=lambda c: -RANKS[c.kind]):
            for slices in _joined(slices_of(corpus.folder, most), joined):
                start = first
                for part in slices:
                    self._of_files.setdefault(part.file, first)
                    first += part.rows
                self.all.append(Range(len(self.all), corpus, tuple(slices), first - start, start))
            if corpus.kind == "new":
                self.new_rows, self.new_ranges = first, len(self.all)
        self.rows = first
        assert self.rows < 1 << 32, "a pair of rows is held in 64 bits"
        self._first = np.array([r.first for r in self.all], np.int64)

    def of(self, ordinals: np.ndarray) -> np.ndarray:
        """The number of the range that each row is in."""
        return np.searchsorted(self._first, ordinals, side="right") - 1

    def starts(self, files: Sequence[Path]) -> np.ndarray:
        """The ordinal at which each of the run's own files begins; one without rows, where the next does."""
        found, following = [], self.new_rows
        for file in reversed(files):
            following = self._of_files.get(file, following)
            found.append(following)
        return np.array(found[::-1], np.int64)

    def corpus(self, ordinal: int) -> Corpus:
        """The corpus that a row belongs to."""
        return self.all[bisect_right(self._first, ordinal) - 1].corpus


def _joined(slices: Iterable[Slice], most: int) -> Iterator[list[Slice]]:
    held: list[Slice] = []
    rows = 0
    for part in slices:
        if held and rows + part.rows > most:
            yield held
            held, rows = [], 0
        held.append(part)
        rows += part.rows
    if held:
        yield held
