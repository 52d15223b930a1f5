"""A search finds rows by meaning, narrowed, and says what was dropped near them and why."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.errors import UserError
from pipeline.cli import main
from pipeline.contract.artifact import Ledger
from pipeline.contract.execute import execute
from pipeline.report.search import Query, Search
from pipeline.rows.schema import DROPPED, ORIGIN
from tests import artifacts
from tests.pipeline.conftest import BALANCED, DEDUPLICATED, conversation

WITH_USERS = pa.schema([*DEDUPLICATED, ("user_id", pa.string()), ("origin", ORIGIN)])
READ = {"file": "a.jsonl", "ordinal": 0}
ROWS = {
    "dog": conversation("My dog barks at night.", "Walk him before bed.", source="pets", user_id="ann"),
    "cat": conversation("My cat scratches the sofa.", "Get her a scratching post.", source="pets", user_id="bob"),
    "tax": conversation("What does the tax law say?", "Income is taxed by brackets.", source="law", user_id="ann"),
    "capped": conversation("My puppy howls all night.", "Let him sleep near you.", source="pets", user_id="bob"),
}
TWIN = conversation("My dog barks at night!", "Walk him before bed.", source="pets")
BAD = conversation("Buy now!!!", "Cheap pills.", source="spam")
TOPIC = {"dog": "animals", "cat": "animals", "tax": "law", "capped": "animals"}


def dropped(row, rule, **evidence):
    return {**row, "origin": READ, "rule": rule, "evidence": json.dumps(evidence)}


def fill(folder: Path, rows, schema, gone=()) -> None:
    for name, some, of in (("data", rows, schema), ("dropped", gone, DROPPED)):
        (folder / name).mkdir()
        if some:
            named = [
                {key: (row | {"origin": READ}).get(key) for key in of.names}
                for row in sorted(some, key=lambda row: row["row_id"])
            ]
            pq.write_table(pa.Table.from_pylist(named, of), folder / name / "part-00000.parquet")


@pytest.fixture
def run(begin):
    """A run whose clean dropped spam, whose deduplicate dropped a twin of dog, and whose balance dropped capped."""
    run = begin()
    everything = [*ROWS.values(), TWIN]
    ids = {name: row["row_id"] for name, row in ROWS.items()}
    bad = [dropped(BAD, "too_short", chars=22)]
    twin = [dropped(TWIN, "near_duplicate", matched=ids["dog"], similarity=0.9)]
    capped = [dropped(ROWS["capped"], "topic_cap", topic="animals")]
    kept = [row | {"topic": TOPIC[name]} for name, row in ROWS.items() if name != "capped"]
    topics = [{"row_id": ids[name], "topic": topic} for name, topic in TOPIC.items()]
    of_topics = pa.schema([("row_id", pa.string()), ("topic", pa.string())])
    balanced = pa.schema([*BALANCED, ("user_id", pa.string())])
    artifacts.commit(run, "acquire", 6, lambda f: fill(f, [*everything, BAD], WITH_USERS))
    artifacts.commit(
        run, "clean", 5, lambda f: fill(f, everything, WITH_USERS, bad), Ledger(6, 5, dropped={"too_short": 1})
    )
    artifacts.commit(
        run,
        "deduplicate",
        4,
        lambda f: fill(f, [*ROWS.values()], WITH_USERS, twin),
        Ledger(5, 4, dropped={"near_duplicate": 1}),
    )
    execute(run, "embed")
    artifacts.commit(run, "annotate", 4, lambda f: fill(f, topics, of_topics))
    artifacts.commit(
        run, "balance", 3, lambda f: fill(f, kept, balanced, capped), Ledger(4, 3, dropped={"topic_cap": 1})
    )
    execute(run, "index")
    return run


@pytest.fixture
def search(run):
    opened = Search(run)
    yield lambda **query: opened(Query(**query))
    opened.close()


def ids(rows):
    return [row["row_id"] for row in rows]


def test_a_text_finds_what_means_the_same_and_what_was_dropped_near_it(search):
    found = search(text="a noisy dog")
    assert found["hits"][0]["row_id"] == ROWS["dog"]["row_id"]
    assert found["hits"][0]["text"] == "My dog barks at night.\nWalk him before bed."
    assert [hit["score"] for hit in found["hits"]] == sorted((hit["score"] for hit in found["hits"]), reverse=True)
    twin, capped = found["dropped"]
    assert (twin["row_id"], twin["stage"], twin["rule"]) == (TWIN["row_id"], "deduplicate", "near_duplicate")
    assert (twin["near"], twin["evidence"]["similarity"]) == (ROWS["dog"]["row_id"], 0.9)
    assert twin["messages"][0] == {"role": "user", "content": "My dog barks at night!"}
    assert (capped["row_id"], capped["stage"]) == (ROWS["capped"]["row_id"], "balance")
    assert 0.2 < capped["score"] < 1
    assert (found["row"], found["story"], found["notes"]) == (None, [], [])


@pytest.mark.parametrize(
    ("narrowed", "kept", "capped"),
    [
        ({"source": ["law"]}, {"tax"}, False),
        ({"topic": ["animals"]}, {"dog", "cat"}, True),
        ({"user": ["ann"]}, {"dog", "tax"}, False),
        ({"user": ["ann", "bob"], "source": ["pets"]}, {"dog", "cat"}, True),
        ({"split": ["test"]}, set(), False),
        ({"least": 0.999}, set(), False),
        ({"limit": 1}, {"dog"}, True),
    ],
)
def test_a_search_is_narrowed_for_kept_rows_and_dropped_ones_alike(search, narrowed, kept, capped):
    found = search(text="a noisy dog", **narrowed)
    assert set(ids(found["hits"])) == {ROWS[name]["row_id"] for name in kept}
    assert (ROWS["capped"]["row_id"] in ids(found["dropped"])) == capped


def test_a_search_can_ask_for_kept_or_dropped_rows_alone(search):
    assert search(text="a noisy dog", state="kept")["dropped"] == []
    found = search(text="a noisy dog", state="dropped")
    assert found["hits"] == []
    assert len(found["dropped"]) == 2


def test_a_rows_neighbours_are_found_with_its_story_and_without_itself(search):
    row = ROWS["dog"]["row_id"]
    found = search(row=row[:12])
    assert found["row"] == row
    assert found["story"][0] == f"row {row}"
    assert found["messages"] == ROWS["dog"]["messages"]
    assert set(ids(found["hits"])) == {ROWS["cat"]["row_id"], ROWS["tax"]["row_id"]}
    assert ids(found["dropped"])[0] == TWIN["row_id"]


@pytest.mark.parametrize(("row", "nearest"), [(ROWS["capped"], "dog"), (TWIN, "dog")])
def test_a_row_that_was_dropped_has_neighbours_too(search, row, nearest):
    found = search(row=row["row_id"])
    assert found["hits"][0]["row_id"] == ROWS[nearest]["row_id"]
    assert row["row_id"] not in ids(found["dropped"])
    assert any("dropped by rule" in line for line in found["story"])


def test_the_text_of_what_clean_dropped_is_not_shown(search):
    found = search(row=BAD["row_id"])
    assert (found["messages"], found["hits"]) == (None, [])
    assert "its text is not shown" in found["notes"][0]
    assert "Cheap pills" not in json.dumps(found)


@pytest.mark.parametrize(
    "query", [{}, {"text": " "}, {"text": "a", "row": "ab"}, {"text": "a", "limit": 0}, {"row": "../x"}, {"what": 1}]
)
def test_a_query_that_makes_no_sense_is_refused(query):
    with pytest.raises(ValueError, match="validation error"):
        Query(**query)


def test_a_row_that_is_not_there_is_an_error(search):
    with pytest.raises(UserError, match="has no such row"):
        search(row="ab" * 16)


def test_the_command_line_searches_by_text_and_row_with_filters_as_lines_and_json(run, capsys):
    at = ["search", "--run", str(run.folder)]
    assert main([*at, "a noisy dog", "--topic", "animals", "--limit", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert ROWS["dog"]["row_id"] in lines[0]
    assert "dropped by deduplicate, near_duplicate" in lines[2]
    assert main([*at, "--row", ROWS["dog"]["row_id"][:8], "--state", "kept", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["row"] == ROWS["dog"]["row_id"]
    assert main([*at, "a", "--row", "ab"]) == 2
    assert "a text or a row is looked for, and not both" in capsys.readouterr().err


def test_queries_are_answered_line_by_line(run, capsys, monkeypatch):
    queries = [{"text": "a noisy dog", "limit": 1}, {"text": ""}, {"row": "ab" * 16}, {"text": "law"}]
    monkeypatch.setattr("sys.stdin", [json.dumps(query) + "\n" for query in queries])
    assert main(["search", "--run", str(run.folder), "--lines"]) == 0
    ready, dog, empty, unknown, law = map(json.loads, capsys.readouterr().out.splitlines()[-5:])
    assert ready == {"ready": True}
    assert dog["hits"][0]["row_id"] == ROWS["dog"]["row_id"]
    assert "a text or a row" in empty["error"]
    assert "has no such row" in unknown["error"]
    assert law["hits"][0]["row_id"] == ROWS["tax"]["row_id"]
