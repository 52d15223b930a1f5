"""Rows near to what the model is measured by."""

import json

import numpy as np
from pyspark.sql import DataFrame, SparkSession

from pipeline.selection.cells import Cells
from pipeline.selection.near_evaluation import near_evaluation, nearest_of
from pipeline.selection.vectors import quantised, to_binary


def at(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def frame(spark: SparkSession, of: dict[str, float], *sets: str) -> DataFrame:
    vectors = to_binary(quantised(np.stack([at(degrees) for degrees in of.values()]))).to_pylist()
    rows = [(name, bytes(vector), *sets) for name, vector in zip(of, vectors, strict=True)]
    return spark.createDataFrame(rows, "row_id string, vector binary" + (", evaluation_set string" if sets else ""))


def test_a_row_near_an_item_goes_also_across_the_border_of_a_cell(spark: SparkSession) -> None:
    cells = Cells(quantised(np.stack([at(0), at(90), at(180), at(270)])))
    rows = frame(spark, {"near": 44.0, "far": 10.0, "other": 200.0})
    items = frame(spark, {"q1": 46.0, "q2": 60.0}, "probes/facts")
    dropped = near_evaluation(rows, items, cells, 3, 0.99).collect()
    assert [(row["row_id"], row["rule"]) for row in dropped] == [("near", "near_evaluation")]
    evidence = json.loads(dropped[0]["evidence"])
    assert evidence | {"similarity": 0} == {"matched": "q1", "evaluation_set": "probes/facts", "similarity": 0}
    assert abs(evidence["similarity"] - np.cos(np.radians(2))) < 5e-4


def test_without_an_item_nothing_goes(spark: SparkSession) -> None:
    rows, items = frame(spark, {"a": 0.0}), frame(spark, {"q": 0.0}, "test").where("row_id = 'none'")
    assert near_evaluation(rows, items, Cells(quantised(at(0)[None])), 1, 0.5).count() == 0
    best, cosines = nearest_of(quantised(at(0)[None]), np.empty((0, 2), np.int16))
    assert (best.tolist(), cosines.tolist()) == ([0], [-1.0])
