"""Where a ranking is cut, and which rows cover a cloud of points."""

import json

import numpy as np
import pytest
from pyspark.sql import SparkSession

from configs.errors import UserError
from pipeline.selection.budget import cut
from pipeline.selection.cells import Cells
from pipeline.selection.diverse import beyond, ranked, traversal
from pipeline.selection.vectors import quantised, to_binary

RANKED = "row_id string, value double, place int, weight bigint"


def at(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


@pytest.mark.parametrize(
    ("most", "kept", "spent"), [(1, "a", 1), (6, "ab", 6), (7, "ab", 6), (9, "abc", 9), (11, "abcd", 11)]
)
def test_the_best_rows_stay_while_their_weights_fit(spark: SparkSession, most: int, kept: str, spent: int) -> None:
    rows = [("a", 0.9, 0, 1), ("c", 0.5, 0, 3), ("b", 0.5, 0, 5), ("d", 0.5, 1, 2), ("e", -0.2, 0, 9)]
    found = cut(spark.createDataFrame(rows, RANKED), most)
    assert found
    assert (found.kept, found.spent) == (len(kept), spent)
    staying = spark.createDataFrame(rows, RANKED).where(found.keeps()).collect()
    assert sorted(row["row_id"] for row in staying) == sorted(kept)
    assert sorted(name for name, value, place, _ in rows if found.holds(value, place, name)) == sorted(kept)


def test_all_rows_that_fit_are_not_cut_and_none_that_fits_is_refused(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("a", 0.5, 0, 3), ("b", 0.1, 0, 3)], RANKED)
    assert cut(frame, 6) is None
    with pytest.raises(UserError, match=r"tokens: 2 are fewer than the first row has"):
        cut(frame, 2)


def test_a_traversal_goes_to_what_is_farthest_and_its_radius_shrinks() -> None:
    found = traversal(quantised(np.stack([at(d) for d in (0, 1, 2, 60, 180)])))
    assert found.order.tolist()[:3] == [2, 4, 3], "nearest to the mean, then the farthest from all before"
    assert found.radius.tolist() == sorted(found.radius.tolist(), reverse=True)
    assert found.radius[0] == 2.0
    assert found.distance.tolist() == [0.0] * 5


def test_what_is_not_taken_knows_what_was_taken_near_it() -> None:
    vectors_ND = quantised(np.stack([at(d) for d in (0, 1, 2, 60, 180)]))
    found = traversal(vectors_ND, lambda _radius, place, _row: place < 3)
    assert found.order.tolist() == [2, 4, 3]
    assert found.nearest[[0, 1]].tolist() == [2, 2]
    assert abs(found.distance[0] - (1 - np.cos(np.radians(2)))) < 5e-4


def test_dense_places_are_thinned_and_every_dropped_row_lies_near_one_that_stays(spark: SparkSession) -> None:
    degrees = {f"dense{n:02d}": n / 10 for n in range(20)} | {f"sparse{n}": 30.0 + 40 * n for n in range(5)}
    vectors = to_binary(quantised(np.stack([at(d) for d in degrees.values()]))).to_pylist()
    rows = [(name, bytes(vector)) for name, vector in zip(degrees, vectors, strict=True)]
    cells = Cells(quantised(np.stack([at(0), at(180)])))
    found = []
    for order, tasks in ((rows, 1), (rows[::-1], 3)):
        frame = spark.createDataFrame(order, "row_id string, vector binary").repartition(tasks)
        ranking = ranked(frame, cells, 25).selectExpr("*", "cast(1 as bigint) as weight")
        where = cut(ranking, 6)
        assert where
        gone = {row["row_id"]: json.loads(row["evidence"]) for row in beyond(frame, cells, 25, where, "r").collect()}
        found.append(gone)
    assert found[0] == found[1]
    assert where
    gone = found[0]
    assert set(degrees) - set(gone) >= {f"sparse{n}" for n in range(5)}
    assert len(gone) == 19, "6 of 25 stay"
    for name, evidence in gone.items():
        assert evidence["matched"] not in gone
        apart = np.radians(degrees[name] - degrees[evidence["matched"]])
        assert abs(evidence["distance"] - (1 - np.cos(apart))) < 1e-3
        assert evidence["distance"] <= where.value + 1e-4
