"""A Qdrant server or cluster by its address, through qdrant-client."""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import grpc
import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from configs.errors import UserError
from configs.vectors import Vectors
from pipeline.contract.progress import say
from pipeline.index.store import CANDIDATES, Hit, Where

T = TypeVar("T")
OF_HTTP = {grpc.StatusCode.UNAUTHENTICATED: 401, grpc.StatusCode.PERMISSION_DENIED: 403}
MAY_PASS = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.INTERNAL,
}
TRIES = 5
FIRST_PAUSE_SECONDS = 0.5
TIMEOUT_SECONDS = 60
REMOVED_AT_ONCE = 10_000

REQUEST_BYTES = 32 << 20
"""A server refuses larger requests: its default `service.max_request_size_mb`."""

VALUE_BYTES = 24
"""Most that a float of a vector takes as JSON, sign, exponent and comma included; as gRPC it takes 4."""


SEARCHED = models.SearchParams(
    hnsw_ef=CANDIDATES, quantization=models.QuantizationSearchParams(rescore=True, oversampling=2.0)
)
"""As Qdrant Edge searches; of 8-bit copies twice as many as are asked for are looked up in the originals."""


class ServerStore:
    """A VectorStore in one collection. An upsert is on the server's disk when it returns, unless it is deferred.
    Raises UserError when the server cannot be reached or refuses."""

    def __init__(self, client: QdrantClient, collection: str, settings: Vectors, deferred: bool = False) -> None:
        """deferred: upserts return when the server has noted them; `pipeline.index.collection` says when they are in
        the collection."""
        self.client, self.collection, self._url, self._wait = client, collection, settings.url, not deferred

    @classmethod
    def connect(cls, settings: Vectors, collection: str, dimensions: int | None = None) -> "ServerStore":
        """The collection on the server at vectors.url, made when it is missing. dimensions: of one that may have to be
        made; None asks for one that exists."""
        if found := cls.find(settings, collection):
            return found
        if dimensions is None:
            raise UserError(
                f"vectors.url: {settings.url} has no collection {collection}; delete the artifact of the stage index "
                "and run `parlance stage index`"
            )
        store = cls(client_of(settings), collection, settings)
        store.make(settings, dimensions)
        return store

    @classmethod
    def find(cls, settings: Vectors, collection: str) -> "ServerStore | None":
        """The collection, or None where the server has none of that name."""
        store = cls(client_of(settings), collection, settings)
        return store if store.exists() else None

    def exists(self) -> bool:
        return self.patiently(lambda: self.client.collection_exists(self.collection))

    def make(self, settings: Vectors, dimensions: int, indexed: Sequence[str] = ("user",), graph: bool = True) -> None:
        """Makes the collection. indexed: payload keys that searches are narrowed by; a graph that is built after them
        has links for their values. graph: whether it is built while points come."""
        int8 = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        self.patiently(
            lambda: self.client.create_collection(
                self.collection,
                vectors_config=models.VectorParams(
                    size=dimensions, distance=models.Distance.COSINE, on_disk=settings.quantise
                ),
                hnsw_config=None if graph else models.HnswConfigDiff(m=0),
                shard_number=settings.shards,
                replication_factor=settings.replicas,
                quantization_config=models.ScalarQuantization(scalar=int8) if settings.quantise else None,
            )
        )
        for key in indexed:
            self.patiently(
                partial(
                    self.client.create_payload_index, self.collection, key, models.PayloadSchemaType.KEYWORD, wait=True
                )
            )

    def missing(self, ids: list[str]) -> set[str]:
        found = self.patiently(
            lambda: self.client.retrieve(self.collection, ids, with_payload=False, with_vectors=False)
        )
        return set(ids) - {str(record.id) for record in found}

    def upsert(self, ids: list[str], vectors_ND: np.ndarray, payloads: list[dict[str, Any]]) -> None:
        for part in requests(ids, vectors_ND.shape[1], payloads):
            batch = models.Batch(ids=ids[part], vectors=vectors_ND[part].tolist(), payloads=payloads[part])
            self.patiently(partial(self.client.upsert, self.collection, batch, wait=self._wait))

    def flush(self) -> None:
        """Nothing to do: upsert waits, or is not meant to."""

    def optimise(self) -> None:
        """Nothing to do: a server indexes in the background."""

    def count(self) -> int:
        return self.patiently(lambda: self.client.count(self.collection, exact=True)).count

    def search(
        self, vector_D: np.ndarray, limit: int, where: Where | None = None, least: float | None = None
    ) -> list[Hit]:
        found = self.patiently(
            lambda: self.client.query_points(
                self.collection,
                query=vector_D.tolist(),
                limit=limit,
                query_filter=_filter(where) if where else None,
                search_params=SEARCHED,
                score_threshold=least,
                with_payload=True,
            )
        )
        return [Hit(str(p.id), (p.payload or {})["row_id"], p.score, p.payload or {}) for p in found.points]

    def vectors(self, ids: list[str]) -> np.ndarray:
        found = self.patiently(
            lambda: self.client.retrieve(self.collection, ids, with_payload=False, with_vectors=True)
        )
        return np.array([record.vector for record in found], np.float32).reshape(len(found), -1 if found else 0)

    def delete(self, where: Where) -> None:
        """The server's optimiser frees the bytes of deleted points."""
        if where:
            self.patiently(lambda: self.client.delete(self.collection, _filter(where), wait=True))

    def remove(self, ids: list[str]) -> None:
        for start in range(0, len(ids), REMOVED_AT_ONCE):
            part = models.PointIdsList(points=[*ids[start : start + REMOVED_AT_ONCE]])
            self.patiently(partial(self.client.delete, self.collection, part, wait=self._wait))

    def close(self) -> None:
        self.client.close()

    def patiently(self, call: Callable[[], T]) -> T:
        """The call's result, tried TRIES times with a growing pause while the server is away or busy."""
        for attempt in range(TRIES):
            try:
                return call()
            except Exception as error:
                passes, reason = _may_pass(error), _reason(error)
                if not passes and isinstance(error, UnexpectedResponse | grpc.RpcError):
                    raise UserError(f"vectors.url: {self._url} refuses what it was asked ({reason})") from error
                if not passes:
                    raise
                if attempt == TRIES - 1:
                    raise UserError(
                        f"vectors.url: {self._url} does not answer ({reason}); start Qdrant there, "
                        "correct the address, or leave vectors.url empty to use Qdrant Edge"
                    ) from error
                say(f"index: {self._url} does not answer ({reason}), trying again")
                asked = error.retry_after_s if isinstance(error, ResourceExhaustedResponse) else 0
                time.sleep(max(FIRST_PAUSE_SECONDS * 2**attempt, min(asked, TIMEOUT_SECONDS)))
        raise AssertionError


