"""The vector store that the index stage writes and a search reads.

Two implementations pass the same tests: Qdrant Edge in this process (pipeline.index.qdrant_edge) and a
Qdrant server (pipeline.index.qdrant_server). Vectors are compared by cosine. The memory of the server
(serving.dialogue.memory) is another such store.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID, uuid5

import numpy as np

NAMESPACE = UUID("b1d6e0a4-0d5c-5b0e-9a53-3c1f6a1f0c11")
"""Of point ids; any fixed UUID does."""

TEXT_CHARS = 300
"""Most characters of its segment that a point's payload shows."""


FILTERED = ("source", "topic", "split", "user")
"""What of a payload searches are narrowed by, and servers keep an index of."""

CANDIDATES = 512
"""Of a search in the HNSW graph (hnsw_ef). Of a million conversations 128 found 0.95 of the ten nearest, and 0.91 where
a filter left a fiftieth of them; docs/vectors.md has the recall of these."""

Where = Mapping[str, str | list[str]]
"""Payload key to the value that is asked for, or to several of which one is."""


@dataclass(frozen=True)
class Hit:
    """A point near a vector. score is the cosine similarity."""

    id: str
    row_id: str
    score: float
    payload: dict[str, Any]


class VectorStore(Protocol):
    """Points: an id (UUID), a unit vector, and a payload with at least row_id."""

    def missing(self, ids: list[str]) -> set[str]:
        """Those of the ids that the store does not hold."""

    def upsert(self, ids: list[str], vectors_ND: np.ndarray, payloads: list[dict[str, Any]]) -> None:
        """Inserts points, or replaces those that are there. Written when it returns or at the next flush."""

    def flush(self) -> None:
        """Everything upserted so far survives a crash."""

    def optimise(self) -> None:
        """Prepares the store for searches, once everything is in it."""

    def count(self) -> int:
        """Points in the store, exactly."""

    def search(
        self, vector_D: np.ndarray, limit: int, where: Where | None = None, least: float | None = None
    ) -> list[Hit]:
        """The nearest points, the nearest first. least: the lowest score that counts."""

    def vectors(self, ids: list[str]) -> np.ndarray:
        """The unit vectors [N, D] of those points that are there, in no order; [0, 0] of none."""

    def delete(self, where: Where) -> None:
        """Deletes the points whose payload has these values; none when it names nothing."""

    def remove(self, ids: list[str]) -> None:
        """Deletes points by their ids; those that are not there are no error."""

    def close(self) -> None:
        """Flushes and releases everything."""


def point_id(row_id: str, segment: int) -> str:
    """The id of a segment's point: the same in every run and on every machine."""
    return str(uuid5(NAMESPACE, f"{row_id}/{segment}"))
