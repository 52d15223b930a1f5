"""Connected components, in memory and by alternating stars."""

from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest
from pyspark.sql import SparkSession

from pipeline.deduplicate.connected_components import components_in_memory, connected_components

Edges = list[tuple[int, int]]


def components(spark: SparkSession, edges: Edges, scratch: Path, in_memory: int) -> dict[int, int]:
    frame = spark.createDataFrame(edges, "a bigint, b bigint")
    rows = connected_components(frame, scratch, in_memory).collect()
    found = {row["vertex"]: row["component"] for row in rows}
    assert len(found) == len(rows), "a vertex appears once"
    return found


def by_union_find(edges: Edges) -> dict[int, int]:
    parent: dict[int, int] = {}

    def root(v: int) -> int:
        while parent.setdefault(v, v) != v:
            v = parent[v]
        return v

    for a, b in edges:
        if a != b:
            low, high = sorted((root(a), root(b)))
            parent[high] = low
    return {v: root(v) for v in list(parent)}


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([], {}),
        ([(2, 1)], {1: 1, 2: 1}),
        ([(1, 1)], {}),
        ([(1, 2), (2, 1), (1, 2)], {1: 1, 2: 1}),
        ([(-3, 4), (2, -3), (8, 9)], {-3: -3, 2: -3, 4: -3, 8: 8, 9: 8}),
    ],
    ids=["no edge", "one edge", "a loop", "the same edge thrice", "two components"],
)
def test_the_component_is_the_smallest_vertex(
    spark: SparkSession, tmp_path: Path, edges: Edges, expected: dict[int, int]
) -> None:
    assert components(spark, edges, tmp_path, in_memory=100) == expected


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([], {}),
        ([(7, 3), (9, 7), (4, 5)], {3: 3, 7: 3, 9: 3, 4: 4, 5: 4}),
        ([(2, 2), (-1, 6)], {2: 2, -1: -1, 6: -1}),
    ],
)
def test_in_memory_vertices_ascend_and_each_has_its_smallest(edges: Edges, expected: dict[int, int]) -> None:
    a, b = (np.array([edge[end] for edge in edges], np.int64) for end in (0, 1))
    vertices, least = components_in_memory(a, b)
    assert vertices.tolist() == sorted(expected)
    assert dict(zip(vertices.tolist(), least.tolist(), strict=True)) == expected
    assert vertices.dtype == least.dtype == np.int64


def test_a_long_chain_and_random_graphs_agree_with_union_find(spark: SparkSession, tmp_path: Path) -> None:
    random = Random(3)
    names = [random.getrandbits(63) for _ in range(400)]
    chain = list(pairwise(names[:60]))
    sparse = [(random.choice(names[60:]), random.choice(names[60:])) for _ in range(170)]
    edges = chain + sparse
    expected = by_union_find(edges)
    assert components(spark, edges, tmp_path / "memory", in_memory=len(edges)) == expected
    assert components(spark, edges, tmp_path / "spark", in_memory=len(edges) - 1) == expected
