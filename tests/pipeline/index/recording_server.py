"""Qdrant's REST interface as far as Parlance speaks it, over the engine that qdrant-client has in memory.

Every body is read by the model that the client's own code generator made of the server's OpenAPI description, which
refuses what it does not know. No server: nothing is stored, sharded, replicated or indexed. Upserts that are not waited
for come into the collection only when someone has asked `patience` times for a count.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import TypeAdapter
from qdrant_client import QdrantClient, models


class Recording:
    """What was asked, (method, path, query, body) each, and the engine behind it. lost: upserts that are answered and
    forgotten. busy: upserts that are answered "come again". refused: whether the key is. full: whether the disk
    is. graph: collection to what it
    was last told of its HNSW graph."""

    def __init__(self) -> None:
        self.client = QdrantClient(":memory:")
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.graph: dict[str, int | None] = {}
        self.patience = self.lost = self.busy = 0
        self.refused = self.full = False
        self.lock = threading.Lock()
        self._waiting: list[tuple[str, Any]] = []
        self._counts = 0

    def batches(self) -> list[tuple[list[str], str]]:
        """Ids of each upsert, and whether it waits."""
        puts = [(q, body) for method, path, q, body in self.asked if method == "PUT" and path.endswith("/points")]
        return [(body["batch"]["ids"], query["wait"]) for query, body in puts]

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """The `result` of a request."""
        match method, *path.strip("/").split("/"):
            case "GET", "collections":
                return self.client.get_collections()
            case "GET", "aliases":
                return self.client.get_aliases()
            case "POST", "collections", "aliases":
                aliases = models.ChangeAliasesOperation.model_validate(body)
                return self.client.update_collection_aliases(aliases.actions)
            case "GET", "collections", name, "exists":
                return models.CollectionExistence(exists=self.client.collection_exists(name))
            case "GET", "collections", name:
                return self._collection(name)
            case "PUT", "collections", name:
                about = models.CreateCollection.model_validate(body)
                self.graph[name] = about.hnsw_config.m if about.hnsw_config else None
                return self.client.create_collection(name, about.vectors, metadata=about.metadata)
            case "PATCH", "collections", name:
                change = models.UpdateCollection.model_validate(body)
                if change.hnsw_config:
                    self.graph[name] = change.hnsw_config.m
                return self.client.update_collection(name, metadata=change.metadata) or True
            case "DELETE", "collections", name:
                return self.client.delete_collection(name)
            case "PUT", "collections", name, "index":
                models.CreateFieldIndex.model_validate(body)
                return _updated("completed")
            case _, "collections", name, *rest:
                return self._points(method, name, "/".join(rest), query, body)
        raise AssertionError(f"{method} {path} is not known here")

    def _collection(self, name: str) -> models.CollectionInfo:
        info = self.client.get_collection(name)
        done = self.graph.get(name) != 0
        return info.model_copy(update={"indexed_vectors_count": self.client.count(name).count if done else 0})

    def _points(self, method: str, name: str, what: str, query: dict[str, str], body: Any) -> Any:
        match method, what:
            case "PUT", "points":
                assert not self.full, "no space is left"
                batch = models.PointsBatch.model_validate(body).batch
                if self.lost and query.get("wait") == "false":
                    self.lost -= 1
                elif query.get("wait") == "false" and self.patience:
                    self._waiting.append((name, batch))
                else:
                    self.client.upsert(name, batch)
                return _updated("acknowledged")
            case "POST", "points/delete":
                selector = TypeAdapter(models.PointsSelector).validate_python(body)
                self.client.delete(name, selector)
                return _updated("completed")
            case "POST", "points/count":
                request = models.CountRequest.model_validate(body)
                self._counts += 1
                if self._counts > self.patience:
                    for collection, batch in self._waiting:
                        self.client.upsert(collection, batch)
                    self._waiting = []
                return self.client.count(name, request.filter, exact=bool(request.exact))
            case "POST", "points":
                wanted = models.PointRequest.model_validate(body)
                return self.client.retrieve(name, wanted.ids, with_vectors=bool(wanted.with_vector))
            case "POST", "points/query":
                asked = models.QueryRequest.model_validate(body)
                return self.client.query_points(
                    name,
                    asked.query.nearest if isinstance(asked.query, models.NearestQuery) else asked.query,
                    query_filter=asked.filter,
                    search_params=asked.params,
                    limit=asked.limit or 10,
                    score_threshold=asked.score_threshold,
                )
        raise AssertionError(f"{method} {name}/{what} is not known here")


def _updated(status: str) -> models.UpdateResult:
    return models.UpdateResult(operation_id=0, status=status)


@contextmanager
def recording_server() -> Iterator[tuple[str, Recording]]:
    """An address, and what is asked there."""
    recording = Recording()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            address = urlsplit(self.path)
            query = {key: values[-1] for key, values in parse_qs(address.query).items()}
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            with recording.lock:
                recording.asked.append((self.command, address.path, query, body))
                try:
                    status, result = 200, recording.answer(self.command, address.path, query, body)
                except Exception as error:  # as a server does: the client sees a refusal
                    status, result = 400, repr(error)
            said = {"result": TypeAdapter(Any).dump_python(result, mode="json"), "status": "ok", "time": 0.0}
            data = json.dumps(said if status == 200 else {"status": {"error": result}, "time": 0.0}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _answer

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", recording
    finally:
        server.shutdown()
        server.server_close()
