"""The index holds what trains, finds it again, and is not touched by a search."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import qdrant_edge as edge

from configs.errors import UserError
from pipeline.contract.artifact import Ledger
from pipeline.contract.execute import execute
from pipeline.embed.segmenter import segments_schema
from pipeline.index import samples
from pipeline.index.points import COLUMNS, PLACES, held
from pipeline.index.qdrant_edge import EdgeStore
from pipeline.index.search import search_text
from pipeline.index.store import Hit, point_id
from pipeline.rows.schema import MESSAGES
from serving.erasure.artifacts import take_out
from serving.erasure.theirs import Theirs
from serving.erasure.words import Words
from tests.kills import killed_and_run_again


@pytest.fixture
def rows(talk):
    """Four rows of deduplicate, and one that balance adds."""
    dog = talk("My dog barks at night.", "Walk him before bed.")
    return {
        "dog": dog,
        "tax": talk("What does the tax law say?", "Income is taxed by brackets."),
        "goal": talk("Who scored the winning goal?", "The striker, in the last minute of the match.", source="club"),
        "dropped": talk("Is this row kept?", "No, balance removed it."),
        "added": talk(
            "My cat barks at night.", "Walk her before bed.", augmentation="counterfactual", parent=dog["row_id"]
        ),
    }


@pytest.fixture
def corpus(begin, deduplicated, balanced, rows):
    """corpus(*overrides) begins a run with embed and balance: one row was dropped by balance, one was added."""

    def make(*overrides):
        run = begin(*overrides)
        deduplicated(run, [rows[name] for name in ("dog", "tax", "goal", "dropped")])
        execute(run, "embed")
        balanced(run, [rows[name] for name in ("dog", "tax", "goal", "added")])
        return run

    return make


def test_kept_and_added_rows_are_found_by_meaning_and_dropped_ones_are_not(corpus, rows):
    run = corpus()
    [artifact] = execute(run, "index")
    assert artifact.json("index.json") == {
        "engine": "qdrant-edge",
        "collection": "conversations",
        "alias": None,
        "points": 4,
        "dimensions": 384,
        "url": None,
    }
    assert artifact.metrics == {"points": 4, "encoded": 1}
    assert artifact.ledger == Ledger(4, 4)
    hits = search_text(run, "Was there a goal in the football match?", 10)
    assert {hit.row_id for hit in hits} == {rows[k]["row_id"] for k in ("dog", "tax", "goal", "added")}
    assert hits[0].payload == {
        "row_id": rows["goal"]["row_id"],
        "source": "club",
        "topic": "small talk",
        "split": "train",
        "segment": 0,
        "text": "Who scored the winning goal?\nThe striker, in the last minute of the match.",
    }
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_search_can_be_narrowed_by_payload(corpus, rows):
    run = corpus()
    execute(run, "index")
    hits = search_text(run, "a dog", 10, {"source": "club"})
    assert [hit.row_id for hit in hits] == [rows["goal"]["row_id"]]


def test_a_search_leaves_the_committed_files_as_they_are(corpus):
    run = corpus()
    [artifact] = execute(run, "index")
    search_text(run, "anything", 3)
    assert artifact.damage() == []


def test_an_attempt_that_was_cut_short_ends_with_every_point_once(corpus, monkeypatch):
    from pipeline.index.qdrant_edge import EdgeStore

    run = corpus("embed.shard_rows=1", "vectors.batch_size=1")
    real, calls = EdgeStore.upsert, []

    def failing(self, ids, vectors_ND, payloads):
        calls.extend(ids)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(self, ids, vectors_ND, payloads)

    monkeypatch.setattr(EdgeStore, "upsert", failing)
    with pytest.raises(KeyboardInterrupt):
        execute(run, "index")
    [artifact] = execute(run, "index")
    assert artifact.json("index.json")["points"] == 4
    assert len(set(calls[3:])) == 4, "what was left of the store may be damaged, so every point is sent again"


def test_a_row_that_balance_added_before_all_others_takes_none_of_their_points(begin, deduplicated, balanced, talk):
    run = begin("embed.shard_rows=1")
    known = [talk("My dog barks at night.", "Walk him."), talk("Who scored?", "The striker.")]
    deduplicated(run, known)
    execute(run, "embed")
    balanced(run, [talk("My cat barks at night.", "Walk her.", row_id="0" * 32), *known])
    [artifact] = execute(run, "index")
    assert artifact.metrics == {"points": 3, "encoded": 1}


def test_point_ids_are_the_same_everywhere_and_in_every_release():
    assert point_id("00" * 16, 0) == "571d52e4-f406-5ec4-9cb8-cc0d5ee9a073"
    assert point_id("00" * 16, 1) == "d1ee5b47-96a6-5a0a-ac72-c26c0599aced"


SIZE = 8


@pytest.fixture
def seven(talk):
    """Seven conversations in the order of their row_ids."""
    found = [talk(f"Question {n}?", f"Answer {n}.", "And then?", "Nothing.") for n in range(7)]
    return sorted(found, key=lambda row: row["row_id"])


@pytest.fixture
def embedded(begin, balanced, seven):
    """embedded(*overrides, kept=[…], a_file=7, first=0, changed={…}) begins a run whose embed holds two segments of
    each of the seven conversations, `a_file` of them in a file, and whose balance kept some, of which it changed some.
    Returns the run and the vectors, by row and segment."""

    def make(*overrides, kept=range(7), a_file=7, first=0, name="root", changed=None):
        run = begin(*overrides, name=name)
        draw = np.random.default_rng(0)
        rows = []
        for row in seven:
            for segment, (turns, char) in enumerate((((0, 1), 3), ((2, 3), 0))):
                vector = draw.standard_normal(SIZE).astype(np.float32)
                vector /= np.linalg.norm(vector)
                place = {"segment": segment, "first_turn": turns[0], "last_turn": turns[1], "first_char": char}
                rows.append({"row_id": row["row_id"], **place, "vector": vector})
        with run.store.building("embed", run.fingerprint("embed"), resume=False) as partial:
            (partial / "data").mkdir()
            for number, start in enumerate(range(0, len(rows), 2 * a_file), first):
                table = pa.Table.from_pylist(rows[start : start + 2 * a_file], segments_schema(SIZE))
                pq.write_table(table, partial / "data" / f"part-{number:05d}.parquet")
            manifest = {"stage": "embed", "fingerprint": run.fingerprint("embed"), "metrics": {}}
            run.store.commit(partial, manifest | {"ledger": Ledger(7, 14, added={"further segments": 7})})
        balanced(run, [seven[n] | (changed or {}).get(n, {}) for n in kept])
        return run, {(row["row_id"], row["segment"]): row["vector"] for row in rows}

    return make


def nearest(artifact, vectors, kept):
    """Id and payload of the point nearest to the vector of each segment of the rows that were kept."""
    store = EdgeStore.copy_of(artifact.path / "store")
    hits = {key: store.search(vector, 1)[0] for key, vector in vectors.items() if key[0] in kept}
    store.close()
    return {key: (hit.id, hit.payload) for key, hit in hits.items()}


@pytest.mark.parametrize(("a_file", "at_once"), [(1, 3), (2, 1), (7, 100)])
@pytest.mark.parametrize("kept", [range(7), (0, 2, 3, 6), (1, 4)])
def test_every_segment_of_a_kept_row_is_one_point_however_the_rows_lie_in_files(embedded, seven, kept, at_once, a_file):
    run, vectors = embedded(f"embed.shard_rows={at_once}", kept=kept, a_file=a_file)
    [artifact] = execute(run, "index")
    assert artifact.metrics == {"points": 2 * len(kept), "encoded": 0}
    assert artifact.ledger == Ledger(len(kept), len(kept))
    expected = {}
    for row in (seven[n] for n in kept):
        about = {"row_id": row["row_id"], "source": "hand", "topic": "small talk", "split": "train"}
        asked, answered = (message["content"] for message in row["messages"][:2])
        for segment, text in enumerate((f"{asked[3:]}\n{answered}", "And then?\nNothing.")):
            point = point_id(row["row_id"], segment)
            expected[row["row_id"], segment] = (point, {**about, "segment": segment, "text": text})
    assert nearest(artifact, vectors, {row["row_id"] for row in (seven[n] for n in kept)}) == expected


def test_an_index_that_is_killed_before_a_call_and_run_again_is_as_if_nothing_had_happened(embedded):
    run, _ = embedded("embed.shard_rows=3", "vectors.batch_size=2")
    found = killed_and_run_again(run, index=8)["index"]
    assert found["trials"] == 8
    assert found["differing"] == []


def test_the_hundred_thousandth_file_comes_after_the_one_before_it(embedded, seven):
    run, vectors = embedded("embed.shard_rows=1", a_file=4, first=99_999)
    [artifact] = execute(run, "index")
    found = nearest(artifact, vectors, {row["row_id"] for row in seven})
    assert [point for point, _ in found.values()] == [point_id(*key) for key in vectors]


def test_the_text_of_a_point_is_its_first_300_characters(begin, balanced, deduplicated, talk):
    long = talk("Say a. " * 50, "a")
    run = begin("embed.max_tokens=256")
    deduplicated(run, [long])
    execute(run, "embed")
    balanced(run, [long])
    execute(run, "index")
    (hit,) = search_text(run, "anything", 10)
    assert hit.payload["text"] == ("Say a. " * 50)[:300]


def test_the_text_of_a_piece_of_a_long_turn_starts_where_the_piece_does(begin, balanced, deduplicated, talk):
    counting = " ".join(str(number) for number in range(10, 60))
    long = talk(counting, "Well counted.")
    run = begin("embed.max_tokens=22", "embed.max_segments=10")
    deduplicated(run, [long])
    execute(run, "embed")
    balanced(run, [long])
    execute(run, "index")
    texts = {hit.payload["segment"]: hit.payload["text"] for hit in search_text(run, "numbers", 10)}
    assert texts == {0: counting, 1: counting[60:], 2: counting[120:], 3: "Well counted."}


def test_points_are_sent_in_batches_and_written_to_disk_every_so_many(embedded, monkeypatch):
    monkeypatch.setattr("pipeline.index.index.FLUSHED_EVERY", 8)
    run, _ = embedded("vectors.batch_size=3", "embed.shard_rows=2")
    upsert, flush, done = EdgeStore.upsert, EdgeStore.flush, list[int | str]()

    def sent(store, ids, vectors_ND, payloads):
        assert len(ids) == len(vectors_ND) == len(payloads)
        done.append(len(ids))
        upsert(store, ids, vectors_ND, payloads)

    def flushed(store):
        done.append("flushed")
        flush(store)

    monkeypatch.setattr(EdgeStore, "upsert", sent)
    monkeypatch.setattr(EdgeStore, "flush", flushed)
    execute(run, "index")
    assert done == [3, 1, 3, 1, "flushed", 3, 1, 2, "flushed"]  # of two rows with two segments each, at last of one


def test_a_digest_is_of_all_that_a_point_shows(talk):
    def told(said=("ab", "c"), vector=(1.0, 0.0), place="", other=None, **row):
        rows = [talk(*said) | {"row_id": "1", "user_id": None, "topic": None, "split": "train"} | row, other or {}]
        messages = pa.array([row["messages"] for row in rows if row], MESSAGES)
        columns = {name: [row[name] for row in rows if row] for name in COLUMNS if name != "messages"}
        table = pa.table(columns | {"messages": messages})
        at = {name: [int(name == place)] for name in PLACES}
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(vector, pa.float32()), 2)
        return held(table, pa.table({"row_id": ["1"], **at, "vector": vectors}))["digest"][0].as_py()

    changed: list[dict[str, Any]] = [
        {"said": ("a", "bc")},
        {"said": ("ab", "d")},
        {"vector": (0.0, 1.0)},
        *({"place": name} for name in PLACES),
        {"user_id": "u"},
    ]
    changed += [{"topic": "tax"}, {"topic": "None"}, {"split": "test"}, {"source": "elsewhere"}]
    assert len({told(), *(told(**change) for change in changed)}) == len(changed) + 1
    another = talk("x", "y") | {"row_id": "0", "user_id": None, "topic": None, "split": "train"}
    assert told(other=another) == told()


def test_a_store_with_a_point_too_many_is_refused(embedded, monkeypatch):
    run, _ = embedded()
    monkeypatch.setattr(EdgeStore, "count", lambda _: 15)
    with pytest.raises(UserError, match=r"the store holds 15 points instead of 14; delete the collection"):
        execute(run, "index")
    assert run.find("index") is None


@pytest.mark.parametrize("hits", [[], [Hit("", "", 0.998, {})]])
def test_a_store_that_does_not_find_a_point_by_its_vector_is_refused(embedded, seven, monkeypatch, hits):
    run, _ = embedded()
    monkeypatch.setattr(EdgeStore, "search", lambda *_: hits)
    with pytest.raises(UserError, match=f"point {point_id(seven[0]['row_id'], 0)} is not found by its own vector"):
        execute(run, "index")
    assert run.find("index") is None


def test_of_many_blocks_only_the_first_few_are_searched_for(embedded, monkeypatch):
    run, vectors = embedded("embed.shard_rows=1")
    monkeypatch.setattr(samples, "SAMPLES", 3)
    real, looked = EdgeStore.search, []

    def search(store, *query):
        looked.append(query)
        return real(store, *query)

    monkeypatch.setattr(EdgeStore, "search", search)
    execute(run, "index")
    firsts = [vector for (_, segment), vector in vectors.items() if segment == 0]
    assert [limit for _, limit in looked] == [1, 1, 1]
    assert np.array_equal([vector for vector, _ in looked], firsts[:3])


def test_the_store_is_made_ready_for_searches_and_closed_also_after_a_failure(embedded, monkeypatch):
    optimise, close, called = EdgeStore.optimise, EdgeStore.close, []

    def optimised(store):
        called.append("optimise")
        optimise(store)

    def closed(store):
        called.append("close")
        close(store)

    monkeypatch.setattr(EdgeStore, "optimise", optimised)
    monkeypatch.setattr(EdgeStore, "close", closed)
    execute(embedded()[0], "index")
    assert called == ["optimise", "close"]
    monkeypatch.setattr(EdgeStore, "count", lambda _: 0)
    with pytest.raises(UserError):
        execute(embedded("vectors.collection=other")[0], "index")
    assert called == ["optimise", "close"] * 2


def everything(artifact):
    """Id to payload and vector of every point of a store of Qdrant Edge."""
    store = EdgeStore.copy_of(artifact.path / "store")
    request = edge.ScrollRequest(limit=1000, with_payload=True, with_vector=True)
    records, _ = store._shard.scroll(request)
    found = {
        str(record.id): (record.payload, np.round(np.array(record.vector, np.float64), 6).tolist())
        for record in records
    }
    store.close()
    return found


def test_an_index_of_a_corpus_that_changed_is_the_earlier_one_with_what_changed(embedded, seven, monkeypatch):
    real, sent = EdgeStore.upsert, []

    def upsert(store, ids, *more):
        sent.extend(ids)
        real(store, ids, *more)

    monkeypatch.setattr(EdgeStore, "upsert", upsert)
    changed = {"kept": (0, 2, 4, 5, 6), "changed": {2: {"topic": "tax"}}}
    first, _ = embedded("embed.shard_rows=3", kept=(0, 1, 2, 3, 5))
    execute(first, "index")
    sent.clear()
    grown, _ = embedded("embed.shard_rows=3", "balance.max_topic_share=0.45", **changed)
    [artifact] = execute(grown, "index")
    assert sorted(sent) == sorted(point_id(seven[n]["row_id"], segment) for n in (2, 4, 6) for segment in (0, 1))
    assert artifact.manifest["timing"]["parts"] == {"made": 6, "taken_over": 4}

    again, _ = embedded("embed.shard_rows=2", name="elsewhere", **changed)
    [anew] = execute(again, "index")
    assert everything(artifact) == everything(anew)
    assert len(everything(artifact)) == 10
    held = [pq.read_table(index.path / "held.parquet") for index in (artifact, anew)]
    assert held[0].equals(held[1])
    assert held[0]["row_id"].to_pylist() == [seven[n]["row_id"] for n in changed["kept"]]
    assert set(held[0]["segments"].to_pylist()) == {2}


def test_erasure_leaves_nothing_in_a_store_that_was_taken_over_from_one_that_held_the_row(embedded, seven):
    gone = seven[1]
    first, vectors = embedded()
    execute(first, "index")
    grown, _ = embedded("balance.max_topic_share=0.45", kept=(0, 2, 3, 4, 5, 6))
    [artifact] = execute(grown, "index")
    assert gone["row_id"] not in {payload["row_id"] for payload, _ in everything(artifact).values()}
    theirs_bytes = vectors[gone["row_id"], 0][:3].tobytes()

    def holding(index):
        return [file for file in index.path.rglob("*") if file.is_file() and theirs_bytes in file.read_bytes()]

    assert holding(artifact), "Qdrant Edge leaves the bytes of points that are deleted"
    theirs = Theirs(rows={gone["row_id"]})
    changed = list(take_out(grown.store, theirs, Words([], theirs.rows), "2026-01-01T00:00:00+00:00", None))
    assert [entry["stage"] for entry in changed].count("index") == 2
    for index in (grown.artifact("index"), first.artifact("index")):
        assert not holding(index)
        assert gone["row_id"] not in pq.read_table(index.path / "held.parquet")["row_id"].to_pylist()
        assert len(everything(index)) == 12
        assert index.damage() == []
