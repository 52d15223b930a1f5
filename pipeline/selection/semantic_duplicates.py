"""SemDeDup (Abbas et al. 2023, arXiv 2303.09540, section 3), verified: of rows that say the same, one stays.

Rows are compared by cosine within the cells of k-means. There they are visited longest first (of equal ones the
smallest row_id), and a row goes when one that stayed is near enough and says the same (same_statement): so each
dropped row was compared with the row that stays for it, and a chain of small steps drops nothing far from what is
kept. The paper keeps the row farthest from its centroid, which is the oddest one; the longest has most to learn from.

Known limitation: duplicates on two sides of a border between cells are not found (benchmarks/selection.py says how
many)."""

import json

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from pipeline.rows.turns import turns_of
from pipeline.selection.cells import Cells, cell_by_cell, placed
from pipeline.selection.same_statement import Statements
from pipeline.selection.vectors import from_binary, product_of, products, similarity
from pipeline.spark.blocks import Batches

RULE = "semantic_duplicate"
DROPPED = "row_id string, rule string, evidence string"

MOST = 50_000
"""Rows compared with each other: 80 MB of vectors, and 10^12 operations at the most."""
BLOCK = 256
NEIGHBOURS = 64
"""A row is verified against so many of the rows that stay near it, the nearest first."""


def semantic_duplicates(rows: DataFrame, cells: Cells, count: int, least: float) -> DataFrame:
    """(row_id, rule, evidence) of the rows that go. rows: `count` rows of row_id, chars, messages and vector."""

    def work(table: pa.Table) -> Batches:
        best = table.sort_by([("chars", "descending"), ("row_id", "ascending")]).combine_chunks()
        found = duplicates_in(from_binary(best["vector"]), Statements(turns_of(best["messages"])), least)
        row_ids = best["row_id"].to_pylist()
        yield pa.record_batch(
            {
                "row_id": pa.array([row_ids[row] for row, _, _ in found], pa.string()),
                "rule": pa.array([RULE] * len(found), pa.string()),
                "evidence": pa.array(
                    [json.dumps({"matched": row_ids[kept], "similarity": cosine}) for _, kept, cosine in found],
                    pa.string(),
                ),
            }
        )

    return cell_by_cell(placed(rows, cells), count, work, DROPPED, MOST, ("second", "row_id"))


def duplicates_in(vectors_ND: np.ndarray, said: Statements, least: float) -> list[tuple[int, int, float]]:
    """(row, the row that stays for it, their cosine) of rows in the order in which they are to stay."""
    vectors_ND, enough = vectors_ND.astype(np.float32), product_of(least)
    stays = np.ones(len(vectors_ND), bool)
    found = []
    for begin in range(0, len(vectors_ND), BLOCK):
        end = min(begin + BLOCK, len(vectors_ND))
        product_BN = products(vectors_ND[begin:end], vectors_ND[:end])
        for row in range(begin, end):
            near = np.flatnonzero((product_BN[row - begin, :row] >= enough) & stays[:row])
            nearest = near[np.argsort(-product_BN[row - begin, near], kind="stable")][:NEIGHBOURS]
            kept = next((other for other in nearest.tolist() if said.same(row, other)), None)
            if kept is not None:
                stays[row] = False
                found.append((row, kept, float(similarity(product_BN[row - begin, kept]))))
    return found
