"""The conversations that deduplication compares, cut into ranges: the run's own, earlier ones, evaluation sets."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Corpus:
    """A folder of Parquet files of canonical conversations."""

    name: str
    kind: Kind
    folder: Path


@dataclass(frozen=True)
class Range:
    """Rows of one row group, read by one task: the piece'th `most` rows of it, or what is left of them.

    first: the ordinal of its first row among all rows.
    """

    number: int
    corpus: Corpus
    file: Path
    group: int
    piece: int
    most: int
    rows: int
    first: int

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """These columns of the rows (those that the file has), or all."""
        with pq.ParquetFile(self.file) as file:
            wanted = None if columns is None else [c for c in columns if c in file.schema_arrow.names]
            for number, batch in enumerate(file.iter_batches(self.most, [self.group], wanted)):
                if number == self.piece:
                    return pa.Table.from_batches([batch]).replace_schema_metadata(None)
        raise AssertionError(f"{self.file} has no row {self.piece * self.most} in row group {self.group}")


class Ranges:
    """All ranges, of at most so many rows, the run's own first. Ordinals are positions in this order."""

    def __init__(self, corpora: Sequence[Corpus], most: int = RANGE_ROWS) -> None:
        self.all: list[Range] = []
        first = 0
        for corpus in sorted(corpora, key=lambda c: -RANKS[c.kind]):
            for file, group, rows in _row_groups(corpus.folder):
                for piece, start in enumerate(range(0, rows, most)):
                    count = min(most, rows - start)
                    self.all.append(Range(len(self.all), corpus, file, group, piece, most, count, first))
                    first += count
            if corpus.kind == "new":
                self.new_rows, self.new_ranges = first, len(self.all)
        self.rows = first
        assert self.rows < 1 << 32, "a pair of rows is held in 64 bits"
        self._first = np.array([r.first for r in self.all], np.int64)

    def of(self, ordinals: np.ndarray) -> np.ndarray:
        """The number of the range that each row is in."""
        return np.searchsorted(self._first, ordinals, side="right") - 1

    def corpus(self, ordinal: int) -> Corpus:
        """The corpus that a row belongs to."""
        return self.all[bisect_right(self._first, ordinal) - 1].corpus


def _row_groups(folder: Path) -> Iterator[tuple[Path, int, int]]:
    for file in sorted(folder.glob("*.parquet")):
        metadata = pq.read_metadata(file)
        for group in range(metadata.num_row_groups):
            rows = metadata.row_group(group).num_rows
            if rows:
                yield file, group, rows
