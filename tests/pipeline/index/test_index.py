"""The index holds what trains, finds it again, and is not touched by a search."""

import pytest

from pipeline.contract.execute import execute
from pipeline.index.search import search_text
from pipeline.index.store import point_id


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
        "points": 4,
        "dimensions": 384,
        "url": None,
    }
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
    first = calls.copy()
    [artifact] = execute(run, "index")
    assert artifact.json("index.json")["points"] == 4
    assert set(calls[3:]).isdisjoint(first[:2]), "points that were there were sent again"


def test_point_ids_are_the_same_everywhere():
    assert point_id("00" * 16, 0) == point_id("00" * 16, 0)
    assert point_id("00" * 16, 0) != point_id("00" * 16, 1)