def client_of(settings: Vectors) -> QdrantClient:
    """A client of the server at vectors.url."""
    assert settings.url
    return QdrantClient(
        url=settings.url,
        api_key=os.environ.get("QDRANT_API_KEY"),
        prefer_grpc=settings.grpc,
        grpc_port=settings.grpc_port,
        timeout=TIMEOUT_SECONDS,
        check_compatibility=False,
    )


def _filter(where: Where) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key=key, match=_match(value)) for key, value in where.items()])


def _match(value: str | list[str]) -> models.MatchAny | models.MatchValue:
    return models.MatchAny(any=value) if isinstance(value, list) else models.MatchValue(value=value)


def requests(ids: list[str], dimensions: int, payloads: list[dict[str, Any]]) -> Iterator[slice]:
    """The points cut into requests that a server takes, whatever the batch. Raises UserError for a point too large."""
    start = size = 0
    for number, payload in enumerate(payloads):
        own = dimensions * VALUE_BYTES + len(json.dumps(payload)) + len(ids[number]) + 16
        if own > REQUEST_BYTES:
            raise UserError(
                f"index: row {payload['row_id']}: a point of {own:,} bytes, and a Qdrant server takes requests of "
                f"{REQUEST_BYTES:,}; shorten what its payload holds, or choose an embed.model of fewer dimensions"
            )
        if size + own > REQUEST_BYTES:
            yield slice(start, number)
            start, size = number, 0
        size += own
    if start < len(payloads):
        yield slice(start, len(payloads))


def _may_pass(error: Exception) -> bool:
    """Whether waiting may help: a lost connection, a busy or restarting server. Raises UserError for what the user can
    put right."""
    if isinstance(error, UnexpectedResponse):
        _refuse(error.status_code or 0, error)
        return error.status_code in (429, 500, 502, 503, 504)
    if isinstance(error, grpc.RpcError):
        code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNAVAILABLE
        _refuse(OF_HTTP.get(code, 0), error)
        return code in MAY_PASS
    return isinstance(error, ApiException | ConnectionError | TimeoutError | ResourceExhaustedResponse)


def _refuse(status: int, error: Exception) -> None:
    if status in (401, 403):
        raise UserError("vectors.url: the server refuses the key; set QDRANT_API_KEY to a valid one") from error
    if status == 413:
        raise UserError(
            f"vectors.url: the server takes smaller requests than {REQUEST_BYTES:,} bytes ({_reason(error)}); "
            "raise its service.max_request_size_mb, or lower vectors.batch_size"
        ) from error


def _reason(error: Exception) -> str:
    said = error.details() if isinstance(error, grpc.Call) else getattr(error, "source", error)
    return " ".join(str(said).split())[:120]
