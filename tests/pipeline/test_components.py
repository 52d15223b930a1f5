"""Connected components by alternating stars."""

from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from pyspark.sql import SparkSession

from pipeline.components import connected_components


def components(spark: SparkSession, edges: list[tuple[str, str]], scratch: Path) -> dict[str, str]:
    frame = spark.createDataFrame(edges, "a string, b string")
    rows = connected_components(frame, scratch).collect()
    found = {row["vertex"]: row["component"] for row in rows}
    assert len(found) == len(rows), "a vertex appears once"
    return found


def by_union_find(edges: list[tuple[str, str]]) -> dict[str, str]:
    parent: dict[str, str] = {}

    def root(v: str) -> str:
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
        ([("b", "a")], {"a": "a", "b": "a"}),
        ([("a", "a")], {}),
        ([("a", "b"), ("b", "a"), ("a", "b")], {"a": "a", "b": "a"}),
        ([("c", "d"), ("b", "c"), ("x", "y")], {"b": "b", "c": "b", "d": "b", "x": "x", "y": "x"}),
    ],
    ids=["no edge", "one edge", "a loop", "the same edge thrice", "two components"],
)
def test_the_component_is_the_smallest_vertex(
    spark: SparkSession, tmp_path: Path, edges: list[tuple[str, str]], expected: dict[str, str]
) -> None:
    assert components(spark, edges, tmp_path) == expected


def test_a_long_chain_and_random_graphs_agree_with_union_find(spark: SparkSession, tmp_path: Path) -> None:
    random = Random(3)
    names = [f"{random.getrandbits(64):016x}" for _ in range(400)]
    chain = list(pairwise(names[:60]))
    sparse = [(random.choice(names[60:]), random.choice(names[60:])) for _ in range(170)]
    edges = chain + sparse
    assert components(spark, edges, tmp_path) == by_union_find(edges)
