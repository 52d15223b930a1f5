"""Connected components of a graph in Spark."""

from pathlib import Path

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from pipeline.session import task_progress

MOST_ROUNDS = 100
"""Rounds are O(log^2 n) (Kiveris et al.); more than this is a bug."""


def connected_components(edges: DataFrame, scratch: Path) -> DataFrame:
    """(vertex, component) for every vertex of an edge, where component is the smallest vertex.

    edges: columns a, b (strings); direction, repetition and loops do not matter.
    scratch: folder for the rounds' edges; it must stay until the result has been used.

    Alternating large-star and small-star: Kiveris, Lattanzi, Mirrokni, Rastogi and Vassilvitskii,
    Connected Components in MapReduce and Beyond, SoCC 2014. Neighbours are never collected, so the
    degree of a vertex is bounded by the disk alone.
    """
    spark = edges.sparkSession
    stars = edges.select("a", "b").where("a <> b")
    for number in range(MOST_ROUNDS):
        folder = str(scratch / f"round-{number}")
        with task_progress(spark, f"components, round {number + 1}"):
            _small_star(_large_star(stars)).write.mode("overwrite").parquet(folder)
            stars = spark.read.parquet(folder)
            settled = _settled(stars)
        if settled:
            leaves = stars.select(F.col("a").alias("vertex"), F.col("b").alias("component"))
            centres = stars.select(F.col("b").alias("vertex"), F.col("b").alias("component")).distinct()
            return leaves.union(centres)
    raise AssertionError(f"components did not settle in {MOST_ROUNDS} rounds")


def _large_star(edges: DataFrame) -> DataFrame:
    """Every larger neighbour of a vertex is linked to the vertex's smallest neighbour."""
    both = edges.select("a", "b").union(edges.select(F.col("b"), F.col("a")))
    least = F.least(F.col("a"), F.min("b").over(Window.partitionBy("a")))
    return both.select("a", "b", least.alias("least")).where("b > a").select(F.col("b").alias("a"), F.col("least"))


def _small_star(links: DataFrame) -> DataFrame:
    """A vertex and its smaller neighbours are linked to the smallest of them. Rows (a, b) with a > b."""
    down = links.select("a", F.col("least").alias("b")).where("a > b")
    ranked = down.select("a", "b", F.min("b").over(Window.partitionBy("a")).alias("least"))
    moved = ranked.where("b > least").select(F.col("b").alias("a"), F.col("least").alias("b"))
    return moved.union(ranked.select("a", F.col("least").alias("b"))).distinct()


def _settled(stars: DataFrame) -> bool:
    """Whether every vertex is either a centre or a leaf of exactly one centre."""
    places = stars.select("a").union(stars.select("b").distinct())
    return places.groupBy("a").count().where("count > 1").isEmpty()
