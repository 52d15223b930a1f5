"""Training rows near an item that the model is measured by: what was said in other words is known all the same.

Rephrased test items pass every comparison of words (Yang et al. 2023, Rethinking Benchmark and Contamination for
Language Models with Rephrased Samples, arXiv 2311.04850, which finds them by cosine as well). Nothing is verified
beyond the cosine: a row that is lost in vain costs little, a score that is not true costs trust.

Each evaluation item is compared with the rows of the cells nearest to it. Known limitation: a conversation has one
vector, so an item that is but a turn of a long conversation is not found (deduplicate finds it word by word).
"""

import json

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline.selection.cells import Cells, cell_by_cell, placed
from pipeline.selection.semantic_duplicates import DROPPED
from pipeline.selection.vectors import from_binary, products, similarity
from pipeline.spark.blocks import Batches

RULE = "near_evaluation"
PROBES = 8
"""Cells that an item is looked for in."""
MOST = 100_000
PRODUCTS = 1 << 24
"""Computed at once: 64 MB."""


def near_evaluation(rows: DataFrame, items: DataFrame, cells: Cells, count: int, least: float) -> DataFrame:
    """(row_id, rule, evidence) of the rows near an item, with the nearest. rows: `count` rows of row_id and vector;
    items: row_id, evaluation_set and vector."""
    trains = placed(rows.select("row_id", "vector", F.lit(None).cast("string").alias("evaluation_set")), cells)
    measured = placed(items.select("row_id", "vector", "evaluation_set"), cells, PROBES)

    def work(table: pa.Table) -> Batches:
        item = table["evaluation_set"].is_valid().to_numpy()
        vectors_ND, row_ids = from_binary(table["vector"]), np.array(table["row_id"].to_pylist(), object)
        sets = np.array(table["evaluation_set"].to_pylist(), object)[item]
        best, cosine_N = nearest_of(vectors_ND[~item], vectors_ND[item])
        near = np.flatnonzero(cosine_N >= least)
        evidence = [
            json.dumps(
                {"matched": row_ids[item][best[n]], "evaluation_set": sets[best[n]], "similarity": float(cosine_N[n])}
            )
            for n in near
        ]
        columns = [row_ids[~item][near].tolist(), [RULE] * len(near), evidence]
        yield pa.record_batch([pa.array(c, pa.string()) for c in columns], ["row_id", "rule", "evidence"])

    return cell_by_cell(trains.union(measured), count, work, DROPPED, MOST, ("row_id",), "evaluation_set")


def nearest_of(rows_ND: np.ndarray, items_MD: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The place of the item nearest to each row, of equal ones the first, and the cosine; −1 without any items."""
    best, cosine_N = np.zeros(len(rows_ND), np.int64), np.full(len(rows_ND), -1.0)
    items_MD = items_MD.astype(np.float32)
    block = max(1, PRODUCTS // max(len(items_MD), 1))
    for at in range(0, len(rows_ND) if len(items_MD) else 0, block):
        product_BM = products(rows_ND[at : at + block], items_MD)
        best[at : at + block] = product_BM.argmax(axis=1)
        cosine_N[at : at + block] = similarity(product_BM.max(axis=1))
    return best, cosine_N
