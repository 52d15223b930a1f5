"""Conversations as unit vectors of small integers, of which products are exact.

A cosine in floating point depends, in its last bits, on how a library cuts a product into blocks and threads, and a
threshold or a rank then depends on the machine. Integers do not: components are multiples of 1 / SCALE, and all sums
of their products lie below 2^24, where float32 is exact in whatever order it adds. The price is an error of a cosine
of about 1e-4 (sqrt(2/12) / SCALE), and half the memory is saved."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from pipeline.audit.topics import conversations, unit

SCALE = 4000
"""A vector's length. With D components rounded it is below SCALE + sqrt(D) / 2, whose square is below 2^24 up to
36,000 components."""

VECTORS = "row_id string, vector binary"


def quantised(vectors_ND: np.ndarray) -> np.ndarray:
    """int16 [N, D]: the vectors at length SCALE, rounded. Any lengths but 0."""
    return np.rint(unit(vectors_ND.astype(np.float64)) * SCALE).astype(np.int16)


def products(a_ND: np.ndarray, b_MD: np.ndarray) -> np.ndarray:
    """float32 [N, M]: the exact products of quantised vectors (or of such as float32 already)."""
    return a_ND.astype(np.float32, copy=False) @ b_MD.astype(np.float32, copy=False).T


def similarity(product: np.ndarray | float) -> np.ndarray:
    """Cosines from products, with four digits; rounding may have made a vector a little longer than SCALE."""
    return np.round(np.minimum(np.asarray(product, np.float64) / SCALE**2, 1.0), 4)


def product_of(cosine: float) -> float:
    """The smallest product whose `similarity` is at least this cosine."""
    return float(np.ceil((cosine - 5e-5) * SCALE**2))


def to_binary(vectors_ND: np.ndarray) -> pa.Array:
    """The rows of an int16 matrix as binary values."""
    size, data = 2 * vectors_ND.shape[1], np.ascontiguousarray(vectors_ND, "<i2")
    offsets = pa.py_buffer((np.arange(len(vectors_ND) + 1) * size).astype(np.int32))
    return pa.Array.from_buffers(pa.binary(), len(vectors_ND), [None, offsets, pa.py_buffer(data)])


def from_binary(values: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """int16 [N, D] of binary values of one length."""
    flat = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if not len(flat):
        return np.empty((0, 0), np.int16)
    offsets = np.frombuffer(flat.buffers()[1], np.int32, len(flat) + 1, 4 * flat.offset)
    data = np.frombuffer(flat.buffers()[2], "<i2", (offsets[-1] - offsets[0]) // 2, int(offsets[0]))
    return data.reshape(len(flat), -1)


def shards_in(folder: Path) -> list[Path]:
    """The files of embed's table."""
    return sorted(folder.glob("*.parquet"))


def read_shard(path: Path | str) -> tuple[np.ndarray, np.ndarray]:
    """row_id [N] and quantised vector [N, D] of each conversation of a file of embed: the mean of its segments'."""
    row_ids, sums_ND = conversations(pq.read_table(path, columns=["row_id", "vector"]))
    return row_ids, quantised(sums_ND)


def over_shards(spark: SparkSession, shards: Iterable[Path]) -> DataFrame:
    """A frame of the paths, for mapInArrow; a task reads some of them."""
    paths = [(str(path),) for path in shards]
    return spark.createDataFrame(paths, "path string").repartition(max(1, min(len(paths), 1000)))


def frame_of(spark: SparkSession, shards: Iterable[Path]) -> DataFrame:
    """VECTORS of embed's conversations."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for path in batch["path"].to_pylist():
                row_ids, vectors_ND = read_shard(path)
                if len(row_ids):
                    yield pa.record_batch({"row_id": pa.array(row_ids), "vector": to_binary(vectors_ND)})

    return over_shards(spark, shards).mapInArrow(read, VECTORS)
