"""A bounded sample of conversations on the driver: what topics are learned from, whatever the corpus's size."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from pipeline.audit.topics import conversations
from pipeline.rows.turns import turns_of
from pipeline.spark.frames import read_rows

MOST = 10_000
"""Conversations: 15 MB of vectors, and the nearest neighbours of all of them in 2 s on two cores."""
MOST_SHARDS = 40
MOST_CHARACTERS = 2000
"""Of a conversation's text, for the names of clusters."""


def sampled(shards: list[Path], segments: int, most: int = MOST) -> tuple[np.ndarray, np.ndarray]:
    """row_id [N] and sum of segment vectors [N, D] of conversations out of evenly spaced shards of embed, at most
    about `most` of them; all, where there are no more `segments`.

    A shard holds conversations in the order of row_id, which is a hash: its first ones are drawn at random.
    """
    count = min(len(shards), MOST_SHARDS)
    taken = shards if segments <= most else [shards[i * len(shards) // count] for i in range(count)]
    parts = [_first(shard, most if segments <= most else -(-most // count)) for shard in taken]
    dimensions = max(sums_ND.shape[1] for _, sums_ND in parts)
    parts = [(ids, sums_ND) for ids, sums_ND in parts if len(ids)]
    if not parts:
        return np.empty(0, dtype=object), np.empty((0, dimensions), dtype=np.float32)
    return np.concatenate([ids for ids, _ in parts]), np.concatenate([sums_ND for _, sums_ND in parts])


def _first(shard: Path, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The first conversations of a shard, whole ones, without reading the others."""
    file = pq.ParquetFile(shard)
    table = file.schema_arrow.empty_table().select(["row_id", "vector"])
    for batch in file.iter_batches(batch_size=1 << 12, columns=["row_id", "vector"]):
        table = pa.concat_tables([table, pa.Table.from_batches([batch])])
        if len(table["row_id"].unique()) > most:
            break
    ids, sums_ND = conversations(table)
    return ids[:most], sums_ND[:most]


def texts_of(spark: SparkSession | None, rows: Path, ids: np.ndarray) -> list[str]:
    """The beginning of the text of each conversation, in the order of `ids`. spark: None reads in this process."""
    found = _texts_by(spark, rows, ids) if spark else _texts_here(rows, pa.array(ids, pa.string()))
    by_id = dict(zip(found["row_id"].to_pylist(), found["text"].to_pylist(), strict=True))
    return [by_id[row_id] for row_id in ids.tolist()]


def _texts_by(spark: SparkSession, rows: Path, ids: np.ndarray) -> pa.Table:
    wanted = spark.createDataFrame([(row_id,) for row_id in ids.tolist()], "row_id string")
    text = F.concat_ws("\n", F.transform("messages", lambda message: message["content"]))
    return (
        read_rows(spark, rows)
        .join(F.broadcast(wanted), "row_id", "left_semi")
        .select("row_id", F.substring(text, 1, MOST_CHARACTERS).alias("text"))
        .toArrow()
    )


def _texts_here(rows: Path, ids: pa.Array) -> pa.Table:
    found: dict[str, list[str]] = {"row_id": [], "text": []}
    for file in sorted(rows.glob("*.parquet")):
        for batch in pq.ParquetFile(file).iter_batches(1 << 12, columns=["row_id", "messages"]):
            wanted = batch.filter(pc.is_in(batch["row_id"], value_set=ids))
            found["row_id"] += wanted["row_id"].to_pylist()
            found["text"] += ["\n".join(said for _, said in turns) for turns in turns_of(wanted["messages"])]
    found["text"] = [text[:MOST_CHARACTERS] for text in found["text"]]
    return pa.table(found, pa.schema({"row_id": pa.string(), "text": pa.string()}))
