"""The corpus searched by meaning: what lies near a text, or near a row."""

from functools import cached_property
from types import TracebackType

import numpy as np
import pyarrow.compute as pc

from pipeline.contract.run import Run
from pipeline.embed.encoder import Encoder
from pipeline.index.store import Hit, VectorStore, Where, point_id

SEGMENTS_A_ROW = 4
"""Segments looked at for each row that is wanted: several of one row may be near."""


class Searcher:
    """A run's index opened for searches, with the encoder that made it. Raises UserError when the run has no index, or
    a server lacks it. A store of Qdrant Edge is copied first, see EdgeStore.copy_of."""

    def __init__(self, run: Run) -> None:
        self._run, self._artifact = run, run.artifact("index")
        self._about = self._artifact.json("index.json")
        self._store: VectorStore = self._opened()

    def __enter__(self) -> "Searcher":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._store.close()

    def _opened(self) -> VectorStore:
        if self._about["url"]:
            from pipeline.index.qdrant_server import ServerStore

            return ServerStore.connect(self._run.profile.vectors, self._about["collection"])
        from pipeline.index.qdrant_edge import EdgeStore

        return EdgeStore.copy_of(self._artifact.path / "store")

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self._run.profile.embed.model, self._run.profile.embedding.device)

    def of_text(self, *texts: str) -> np.ndarray:
        """The unit vectors [N, D] of texts."""
        return self._encoder.encode_texts(list(texts), self._run.profile.embed.max_tokens)

    def of_row(self, row_id: str) -> np.ndarray:
        """The unit vectors [S, D] of a row's segments: the index's, or embed's of a row that the index lacks. None:
        [0, 0], of a row that was dropped before embed, or that was added and is not in the index."""
        found_SD = self._store.vectors([point_id(row_id, n) for n in range(self._run.profile.embed.max_segments)])
        embed = self._run.find("embed")
        if len(found_SD) or embed is None:
            return found_SD
        rows = embed.read().to_table(columns=["vector"], filter=pc.field("row_id") == row_id)
        return np.array(rows["vector"].to_pylist(), np.float32).reshape(rows.num_rows, -1 if rows.num_rows else 0)

    def segments(
        self, vector_D: np.ndarray, limit: int, where: Where | None = None, least: float | None = None
    ) -> list[Hit]:
        """The segments nearest to a vector, the nearest first."""
        return self._store.search(vector_D, limit, where, least)

    def rows(
        self,
        vectors_QD: np.ndarray,
        limit: int,
        where: Where | None = None,
        least: float | None = None,
        but: str | None = None,
    ) -> list[Hit]:
        """The rows nearest to any of the vectors, each by its nearest segment. but: a row that does not count."""
        found: dict[str, Hit] = {}
        for vector_D in vectors_QD:
            for hit in self.segments(vector_D, SEGMENTS_A_ROW * (limit + 1), where, least):
                if hit.row_id != but and (hit.row_id not in found or found[hit.row_id].score < hit.score):
                    found[hit.row_id] = hit
        return sorted(found.values(), key=lambda hit: (-hit.score, hit.row_id))[:limit]


def search_text(run: Run, text: str, limit: int = 10, where: Where | None = None) -> list[Hit]:
    """The indexed segments nearest to a text, the nearest first. `where` narrows by payload, as
    {"topic": "small talk"}. Raises UserError when the run has no index."""
    with Searcher(run) as searcher:
        [vector_D] = searcher.of_text(text)
        return searcher.segments(vector_D, limit, where)
