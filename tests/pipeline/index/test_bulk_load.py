"""A collection of a server is filled by several clients, beside the one in use, and shown when it is whole.

What speaks Qdrant's REST interface here is the engine in memory of qdrant-client, see recording_server.py; with
QDRANT_TEST_URL also a server that runs there.
"""

import os
import uuid

import numpy as np
import pytest

from configs.errors import UserError
from configs.vectors import Vectors
from pipeline.cli import main
from pipeline.contract.execute import execute
from pipeline.index import collection, qdrant_server
from pipeline.index.qdrant_server import ServerStore, client_of
from pipeline.index.store import point_id
from tests.pipeline.index.recording_grpc import recording_grpc
from tests.pipeline.index.recording_server import recording_server
from tests.pipeline.index.test_index import SIZE, embedded, seven  # noqa: F401


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(qdrant_server, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(collection, "LOOKS_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(collection, "STALLED_SECONDS", 0.2)


@pytest.fixture
def server():
    """An address, and what is asked there."""
    with recording_server() as found:
        yield found


def settings(url, *more):
    return (f"vectors.url={url}", "vectors.clients=1", "vectors.batch_size=3", "embed.shard_rows=2", *more)


def test_the_collection_is_made_loaded_and_shown_in_this_order(embedded, server):  # noqa: F811
    url, asked = server
    run, _ = embedded(*settings(url))
    [artifact] = execute(run, "index")
    name = f"conversations-{run.fingerprint('index')[:12]}"
    assert artifact.json("index.json") == {
        "engine": "qdrant-server",
        "collection": name,
        "alias": "conversations",
        "points": 14,
        "dimensions": SIZE,
        "url": url,
    }
    assert [file["path"] for file in artifact.manifest["files"]] == ["held.parquet", "index.json"]
    done = [
        (method, path.removeprefix(f"/collections/{name}")) for method, path, _, _ in asked.asked if method != "GET"
    ]
    steps = [step for n, step in enumerate(done) if n == 0 or done[n - 1] != step]
    assert steps == [
        ("PUT", ""),
        ("PUT", "/index"),
        ("PUT", "/points"),
        ("POST", "/points/count"),
        ("POST", "/points"),
        ("PATCH", ""),
        ("POST", "/points/count"),
        ("POST", "/points"),
        ("POST", "/points/query"),
        ("PATCH", ""),
        ("POST", "/collections/aliases"),
    ]
    bodies = {(method, path): body for method, path, _, body in asked.asked}
    assert bodies["PUT", f"/collections/{name}"]["hnsw_config"] == {"m": 0}
    indexed = [body["field_name"] for _, path, _, body in asked.asked if path.endswith("/index")]
    assert indexed == ["source", "topic", "split", "user"]
    assert asked.graph == {name: 16}
    assert {wait for _, wait in asked.batches()} == {"false"}
    assert asked.client.get_collection(name).config.metadata[collection.WHOLE]


def test_several_processes_fill_one_collection(embedded, server):  # noqa: F811
    url, asked = server
    run, vectors = embedded(*settings(url, "vectors.clients=2"))
    execute(run, "index")
    records = asked.client.scroll("conversations", limit=100, with_vectors=True)[0]
    assert {record.id for record in records} == {point_id(*key) for key in vectors}
    by_id = {record.id: record for record in records}
    for (row_id, segment), vector in vectors.items():
        found = by_id[point_id(row_id, segment)]
        assert (found.payload["row_id"], found.payload["segment"]) == (row_id, segment)
        assert np.allclose(found.vector, vector, atol=1e-6)


def test_what_a_server_refuses_is_one_line_also_from_another_process(embedded, server):  # noqa: F811
    url, asked = server
    asked.full = True
    run, _ = embedded(*settings(url, "vectors.clients=2"))
    with pytest.raises(UserError, match=f"vectors.url: {url} refuses what it was asked .*no space is left"):
        execute(run, "index")


def test_what_the_server_takes_in_late_is_waited_for(embedded, server):  # noqa: F811
    url, asked = server
    asked.patience = 3
    run, _ = embedded(*settings(url))
    execute(run, "index")
    assert asked.client.count("conversations").count == 14


def test_a_collection_that_lacks_points_is_not_shown_and_the_next_attempt_mends_it(embedded, server):  # noqa: F811
    url, asked = server
    asked.lost = 1
    run, _ = embedded(*settings(url))
    with pytest.raises(UserError, match="the store holds 11 points instead of 14"):
        execute(run, "index")
    assert asked.client.get_aliases().aliases == []
    execute(run, "index")
    assert asked.client.count("conversations").count == 14


def test_a_killed_attempt_goes_on_behind_what_it_noted(embedded, server, monkeypatch):  # noqa: F811
    url, asked = server
    run, _ = embedded(*settings(url))
    real, calls = ServerStore.upsert, []

    def failing(store, *more):
        calls.append(more)
        if len(calls) == 4:  # two of the first block, one of the second
            raise KeyboardInterrupt
        real(store, *more)

    monkeypatch.setattr(ServerStore, "upsert", failing)
    with pytest.raises(KeyboardInterrupt):
        execute(run, "index")
    asked.asked.clear()
    [artifact] = execute(run, "index")
    sent = [i for batch, _ in asked.batches() for i in batch]
    assert len(sent) == len(set(sent)) == 14 - 4
    assert asked.client.count("conversations").count == 14
    assert artifact.json("index.json")["points"] == 14


def test_what_was_noted_counts_for_nothing_once_the_collection_is_gone(embedded, server, monkeypatch):  # noqa: F811
    url, asked = server
    run, _ = embedded(*settings(url))
    monkeypatch.setattr(collection, "build_graph", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        execute(run, "index")
    asked.client.delete_collection(f"conversations-{run.fingerprint('index')[:12]}")
    monkeypatch.undo()
    execute(run, "index")
    assert asked.client.count("conversations").count == 14


def test_the_alias_moves_to_the_new_collection_and_as_many_old_ones_stay_as_are_kept(embedded, server):  # noqa: F811
    url, asked = server
    names = []
    for kept in ((0, 1), (2, 3, 4), (0, 1, 2, 3), (5,)):
        run, _ = embedded(*settings(url), f"seed={len(kept)}", kept=kept)
        [artifact] = execute(run, "index")
        names.append(artifact.json("index.json")["collection"])
        assert asked.client.count("conversations").count == 2 * len(kept)
    assert {c.name for c in asked.client.get_collections().collections} == set(names[-2:])
    assert [(a.alias_name, a.collection_name) for a in asked.client.get_aliases().aliases] == [
        ("conversations", names[-1])
    ]


def test_a_collection_that_another_run_is_loading_is_never_deleted(embedded, server):  # noqa: F811
    url, asked = server
    others = ServerStore(client_of(Vectors(url=url)), "conversations-abcdef012345", Vectors(url=url))
    collection.begin(others, Vectors(url=url), SIZE)
    for kept in ((0,), (1, 2)):
        run, _ = embedded(*settings(url, "vectors.kept=0"), f"seed={len(kept)}", kept=kept)
        execute(run, "index")
    left = {c.name for c in asked.client.get_collections().collections}
    assert left == {"conversations-abcdef012345", f"conversations-{run.fingerprint('index')[:12]}"}


def test_the_command_line_lists_collections_and_rolls_back(embedded, server, capsys):  # noqa: F811
    url, asked = server
    runs = [embedded(*settings(url), f"seed={n}", kept=range(n), name=f"root{n}")[0] for n in (1, 2)]
    first, second = (execute(run, "index")[0].json("index.json")["collection"] for run in runs)
    capsys.readouterr()
    assert main(["index", "--run", str(runs[0].folder)]) == 0
    newest, older = capsys.readouterr().out.splitlines()
    assert newest.startswith(second)
    assert newest.endswith("in use")
    assert older.startswith(first)
    assert older.endswith("this run's")
    assert main(["index", "--run", str(runs[0].folder), "--use"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("in use, this run's")
    assert asked.client.count("conversations").count == 2


def test_in_place_only_what_is_new_or_different_is_sent(embedded, server, seven):  # noqa: F811
    url, asked = server
    first, _ = embedded(*settings(url), kept=(0, 1, 2, 3, 5))
    execute(first, "index")
    asked.asked.clear()
    changed = {"kept": (0, 2, 4, 5, 6), "changed": {2: {"topic": "tax"}}}
    grown, _ = embedded(*settings(url, "vectors.in_place=true"), "seed=1", **changed)
    [artifact] = execute(grown, "index")
    sent = [i for batch, _ in asked.batches() for i in batch]
    assert sorted(sent) == sorted(point_id(seven[n]["row_id"], segment) for n in (2, 4, 6) for segment in (0, 1))
    about = artifact.json("index.json")
    assert about["collection"] == f"conversations-{first.fingerprint('index')[:12]}"
    assert asked.client.count("conversations").count == about["points"] == 10
    rows = {
        (r.payload or {})["row_id"]: (r.payload or {})["topic"]
        for r in asked.client.scroll("conversations", limit=100)[0]
    }
    assert rows == {seven[n]["row_id"]: "tax" if n == 2 else "small talk" for n in changed["kept"]}


def by_grpc(port):
    return settings(f"http://127.0.0.1:{port}", "vectors.grpc=true", f"vectors.grpc_port={port}")


def test_the_same_by_grpc_through_a_moment_in_which_the_server_is_away(embedded):  # noqa: F811
    with recording_grpc() as (port, asked):
        asked.busy = 2
        names = []
        for kept in ((0, 1, 2), range(7)):
            run, vectors = embedded(*by_grpc(port), f"seed={len(kept)}", kept=kept, changed={0: {"user_id": "Zoë"}})
            [artifact] = execute(run, "index")
            names.append(artifact.json("index.json")["collection"])
            assert asked.client.count("conversations").count == 2 * len(kept)
        assert {query["wait"] for method, _, query, _ in asked.asked if method == "Upsert"} == {False}
        indexed = [field for method, name, _, field in asked.asked if (method, name) == ("CreateFieldIndex", names[0])]
        assert indexed == ["source", "topic", "split", "user"]
        assert asked.graph == dict.fromkeys(names, 16)
        assert asked.client.get_collection(names[1]).config.metadata
        store = ServerStore.connect(run.profile.vectors, "conversations")
        key = next(iter(vectors))
        [hit] = store.search(vectors[key], 1, {"split": ["train", "test"]}, 0.9)
        store.close()
        assert hit.id == point_id(*key)
        assert hit.payload["row_id"] == key[0]


def test_a_key_that_is_refused_by_grpc_is_said_at_once(embedded):  # noqa: F811
    with recording_grpc() as (port, asked):
        asked.refused = True
        run, _ = embedded(*by_grpc(port))
        with pytest.raises(UserError, match="the server refuses the key; set QDRANT_API_KEY"):
            execute(run, "index")


@pytest.mark.skipif("QDRANT_TEST_URL" not in os.environ, reason="QDRANT_TEST_URL names no Qdrant server")
@pytest.mark.parametrize("grpc", ["false", "true"])
def test_a_real_server_is_filled_shown_and_cleared(embedded, grpc):  # noqa: F811
    url, alias = os.environ["QDRANT_TEST_URL"], f"parlance-{uuid.uuid4().hex[:8]}"
    client = client_of(Vectors(url=url))
    for kept in ((0, 1, 2), range(7)):
        more = (f"vectors.grpc={grpc}", f"vectors.collection={alias}", "vectors.clients=2", f"seed={len(kept)}")
        run, _ = embedded(*settings(url, *more), kept=kept)
        execute(run, "index")
        assert client.count(alias).count == 2 * len(kept)
    for name in [c.name for c in client.get_collections().collections if c.name.startswith(alias)]:
        client.delete_collection(name)
