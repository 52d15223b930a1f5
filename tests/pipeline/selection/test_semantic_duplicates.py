"""Semantic duplicates: near by cosine within a cell, verified by what they say, one kept."""

import json
from typing import Any

import numpy as np
from pyspark.sql import SparkSession

from pipeline.selection.cells import Cells
from pipeline.selection.same_statement import Statements
from pipeline.selection.semantic_duplicates import RULE, duplicates_in, semantic_duplicates
from pipeline.selection.vectors import quantised, to_binary

REPLY = "Open the settings, choose reset and follow the mail."


def at(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def statements(*prompts: str) -> Statements:
    return Statements([[("user", prompt), ("assistant", REPLY)] for prompt in prompts])


ASKED = "How can I reset my password in the shop?"
POLITE = "Could you please tell me how I can reset my password in the shop?"
OTHER = "How can I reset my router in the shop?"


def test_a_row_goes_for_the_first_that_is_near_and_says_the_same() -> None:
    vectors_ND = quantised(np.stack([at(0), at(1), at(2), at(90)]))
    found = duplicates_in(vectors_ND, statements(POLITE, OTHER, ASKED, POLITE), 0.95)
    assert [(row, kept) for row, kept, _ in found] == [(2, 0)]
    assert abs(found[0][2] - np.cos(np.radians(2))) < 5e-4


def test_a_chain_of_small_steps_drops_nothing_far_from_what_stays() -> None:
    vectors_ND = quantised(np.stack([at(15 * n) for n in range(5)]))
    found = duplicates_in(vectors_ND, statements(*[ASKED] * 5), 0.95)
    assert [(row, kept) for row, kept, _ in found] == [(1, 0), (3, 2)], "15 degrees are near, 30 are not"


def rows_of(spark: SparkSession, rows: list[tuple[str, str, float]]) -> Any:
    vectors = to_binary(quantised(np.stack([at(degrees) for _, _, degrees in rows]))).to_pylist()
    talks = [[{"role": "user", "content": said}, {"role": "assistant", "content": REPLY}] for _, said, _ in rows]
    lines = [
        (name, len(said), talk, bytes(vector))
        for (name, said, _), talk, vector in zip(rows, talks, vectors, strict=True)
    ]
    schema = "row_id string, chars int, messages array<struct<role string, content string>>, vector binary"
    return spark.createDataFrame(lines, schema)


def test_the_longest_stays_and_the_others_name_it_and_the_cosine(spark: SparkSession) -> None:
    rows: list[tuple[str, str, float]] = [
        ("a", ASKED, 0),
        ("b", POLITE, 3),
        ("c", OTHER, 1),
        ("d", ASKED, 180),
        ("e", f"{ASKED}?", 4),
    ]
    cells = Cells(quantised(np.stack([at(0), at(180)])))
    found = []
    for order, tasks in ((rows, 1), (rows[::-1], 4)):
        frame = rows_of(spark, order).repartition(tasks)
        dropped = semantic_duplicates(frame, cells, 5, 0.95).collect()
        found.append({row["row_id"]: (row["rule"], json.loads(row["evidence"])) for row in dropped})
    assert found[0] == found[1]
    assert {name: evidence["matched"] for name, (rule, evidence) in found[0].items() if rule == RULE} == {
        "a": "b",
        "e": "b",
    }
    assert abs(found[0]["a"][1]["similarity"] - np.cos(np.radians(3))) < 5e-4
