"""A subset that covers the corpus: k-center greedy (Gonzalez 1985; as a coreset Sener and Savarese 2018) in cells.

Within a cell the next row is always the one farthest from all before (the first is the one nearest to the mean). A
row's radius is its cosine distance to those before it; along a cell it only shrinks. Cutting all cells at one radius
keeps every row that is farther than that from what was kept in its cell, and every dropped row lies within it of a
row that stays: dense places are thinned, sparse ones are not, which is what D4 (Tirumala et al. 2023, arXiv
2308.12284) prunes by clusters for. Twice the work of one pass, since the cut is known only after it.

Known limitation: what is odd is kept first, also what is odd because it is bad. Rules come before (clean).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from pipeline.selection.budget import Cut
from pipeline.selection.cells import Cells, cell_by_cell, placed
from pipeline.selection.semantic_duplicates import DROPPED
from pipeline.selection.vectors import SCALE, from_binary, quantised, similarity
from pipeline.spark.blocks import Batches

RANKED = "row_id string, value double, place int"
MOST = 2048
"""Rows of a piece: a row costs so many products. 6 MB of vectors, which lie in a core's cache."""
ORDER = ("second", "row_id")


@dataclass(frozen=True)
class Traversal:
    """Rows in the order in which they are taken, `taken` of them; of every row the one nearest to it among those, and
    the cosine distance. radius: of each taken row its distance to those taken before it, 2 for the first."""

    order: np.ndarray
    radius: np.ndarray
    nearest: np.ndarray
    distance: np.ndarray


def traversal(vectors_ND: np.ndarray, takes: Callable[[float, int, int], bool] | None = None) -> Traversal:
    """Farthest-first, of equal ones the first; until `takes` says no to (radius, place, row)."""
    x_ND = vectors_ND.astype(np.float32)
    count = len(x_ND)
    best_N, nearest = np.full(count, -np.inf, np.float32), np.zeros(count, np.int64)
    order, radius = np.empty(count, np.int64), np.empty(count)
    mean_D = quantised(vectors_ND.sum(axis=0, dtype=np.int64)[None])[0].astype(np.float32)
    following = int((x_ND @ mean_D).argmax())
    for place in range(count):
        far = 2.0 if place == 0 else float(_distance(best_N[following]))
        if takes and not takes(far, place, following):
            order, radius = order[:place], radius[:place]
            break
        order[place], radius[place] = following, far
        product_N = x_ND @ x_ND[following]
        closer = product_N > best_N
        best_N[closer], nearest[closer] = product_N[closer], following
        best_N[following] = np.inf
        following = int(best_N.argmin())
    return Traversal(order, radius, nearest, _distance(np.minimum(best_N, SCALE**2)))


def _distance(product: np.ndarray | float) -> np.ndarray:
    return np.round(1 - similarity(product), 4)


def ranked(rows: DataFrame, cells: Cells, count: int) -> DataFrame:
    """RANKED: of each row its radius and its place in its piece. rows: `count` rows of row_id and vector."""

    def work(table: pa.Table) -> Batches:
        found = traversal(from_binary(table["vector"]))
        places = np.arange(len(found.order), dtype=np.int32)
        row_ids = table["row_id"].take(pa.array(found.order)).combine_chunks()
        yield pa.record_batch([row_ids, pa.array(found.radius), pa.array(places)], ["row_id", "value", "place"])

    return cell_by_cell(placed(rows, cells), count, work, RANKED, MOST, ORDER)


def beyond(rows: DataFrame, cells: Cells, count: int, cut: Cut, rule: str) -> DataFrame:
    """(row_id, rule, evidence) of the rows that the cut does not keep, with the row nearest to each that stays, where
    its piece has one."""

    def work(table: pa.Table) -> Batches:
        row_ids = table["row_id"].to_pylist()
        found = traversal(
            from_binary(table["vector"]), lambda radius, place, row: cut.holds(radius, place, row_ids[row])
        )
        gone = np.setdiff1d(np.arange(len(row_ids)), found.order)
        near = [
            {"matched": row_ids[found.nearest[row]], "distance": float(found.distance[row])} if len(found.order) else {}
            for row in gone
        ]
        columns = [
            [row_ids[row] for row in gone],
            [rule] * len(gone),
            [json.dumps({"method": "diverse"} | evidence) for evidence in near],
        ]
        yield pa.record_batch([pa.array(c, pa.string()) for c in columns], ["row_id", "rule", "evidence"])

    return cell_by_cell(placed(rows, cells), count, work, DROPPED, MOST, ORDER)
