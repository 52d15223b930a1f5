"""How near each conversation is to the nearest of a few examples."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from pipeline.selection.near_evaluation import nearest_of
from pipeline.selection.vectors import over_shards, read_shard

NEARNESS = "row_id string, similarity double, example int"


def nearness(spark: SparkSession, shards: Iterable[Path], examples_ED: np.ndarray) -> DataFrame:
    """NEARNESS of embed's conversations. examples_ED: quantised, one at the least; `example` counts them from 1."""

    def compare(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for path in batch["path"].to_pylist():
                row_ids, vectors_ND = read_shard(path)
                if len(row_ids):
                    best, cosine_N = nearest_of(vectors_ND, examples_ED)
                    columns = [pa.array(row_ids), pa.array(cosine_N), pa.array((best + 1).astype(np.int32))]
                    yield pa.record_batch(columns, ["row_id", "similarity", "example"])

    return over_shards(spark, shards).mapInArrow(compare, NEARNESS)
