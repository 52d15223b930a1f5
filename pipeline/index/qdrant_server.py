"""A Qdrant server or cluster by its address, through qdrant-client."""

import json
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from configs.errors import UserError
from configs.vectors import Vectors
from pipeline.contract.progress import say
from pipeline.index.store import Hit

T = TypeVar("T")
TRIES = 5
FIRST_PAUSE_SECONDS = 0.5
TIMEOUT_SECONDS = 60

REQUEST_BYTES = 32 << 20
"""A server refuses larger requests: its default `service.max_request_size_mb`."""

VALUE_BYTES = 24
"""Most that a float of a vector takes as JSON, sign, exponent and comma included; as gRPC it takes 4."""


class ServerStore:
    """A VectorStore in one collection, which is made when it is missing. An upsert is on the server's disk
    when it returns. Raises UserError when the server cannot be reached or refuses."""

    def __init__(self, client: QdrantClient, collection: str, settings: Vectors, dimensions: int | None) -> None:
        """dimensions: of a collection that may have to be made; None asks for one that exists."""
        self._client, self._collection, self._url = client, collection, settings.url
        if self._patiently(lambda: client.collection_exists(collection)):
            return
        if dimensions is None:
            raise UserError(
                f"vectors.url: {settings.url} has no collection {collection}; delete the artifact of the stage index "
                "and run `parlance stage index`"
            )
        int8 = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        self._patiently(
            lambda: client.create_collection(
                collection,
                vectors_config=models.VectorParams(
                    size=dimensions, distance=models.Distance.COSINE, on_disk=settings.quantise
                ),
                shard_number=settings.shards,
                replication_factor=settings.replicas,
                quantization_config=models.ScalarQuantization(scalar=int8) if settings.quantise else None,
            )
        )

    @classmethod
    def connect(cls, settings: Vectors, collection: str, dimensions: int | None = None) -> "ServerStore":
        """The collection on the server at vectors.url."""
        assert settings.url
        client = QdrantClient(
            url=settings.url,
            api_key=os.environ.get("QDRANT_API_KEY"),
            prefer_grpc=settings.grpc,
            timeout=TIMEOUT_SECONDS,
            check_compatibility=False,
        )
        return cls(client, collection, settings, dimensions)

    def missing(self, ids: list[str]) -> set[str]:
        found = self._patiently(
            lambda: self._client.retrieve(self._collection, ids, with_payload=False, with_vectors=False)
        )
        return set(ids) - {str(record.id) for record in found}

    def upsert(self, ids: list[str], vectors_ND: np.ndarray, payloads: list[dict[str, Any]]) -> None:
        for part in requests(ids, vectors_ND.shape[1], payloads):
            batch = models.Batch(ids=ids[part], vectors=vectors_ND[part].tolist(), payloads=payloads[part])
            self._patiently(partial(self._client.upsert, self._collection, batch, wait=True))

    def flush(self) -> None:
        """Nothing to do: upsert waits."""

    def optimise(self) -> None:
        """Nothing to do: a server indexes in the background."""

    def count(self) -> int:
        return self._patiently(lambda: self._client.count(self._collection, exact=True)).count

    def search(self, vector_D: np.ndarray, limit: int, where: dict[str, str] | None = None) -> list[Hit]:
        found = self._patiently(
            lambda: self._client.query_points(
                self._collection,
                query=vector_D.tolist(),
                limit=limit,
                query_filter=_filter(where) if where else None,
                with_payload=True,
            )
        )
        return [Hit(str(p.id), (p.payload or {})["row_id"], p.score, p.payload or {}) for p in found.points]

    def delete(self, where: dict[str, str]) -> None:
        """The server's optimiser frees the bytes of deleted points."""
        if where:
            self._patiently(lambda: self._client.delete(self._collection, _filter(where), wait=True))

    def close(self) -> None:
        self._client.close()

    def _patiently(self, call: Callable[[], T]) -> T:
        """The call's result, tried TRIES times with a growing pause while the server is away or busy."""
        for attempt in range(TRIES):
            try:
                return call()
            except Exception as error:
                if not _may_pass(error):
                    raise
                reason = _reason(error)
                if attempt == TRIES - 1:
                    raise UserError(
                        f"vectors.url: {self._url} does not answer ({reason}); start Qdrant there, "
                        "correct the address, or leave vectors.url empty to use Qdrant Edge"
                    ) from error
                say(f"index: {self._url} does not answer ({reason}), trying again")
                time.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
        raise AssertionError


def _filter(where: dict[str, str]) -> models.Filter:
    return models.Filter(
        must=[models.FieldCondition(key=key, match=models.MatchValue(value=value)) for key, value in where.items()]
    )


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
    """Whether waiting may help: a lost connection, a busy or restarting server."""
    if isinstance(error, UnexpectedResponse):
        if error.status_code in (401, 403):
            raise UserError("vectors.url: the server refuses the key; set QDRANT_API_KEY to a valid one") from error
        if error.status_code == 413:
            raise UserError(
                f"vectors.url: the server takes smaller requests than {REQUEST_BYTES:,} bytes ({_reason(error)}); "
                "raise its service.max_request_size_mb, or lower vectors.batch_size"
            ) from error
        return error.status_code in (429, 500, 502, 503, 504)
    return isinstance(error, ApiException | ConnectionError | TimeoutError) or "grpc" in type(error).__module__


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "source", error)).split())[:120]
