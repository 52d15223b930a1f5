"""What annotate's Spark workers run on vectors: the topic and the cluster of each conversation.

Apart from the learning of topics, because a worker imports the module of what it runs, and here that is little.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from configs.audit import OTHER_TOPIC

TOPIC_SCHEMA = "row_id string, topic string, topic_similarity float, cluster string"
TOPICS = pa.schema(
    {"row_id": pa.string(), "topic": pa.string(), "topic_similarity": pa.float32(), "cluster": pa.string()}
)
"""The same of Arrow."""


@dataclass(frozen=True)
class Topics:
    """A linear classifier of conversations, whichever way it was learned, and the centres of the clusters.

    names: T topics; the last class is `other`. weights_DC, bias_C: [D, T+1] and [T+1], over a conversation's unit
    vector less centre_D, made a unit again. phrases_PD: the phrases' unit vectors, P of them, and topic_P, the topic
    of each. centroids_KD: unit vectors in the same centred space, and their names.
    """

    names: list[str]
    centre_D: np.ndarray
    weights_DC: np.ndarray
    bias_C: np.ndarray
    phrases_PD: np.ndarray
    topic_P: np.ndarray
    clusters: list[str]
    centroids_KD: np.ndarray

    def classes(self, sums_ND: np.ndarray) -> np.ndarray:
        """The class [N] of each sum (or mean) of segment vectors; len(names) is `other`."""
        return (self.centred(sums_ND) @ self.weights_DC + self.bias_C).argmax(axis=1)

    def similarity(self, sums_ND: np.ndarray, class_N: np.ndarray) -> np.ndarray:
        """Cosine [N] to the nearest phrase of the topic; of `other`, to the nearest of any."""
        cosine_NP = unit(sums_ND) @ self.phrases_PD.T
        own_NP = (self.topic_P == class_N[:, None]) | (class_N[:, None] == len(self.names))
        return np.where(own_NP, cosine_NP, -1).max(axis=1)

    def nearest_cluster(self, sums_ND: np.ndarray) -> np.ndarray:
        """The number [N] of the cluster whose centre is nearest."""
        return (self.centred(sums_ND) @ self.centroids_KD.T).argmax(axis=1)

    def centred(self, sums_ND: np.ndarray) -> np.ndarray:
        return unit(unit(sums_ND) - self.centre_D)


def unit(vectors_ND: np.ndarray) -> np.ndarray:
    """Rows of length one; a row of zeros stays one."""
    return vectors_ND / np.maximum(np.linalg.norm(vectors_ND, axis=1, keepdims=True), 1e-12)


def of_vectors(batches: Iterator[pa.RecordBatch], topics: Topics) -> Iterator[pa.RecordBatch]:
    """Paths of embed's shards come in, TOPIC_SCHEMA goes out."""
    names = np.array([*topics.names, OTHER_TOPIC], dtype=object)
    clusters = np.array(topics.clusters, dtype=object)
    for batch in batches:
        for path in batch.column("path").to_pylist():
            ids, sums_ND = conversations(pq.read_table(path, columns=["row_id", "vector"]))
            if not len(ids):
                continue
            class_N = topics.classes(sums_ND)
            nearest = clusters[topics.nearest_cluster(sums_ND)] if len(clusters) else [None] * len(ids)
            arrays = [
                pa.array(ids),
                pa.array(names[class_N], pa.string()),
                pa.array(topics.similarity(sums_ND, class_N), pa.float32()),
                pa.array(nearest, pa.string()),
            ]
            yield pa.RecordBatch.from_arrays(arrays, ["row_id", "topic", "topic_similarity", "cluster"])


def conversations(segments: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """row_id [N] and the sum [N, D] of the segment vectors of each; a conversation's segments follow each other."""
    row_ids = segments["row_id"].to_numpy()
    dimensions = segments.schema.field("vector").type.list_size
    vectors_SD = segments["vector"].combine_chunks().flatten().to_numpy().reshape(-1, dimensions)
    if not len(row_ids):
        return row_ids, vectors_SD
    firsts = np.flatnonzero(np.r_[True, row_ids[1:] != row_ids[:-1]])
    return row_ids[firsts], np.add.reduceat(vectors_SD, firsts)
