"""Qdrant Edge: Qdrant's own storage and search in this process, as files in a folder.

Its files are not the same bytes on every run (segments are named by random UUIDs), so an index is
compared by its points, not by its checksums.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as edge

from configs.errors import UserError
from pipeline.contract.temporary_folder import TemporaryFolder
from pipeline.index.store import CANDIDATES, FILTERED, Hit, Where

INDEXING_THRESHOLD_KB = 200_000
"""Vectors beyond this get an HNSW graph. Below (130,000 of 384 dimensions) a full scan takes milliseconds
and is exact, while building the graph of 20,000 takes 8 s on two cores."""

DELETED_SHARE = 0.5
"""Most of a segment that is deleted before its graph is built again. Every change of a point, also of its payload
alone, deletes it from its segment and writes it into another (findings/qdrant_edge_payload_moves_points.sh), and topics
are learned anew for each corpus, so Qdrant's 0.2 built the whole graph again for a tenth of the rows. docs/vectors.md
has what is found."""

SEGMENTS = 4
"""More are merged, the smallest first. Qdrant's own number follows the cores and is 2 on few of them: a second graph is
then merged with the first one, which is built again for it."""

REWRITTEN_AT_ONCE = 1000


class EdgeStore:
    """A VectorStore in a folder. One process at a time may have it open for writing."""

    def __init__(self, folder: Path, dimensions: int) -> None:
        """Opens the store at `folder`, or makes one. Raises UserError where it holds vectors of another size."""
        self._scratch: TemporaryFolder | None = None
        config = edge.EdgeConfig(
            vectors=edge.EdgeVectorParams(dimensions, edge.Distance.Cosine),
            optimizers=edge.EdgeOptimizersConfig(
                indexing_threshold=INDEXING_THRESHOLD_KB,
                deleted_threshold=DELETED_SHARE,
                default_segment_number=SEGMENTS,
            ),
            wal_enabled=False,  # 100 MB of preallocated log; an index stage that is killed begins anew
        )
        if folder.exists():
            self._shard = _opened(folder, config)
            return
        folder.mkdir(parents=True)
        self._shard = edge.EdgeShard.create(str(folder), config)
        for key in FILTERED:  # without one, 20,000 payloads are read for each search that is narrowed: 100 ms
            self._shard.update(edge.UpdateOperation.create_field_index(key, edge.PayloadSchemaType.Keyword))

    @classmethod
    def copy_of(cls, folder: Path) -> "EdgeStore":
        """A store to search in that leaves `folder` as it is. Edge rewrites files when it opens a store, so
        a copy is opened, which costs a second a gigabyte."""
        scratch = TemporaryFolder("index")
        copy = scratch.path / "store"
        shutil.copytree(folder, copy)
        store = cls.__new__(cls)
        store._scratch = scratch
        store._shard = edge.EdgeShard.load(str(copy))
        return store

    def missing(self, ids: list[str]) -> set[str]:
        found = self._shard.retrieve(list(ids), with_payload=False, with_vector=False)
        return set(ids) - {str(record.id) for record in found}

    def upsert(self, ids: list[str], vectors_ND: np.ndarray, payloads: list[dict[str, Any]]) -> None:
        points = [edge.Point(i, v, p) for i, v, p in zip(ids, vectors_ND.tolist(), payloads, strict=True)]
        self._shard.update(edge.UpdateOperation.upsert_points(points))

    def flush(self) -> None:
        self._shard.flush()

    def optimise(self) -> None:
        """Builds the HNSW graph of a large store; of one that has a graph, another of the points since, once they are
        as many. Merges segments beyond SEGMENTS, and rewrites those of which more than DELETED_SHARE is deleted."""
        self._shard.optimize()

    def count(self) -> int:
        return self._shard.count(edge.CountRequest(exact=True))

    def search(
        self, vector_D: np.ndarray, limit: int, where: Where | None = None, least: float | None = None
    ) -> list[Hit]:
        request = edge.QueryRequest(
            limit=limit,
            query=edge.Query.Nearest(vector_D.tolist()),
            filter=_filter(where) if where else None,
            score_threshold=least,
            params=edge.SearchParams(hnsw_ef=max(CANDIDATES, limit)),
            with_payload=True,
        )
        found = [(str(p.id), float(p.score), p.payload or {}) for p in self._shard.query(request)]
        return [Hit(i, payload["row_id"], score, payload) for i, score, payload in found]

    def vectors(self, ids: list[str]) -> np.ndarray:
        found = self._shard.retrieve(list(ids), with_payload=False, with_vector=True)
        return np.array([record.vector for record in found], np.float32).reshape(len(found), -1 if found else 0)

    def delete(self, where: Where) -> None:
        """The bytes of deleted points stay in the files until `rewrite`."""
        if where:
            self._shard.update(edge.UpdateOperation.delete_points_by_filter(_filter(where)))
            self._shard.flush()

    def remove(self, ids: list[str]) -> None:
        """As of `delete`, the bytes stay."""
        if ids:
            self._shard.update(edge.UpdateOperation.delete_points(list(ids)))

    def close(self) -> None:
        self._shard.close()
        if self._scratch:
            self._scratch.cleanup()


def _opened(folder: Path, config: edge.EdgeConfig) -> edge.EdgeShard:
    try:
        return edge.EdgeShard.load(str(folder), config)
    except Exception as error:  # Qdrant Edge has no class of its own
        if "expected vector size" not in str(error):
            raise
        size = config.vectors[""].size
        raise UserError(
            f"{folder} holds vectors of another size than the {size} of embed.model; delete the folder, which is then "
            "made anew, or name the earlier model"
        ) from error


def _filter(where: Where) -> edge.Filter:
    return edge.Filter(must=[edge.FieldCondition(key, match=_match(value)) for key, value in where.items()])


def _match(value: str | list[str]) -> edge.MatchValue | edge.MatchAny:
    return edge.MatchAny(value) if isinstance(value, list) else edge.MatchValue(value)


def rewrite(folder: Path, keep: Callable[[dict[str, Any]], bool] = lambda _: True) -> int:
    """Makes a store anew of the points whose payload is to be kept, so that its files hold nothing of others.

    Returns how many points are gone. A crash leaves the old store, or the new one.
    """
    old, new, gone = edge.EdgeShard.load(str(folder)), folder.with_name(f".{folder.name}.new"), 0
    shutil.rmtree(new, ignore_errors=True)
    store: EdgeStore | None = None
    offset = None
    while True:
        request = edge.ScrollRequest(offset=offset, limit=REWRITTEN_AT_ONCE, with_payload=True, with_vector=True)
        records, offset = old.scroll(request)
        if records and store is None:
            store = EdgeStore(new, len(np.array(records[0].vector)))
        kept = [record for record in records if keep(record.payload or {})]
        gone += len(records) - len(kept)
        if kept and store:
            vectors_ND = np.array([record.vector for record in kept], np.float32)
            store.upsert([str(r.id) for r in kept], vectors_ND, [r.payload or {} for r in kept])
        if offset is None:
            break
    old.close()
    if store:
        store.optimise()
        store.flush()
        store.close()
        aside = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        new.rename(folder)
        shutil.rmtree(aside)
    return gone
