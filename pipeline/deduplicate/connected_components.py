"""Connected components of a graph: in memory while the graph is small, in Spark when it is not."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from pipeline.spark.exchange import Exchange, Sent
from pipeline.spark.session import task_progress

MOST_ROUNDS = 100
"""Rounds are O(log^2 n) (Kiveris et al.); more than this is a bug."""

EDGES_IN_MEMORY = 4_000_000
"""Edges that the driver takes, about 100 bytes each while it works; more stay in Spark."""

EDGES = pa.schema({"a": pa.int64(), "b": pa.int64()})
COMPONENTS = pa.schema({"vertex": pa.int64(), "component": pa.int64()})


def components_of(
    exchange: Exchange, edges: Sequence[Sent], scratch: Path, home: Callable[[np.ndarray], np.ndarray]
) -> Sent:
    """COMPONENTS of a graph, sent to the tasks that `home` gives vertices. edges: EDGES, made already."""
    if exchange.here:
        both = pa.concat_tables([exchange.gather(sent, "edges", EDGES) for sent in edges])
        found = components_in_memory(*(both.filter(pc.not_equal(both["a"], both["b"]))[n].to_numpy() for n in "ab"))
        table = pa.table([*found], schema=COMPONENTS)
        return exchange.send("components", table, home(found[0]))
    frame = connected_components(exchange.rows(edges, "edges", EDGES), scratch)
    return exchange.send_frame("components", frame, lambda table: home(table["vertex"].to_numpy()))


def connected_components(edges: DataFrame, scratch: Path, in_memory: int = EDGES_IN_MEMORY) -> DataFrame:
    """(vertex, component) for every vertex of an edge, where component is the smallest vertex.

    edges: columns a, b (bigint), cheap to read twice; direction, repetition and loops do not matter.
    scratch: folder for the rounds' edges; it must stay until the result has been used.
    in_memory: largest number of edges whose components are found on the driver.
    """
    wanted = edges.select("a", "b").where("a <> b")
    # one more than the driver takes: reading stops there
    head = wanted.limit(in_memory + 1).toArrow()
    if head.num_rows > in_memory:
        return components_in_spark(wanted, scratch)
    vertices, components = components_in_memory(head["a"].to_numpy(), head["b"].to_numpy())
    folder = scratch / "in-memory"
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "part-00000.parquet", vertices, components)
    return edges.sparkSession.read.parquet(str(folder))


def components_in_memory(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(vertices, the smallest vertex of each one's component), vertices ascending. a, b: int64 ends of edges."""
    from scipy.sparse import coo_matrix  # half a second, which every Spark worker would pay
    from scipy.sparse.csgraph import connected_components as scipy_components

    vertices, place = np.unique(np.concatenate([a, b]), return_inverse=True)
    count, ones = len(vertices), np.ones(len(a), np.int8)
    if not count:
        return vertices.astype(np.int64), vertices.astype(np.int64)
    _, label = scipy_components(coo_matrix((ones, (place[: len(a)], place[len(a) :])), (count, count)), directed=False)
    least = np.full(count, count)
    np.minimum.at(least, label, np.arange(count))
    return vertices, vertices[least[label]]


def _write(file: Path, vertices: np.ndarray, components: np.ndarray) -> None:
    columns = {"vertex": pa.array(vertices, pa.int64()), "component": pa.array(components, pa.int64())}
    pq.write_table(pa.table(columns), file)


def components_in_spark(edges: DataFrame, scratch: Path) -> DataFrame:
    """The same in Spark alone, whatever the number of edges.

    Alternating large-star and small-star: Kiveris, Lattanzi, Mirrokni, Rastogi and Vassilvitskii,
    Connected Components in MapReduce and Beyond, SoCC 2014. Neighbours are never collected, so the
    degree of a vertex is bounded by the disk alone.
    """
    spark = edges.sparkSession
    links = edges
    for number in range(MOST_ROUNDS):
        folder = str(scratch / f"round-{number}")
        with task_progress(spark, f"components, round {number + 1}"):
            _small_star(_large_star(links)).write.mode("overwrite").parquet(folder)
            links = spark.read.parquet(folder)
            settled = _settled(links)
        if settled:
            leaves = links.select(F.col("a").alias("vertex"), F.col("b").alias("component"))
            centres = links.select(F.col("b").alias("vertex"), F.col("b").alias("component")).distinct()
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
