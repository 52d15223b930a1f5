"""One suite for every vector store.

The server's store runs against the server at QDRANT_TEST_URL, or else against qdrant-client's own
in-memory engine, which speaks the same client interface.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import qdrant_edge as edge
from qdrant_client import QdrantClient

from configs.errors import UserError
from configs.vectors import Vectors
from pipeline.index import qdrant_edge, qdrant_server
from pipeline.index.qdrant_edge import EdgeStore
from pipeline.index.qdrant_server import ServerStore, requests
from pipeline.index.store import VectorStore, point_id
from tests.pipeline.index.recording_server import recording_server

SIZE = 8
COLLECTION = "parlance-tests"


@pytest.fixture(params=["edge", "server"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], VectorStore]]:
    """Opens the same store each time it is called."""
    if request.param == "edge":
        yield lambda: EdgeStore(tmp_path / "store", SIZE)
        return
    url = os.environ.get("QDRANT_TEST_URL")
    client = QdrantClient(url=url) if url else QdrantClient(":memory:")
    client.delete_collection(COLLECTION)

    def opened() -> ServerStore:
        store = ServerStore(client, COLLECTION, Vectors(url=url))
        if not store.exists():
            store.make(Vectors(url=url), SIZE)
        return store

    yield opened
    client.delete_collection(COLLECTION)
    client.close()


def points(count: int) -> tuple[list[str], np.ndarray, list[dict]]:
    vectors = np.random.default_rng(0).standard_normal((count, SIZE)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    row_ids = [f"{n:032x}" for n in range(count)]
    payloads = [{"row_id": row_ids[n], "topic": ("food", "sport")[n % 2], "segment": 0} for n in range(count)]
    return [point_id(row_id, 0) for row_id in row_ids], vectors, payloads


def test_a_point_is_nearest_to_its_own_vector(open_store):
    store, (ids, vectors, payloads) = open_store(), points(50)
    store.upsert(ids, vectors, payloads)
    for n in (0, 17, 49):
        hit = store.search(vectors[n], 1)[0]
        assert (hit.id, hit.row_id, hit.payload) == (ids[n], payloads[n]["row_id"], payloads[n])
        assert hit.score == pytest.approx(1, abs=1e-5)


def test_hits_are_ordered_by_cosine(open_store):
    store, (ids, vectors, payloads) = open_store(), points(50)
    store.upsert(ids, vectors, payloads)
    cosines = vectors @ vectors[0]
    hits = store.search(vectors[0], 5)
    assert [hit.id for hit in hits] == [ids[n] for n in np.argsort(-cosines)[:5]]
    assert [hit.score for hit in hits] == pytest.approx(sorted(cosines, reverse=True)[:5], abs=1e-5)


def test_upserting_twice_is_upserting_once(open_store):
    store, (ids, vectors, payloads) = open_store(), points(20)
    store.upsert(ids, vectors, payloads)
    store.upsert(ids, vectors, payloads)
    assert store.count() == 20


def test_an_upsert_replaces_vector_and_payload(open_store):
    store, (ids, vectors, payloads) = open_store(), points(2)
    store.upsert(ids, vectors, payloads)
    store.upsert(ids[:1], vectors[1:], [{**payloads[0], "topic": "new"}])
    assert store.count() == 2
    assert store.search(vectors[1], 2, {"topic": "new"})[0].score == pytest.approx(1, abs=1e-5)


def test_missing_names_what_is_not_there(open_store):
    store, (ids, vectors, payloads) = open_store(), points(6)
    store.upsert(ids[:4], vectors[:4], payloads[:4])
    assert store.missing(ids) == set(ids[4:])


def test_where_narrows_by_payload(open_store):
    store, (ids, vectors, payloads) = open_store(), points(10)
    store.upsert(ids, vectors, payloads)
    hits = store.search(vectors[0], 10, {"topic": "sport"})
    assert {hit.payload["topic"] for hit in hits} == {"sport"}
    assert len(hits) == 5


def test_where_takes_several_values_of_a_key_and_a_lowest_score(open_store):
    store, (ids, vectors, payloads) = open_store(), points(10)
    store.upsert(
        ids, vectors, [{**payload, "topic": ("food", "sport", "tax")[n % 3]} for n, payload in enumerate(payloads)]
    )
    hits = store.search(vectors[0], 10, {"topic": ["food", "tax"]})
    assert {hit.payload["topic"] for hit in hits} == {"food", "tax"}
    assert [hit.id for hit in store.search(vectors[0], 10, None, 0.99)] == ids[:1]


def test_vectors_of_points_that_are_there(open_store):
    store, (ids, vectors, payloads) = open_store(), points(3)
    store.upsert(ids, vectors, payloads)
    assert np.allclose(store.vectors([ids[1], point_id("0" * 32, 99)]), vectors[1:2], atol=1e-6)
    assert store.vectors([point_id("0" * 32, 99)]).shape == (0, 0)


def test_points_are_removed_by_their_ids(open_store):
    store, (ids, vectors, payloads) = open_store(), points(10)
    store.upsert(ids, vectors, payloads)
    store.remove([*ids[:4], point_id("0" * 32, 99)])
    assert store.count() == 6
    assert store.missing(ids) == set(ids[:4])


def test_what_was_flushed_is_there_when_the_store_is_opened_again(open_store):
    store, (ids, vectors, payloads) = open_store(), points(10)
    store.upsert(ids, vectors, payloads)
    store.optimise()
    store.flush()
    if isinstance(store, EdgeStore):  # the server's client is shared, and closing it ends the in-memory engine
        store.close()
    again = open_store()
    assert again.count() == 10
    assert again.search(vectors[3], 1)[0].id == ids[3]


def graphs(folder: Path) -> set[str]:
    """Names of the segments of Qdrant Edge that have an HNSW graph."""
    found = {file.parent.name: json.loads(file.read_text())["config"] for file in folder.rglob("segment.json")}
    return {name for name, config in found.items() if config["vector_data"][""]["index"]["type"] == "hnsw"}


@pytest.mark.parametrize(("changed", "stays"), [(1000, True), (1600, False)])
@pytest.mark.parametrize("earlier", [False, True])
def test_edge_builds_a_graph_again_when_more_than_half_of_its_points_have_changed(
    tmp_path, monkeypatch, earlier, changed, stays
):
    folder, count, threshold = tmp_path / "store", 3000, 20
    monkeypatch.setattr(qdrant_edge, "INDEXING_THRESHOLD_KB", threshold)
    ids, vectors, payloads = points(count + 200)
    if earlier:  # of a build that left the optimiser's settings to Qdrant
        folder.mkdir()
        settings = edge.EdgeOptimizersConfig(indexing_threshold=threshold)
        params = edge.EdgeVectorParams(SIZE, edge.Distance.Cosine)
        edge.EdgeShard.create(str(folder), edge.EdgeConfig(params, optimizers=settings, wal_enabled=False)).close()
    store = EdgeStore(folder, SIZE)
    store.upsert(ids[:count], vectors[:count], payloads[:count])
    store.optimise()
    store.close()
    before = graphs(folder)
    assert len(before) == 1

    store = EdgeStore(folder, SIZE)
    store.upsert(ids[:changed], vectors[:changed], [payload | {"topic": "new"} for payload in payloads[:changed]])
    store.upsert(ids[count:], vectors[count:], payloads[count:])
    store.optimise()
    assert store.count() == count + 200
    found = store.search(vectors[0], count, {"topic": "new"})
    assert {hit.id for hit in found} == set(ids[:changed])
    for query in vectors[[0, changed, count]]:
        nearest = [ids[n] for n in np.argsort(-(vectors @ query))[:10]]
        assert [hit.id for hit in store.search(query, 10)] == nearest
    store.close()
    after = graphs(folder)
    assert (before <= after) is stays
    assert len(after) == 2


def test_edge_says_which_store_holds_vectors_of_another_size(tmp_path):
    EdgeStore(tmp_path / "store", SIZE).close()
    with pytest.raises(UserError, match=r"store holds vectors of another size than the 4 of embed\.model; delete"):
        EdgeStore(tmp_path / "store", 4)


def test_edge_searches_in_a_copy_and_leaves_the_files_alone(tmp_path):
    store, (ids, vectors, payloads) = EdgeStore(tmp_path / "store", SIZE), points(10)
    store.upsert(ids, vectors, payloads)
    store.close()
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in (tmp_path / "store").rglob("*") if p.is_file()}
    copy = EdgeStore.copy_of(tmp_path / "store")
    assert copy.search(vectors[0], 1)[0].id == ids[0]
    copy.close()
    after = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in (tmp_path / "store").rglob("*") if p.is_file()}
    assert after == before


def test_a_server_that_does_not_answer_is_a_user_error(monkeypatch):
    monkeypatch.setattr(qdrant_server, "FIRST_PAUSE_SECONDS", 0.001)
    with pytest.raises(UserError, match=r"vectors\.url: http://127\.0\.0\.1:1 does not answer"):
        ServerStore.connect(Vectors(url="http://127.0.0.1:1"), COLLECTION, SIZE)


def test_searching_a_collection_that_is_gone_says_how_to_make_it():
    with recording_server() as (url, _), pytest.raises(UserError, match="has no collection"):
        ServerStore.connect(Vectors(url=url), COLLECTION)


def test_a_batch_larger_than_a_request_is_sent_in_several(monkeypatch):
    client, sent = QdrantClient(":memory:"), []
    store = ServerStore(client, COLLECTION, Vectors())
    store.make(Vectors(), SIZE)
    upsert = client.upsert

    def sending(collection, batch, wait):
        sent.append(len(batch.ids))
        return upsert(collection, batch, wait=wait)

    monkeypatch.setattr(client, "upsert", sending)
    ids, vectors, payloads = points(10)
    most = max(len(json.dumps(payload)) for payload in payloads)
    own = SIZE * qdrant_server.VALUE_BYTES + most + len(ids[0]) + 16
    monkeypatch.setattr(qdrant_server, "REQUEST_BYTES", 4 * own)
    store.upsert(ids, vectors, payloads)
    assert sum(sent) == store.count() == 10
    assert len(sent) == 3
    assert [store.search(vectors[n], 1)[0].id for n in range(10)] == ids


def test_five_thousand_vectors_of_1536_dimensions_fit_their_requests():
    vectors = np.random.default_rng(0).normal(size=(2, 1536)).astype(np.float32)
    payload = {"row_id": "0" * 32, "text": "Zürich 東京 " * 30}
    parts = list(requests(["0" * 36] * 5000, 1536, [payload] * 5000))
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == 5000
    values = len(json.dumps((-np.abs(vectors)).tolist()[0]))
    assert values <= 1536 * qdrant_server.VALUE_BYTES
    largest = max(part.stop - part.start for part in parts)
    assert largest * (values + len(json.dumps(payload)) + 40) <= 32 * 1024 * 1024
    assert largest > 500


def test_a_point_that_no_request_can_hold_names_its_row():
    with pytest.raises(UserError, match=r"index: row r1: a point of [\d,]+ bytes"):
        list(requests(["0" * 36], 4, [{"row_id": "r1", "text": "x" * (32 << 20)}]))
