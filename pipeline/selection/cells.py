"""Cells of the space of vectors, so that a row is compared with those of its cell and not with all.

K-means on unit vectors (Dhillon and Modha 2001, Concept Decompositions) of a sample that a hash draws. All sums are
of integers, so the cells follow from the rows and the seed, whatever the number of files, tasks, cores and threads.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import xxhash
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, StructField, StructType

from pipeline.selection.vectors import from_binary, products, quantised
from pipeline.spark.blocks import Batches

SAMPLE_A_CELL, MOST_SAMPLED = 64, 200_000
"""Rows that the cells are learned from: 150 MB of 384 components at most."""
ITERATIONS = 10
CHUNK = 1 << 12
ROWS_PER_TASK = 100_000


def cells_for(rows: int) -> int:
    """The number of cells that costs least: N K products place the rows, N N / 2K compare them."""
    return max(1, round(math.sqrt(rows / 2)))


@dataclass(frozen=True)
class Cells:
    """centroids_KD: quantised."""

    centroids_KD: np.ndarray

    def nearest(self, vectors_ND: np.ndarray, count: int = 1) -> np.ndarray:
        """int32 [N, count]: the cells whose centroids are nearest, the nearest first; of equal ones the first."""
        count, centroids_KD = min(count, len(self.centroids_KD)), self.centroids_KD.astype(np.float32)
        found = [np.empty((0, count), np.int32)]
        for at in range(0, len(vectors_ND), CHUNK):
            far_NK = -products(vectors_ND[at : at + CHUNK], centroids_KD)
            best_NC = np.empty((len(far_NK), count), np.int32)
            for place in range(count):
                best_NC[:, place] = far_NK.argmin(axis=1)
                far_NK[np.arange(len(far_NK)), best_NC[:, place]] = np.inf
            found.append(best_NC)
        return np.concatenate(found)


def learned(vectors: DataFrame, rows: int, count: int, seed: int) -> Cells:
    """Cells of a frame of `rows` rows with row_id and vector; `count` of them, or fewer where there are fewer
    rows."""
    share = min(1.0, SAMPLE_A_CELL * count / max(rows, 1), MOST_SAMPLED / max(rows, 1))
    bound = share * 2**64

    def drawn(batches: Batches) -> Batches:
        for batch in batches:
            draws = np.array([_draw(row_id, seed) for row_id in batch["row_id"].to_pylist()], np.uint64)
            yield batch.filter(pa.array(draws.astype(np.float64) <= bound))

    sample = vectors.select("row_id", "vector").mapInArrow(drawn, vectors.select("row_id", "vector").schema).toArrow()
    order = np.argsort(np.array([_draw(row_id, seed) for row_id in sample["row_id"].to_pylist()], np.uint64))
    return Cells(centroids_of(from_binary(sample["vector"])[order], count))


def _draw(row_id: str, seed: int) -> int:
    return xxhash.xxh64_intdigest(row_id.encode(), seed)


def centroids_of(vectors_SD: np.ndarray, count: int) -> np.ndarray:
    """Quantised centroids of k-means on a sample that begins from its first rows. A cell that no row is nearest to
    stays where it was."""
    centroids_KD = vectors_SD[:count].copy()
    for _ in range(ITERATIONS):
        label_S = Cells(centroids_KD).nearest(vectors_SD)[:, 0] if len(vectors_SD) else np.empty(0, np.int32)
        order = np.argsort(label_S, kind="stable")
        there, first = np.unique(label_S[order], return_index=True)
        if not len(there):
            break
        sums_KD = np.add.reduceat(vectors_SD[order].astype(np.int64), first)
        moved_KD = centroids_KD.copy()
        moved_KD[there] = quantised(sums_KD)
        if np.array_equal(moved_KD, centroids_KD):
            break
        centroids_KD = moved_KD
    return centroids_KD


def placed(rows: DataFrame, cells: Cells, probes: int = 1) -> DataFrame:
    """The rows, which have a `vector`, with `cell` and `second`, the next nearest cell (−1 where there is but one);
    with more probes each row once for every one of the nearest cells."""
    schema = StructType([*rows.schema.fields, *(StructField(name, IntegerType()) for name in ("cell", "second"))])

    def place(batches: Batches) -> Batches:
        for batch in batches:
            near_NC = cells.nearest(from_binary(batch["vector"]), max(probes, 2))
            for probe in range(min(probes, near_NC.shape[1])):
                second = near_NC[:, 1] if near_NC.shape[1] > 1 else np.full(len(near_NC), -1, np.int32)
                columns = {name: batch[name] for name in batch.schema.names}
                yield pa.record_batch(columns | {"cell": pa.array(near_NC[:, probe]), "second": pa.array(second)})

    return rows.mapInArrow(place, schema)


def cell_by_cell(
    rows: DataFrame,
    count: int,
    work: Callable[[pa.Table], Batches],
    schema: str,
    most: int,
    order: tuple[str, ...],
    first: str = "",
) -> DataFrame:
    """`work` done on the rows of each cell in the given order of columns, at most about `most` of them at once: a
    larger cell is cut, which bounds what a task holds.

    rows: with `cell`, `count` of them about. first: a column; the rows of a cell that have a value there are shown
    with each piece of the others."""

    def task(batches: Batches) -> Batches:
        for table in pieces(batches, most, first):
            yield from work(table)

    tasks = max(4, -(-count // ROWS_PER_TASK))
    sort = [F.desc_nulls_last(first)] if first else []
    return rows.repartition(tasks, "cell").sortWithinPartitions("cell", *sort, *order).mapInArrow(task, schema)


def pieces(batches: Batches, most: int, first: str = "") -> Iterator[pa.Table]:
    """The rows of one cell after another, from batches sorted by cell, in pieces of `most` rows at most. first: see
    cell_by_cell; those rows come first in a cell, and are not counted."""
    shown: list[pa.RecordBatch] = []
    held: list[pa.RecordBatch] = []
    cell: int | None = None
    count = 0
    for batch in (part for whole in batches for part in _of_one_cell(whole)):
        if batch["cell"][0].as_py() != cell or count >= most:
            if held:
                yield pa.Table.from_batches([*shown, *held]).combine_chunks()
            if batch["cell"][0].as_py() != cell:
                cell, shown = batch["cell"][0].as_py(), []
            held, count = [], 0
        if first:
            shown.append(batch.filter(batch[first].is_valid()))
            batch = batch.filter(batch[first].is_null())
        if batch.num_rows:
            room = most - count
            held.append(batch.slice(0, room))
            count += batch.num_rows
            while count > most:
                yield pa.Table.from_batches([*shown, *held]).combine_chunks()
                batch = batch.slice(room)
                room, count = most, count - most
                held = [batch.slice(0, room)]
    if held:
        yield pa.Table.from_batches([*shown, *held]).combine_chunks()


def _of_one_cell(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch that is sorted by cell, cut between cells."""
    cell = batch["cell"].to_numpy()
    cuts = [0, *(np.flatnonzero(np.diff(cell)) + 1).tolist(), len(cell)]
    yield from (batch.slice(start, stop - start) for start, stop in pairwise(cuts) if stop > start)
