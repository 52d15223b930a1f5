"""Cells of vectors: the same whatever the order, the files and the tasks; and rows shown cell by cell."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from pipeline.selection.cells import Cells, cell_by_cell, cells_for, centroids_of, learned, pieces, placed
from pipeline.selection.vectors import from_binary, quantised, to_binary

TURNS = np.radians(np.arange(0, 360, 10))
CIRCLE = quantised(np.stack([np.cos(TURNS), np.sin(TURNS)], 1))
"""36 directions, 10 degrees apart."""


def test_as_many_cells_as_cost_least() -> None:
    assert [cells_for(rows) for rows in (0, 1, 200, 200_000_000)] == [1, 1, 10, 10_000]


def test_rows_that_lie_together_share_a_cell() -> None:
    groups = [quantised(np.random.default_rng(n).normal(CIRCLE[9 * n] / 4000, 0.05, (20, 2))) for n in range(4)]
    mixed = np.concatenate([np.stack([group[i] for group in groups]) for i in range(20)])
    cells = Cells(centroids_of(mixed, 4))
    found = [set(cells.nearest(group)[:, 0].tolist()) for group in groups]
    assert all(len(of_group) == 1 for of_group in found)
    assert len(set.union(*found)) == 4


def test_the_nearest_cells_in_order_and_of_equal_ones_the_first() -> None:
    cells = Cells(CIRCLE[[0, 9, 18, 0]])
    assert cells.nearest(CIRCLE[[1, 10]], 3).tolist() == [[0, 3, 1], [1, 2, 0]]
    assert Cells(CIRCLE[:1]).nearest(CIRCLE[:2], 2).tolist() == [[0], [0]], "there is but one"


def batches(cells: list[int], size: int, **columns: list[Any]) -> list[pa.RecordBatch]:
    table = pa.table({"cell": pa.array(cells, pa.int32()), "n": list(range(len(cells))), **columns})
    return table.to_batches(max_chunksize=size)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pieces_of_cells_do_not_depend_on_batches(size: int) -> None:
    found = [table["n"].to_pylist() for table in pieces(iter(batches([0, 0, 0, 0, 0, 2, 3, 3], size)), 2)]
    assert found == [[0, 1], [2, 3], [4], [5], [6, 7]]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_rows_that_are_shown_first_come_with_each_piece_of_their_cell(size: int) -> None:
    item = ["a", "b", None, None, None, "c", None]
    found = pieces(iter(batches([0, 0, 0, 0, 0, 1, 2], size, item=item)), 2, "item")
    assert [table["n"].to_pylist() for table in found] == [[0, 1, 2, 3], [0, 1, 4], [6]]


def test_cells_and_what_is_done_in_them_do_not_depend_on_files_and_tasks(spark: SparkSession) -> None:
    vectors_ND = quantised(np.random.default_rng(3).normal(size=(300, 16)))
    rows = [
        (f"{n:032x}", bytes(vector)) for n, vector in zip(range(300), to_binary(vectors_ND).to_pylist(), strict=True)
    ]
    found = []
    for ordered, tasks in ((rows, 1), (rows[::-1], 5)):
        frame = spark.createDataFrame(ordered, "row_id string, vector binary").repartition(tasks)
        cells = learned(frame, 300, 7, seed=1)

        def shown(table: pa.Table) -> Any:
            yield pa.record_batch({"ids": pa.array([",".join(table["row_id"].to_pylist())])})

        done = cell_by_cell(placed(frame, cells), 300, shown, "ids string", 40, ("second", "row_id"))
        found.append((cells.centroids_KD.tolist(), sorted(row["ids"] for row in done.collect())))
    assert found[0] == found[1]
    assert len(found[0][0]) == 7
    shown_ids = [row_id for ids in found[0][1] for row_id in ids.split(",")]
    assert sorted(shown_ids) == sorted(row_id for row_id, _ in rows), "each row once"


def test_a_row_lies_once_in_each_of_the_cells_that_are_probed(spark: SparkSession) -> None:
    rows = [(str(n), bytes(vector)) for n, vector in enumerate(to_binary(CIRCLE).to_pylist())]
    frame = spark.createDataFrame(rows, "row_id string, vector binary")
    cells = Cells(CIRCLE[[0, 9, 18, 27]])
    found = placed(frame, cells, probes=3).groupBy("row_id").count().collect()
    assert {row["count"] for row in found} == {3}
    assert len(found) == 36
    vectors_ND = from_binary(frame.select("vector").toArrow()["vector"])
    assert len(vectors_ND) == 36
