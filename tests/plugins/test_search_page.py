"""The page Search inside Airflow: who may search, what is shown, and the map in a browser."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from fastapi.testclient import TestClient

from configs.load import load_profile
from pipeline.audit.topic_map import draw_maps
from pipeline.contract.artifact import Ledger
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from pipeline.report.search_page import CONTENT_POLICY
from plugins.project import run_name
from plugins.search_routes import searches
from plugins.tabs import app
from tests import artifacts
from tests.pipeline.audit.test_topic_map import TOPICS
from tests.pipeline.conftest import conversation
from tests.pipeline.report.test_search import BALANCED, WITH_USERS, dropped, fill
from tests.plugins.browsing import Visit, address, browser, needs_chromium, shoot, visit  # noqa: F401
from tests.plugins.conftest import Tokens, note_dag_run

RUN_ID = "manual__2026-11-21T20:11:05+00:00"
PAGE = f"/search/train_chat_model/{RUN_ID.replace('+', '%2B')}"
SAID = (
    ("My dog barks at night.", "Walk him before bed, and close the curtains so that he sees no cars.", "pets"),
    ("Which food is best for a kitten?", "Wet food for kittens, in small portions, four times a day.", "pets"),
    ("How do I teach a parrot to talk?", "Say one word often, at the same time of day, and reward it.", "pets"),
    ("What does the tax law say about <b>donations</b>?", "They lower your income up to a limit.", "law"),
    ("May my landlord raise the rent?", "Once a year, by as much as the contract or the law allows.", "law"),
    ("Who scored the winning goal?", "The striker, in the last minute of the match.", "sport"),
    ("How long is a marathon?", "42.195 kilometres.", "sport"),
    ("Can I run with a cold?", "Rest until you are well.", "sport"),
    ("What should I cook for ten people?", "A big pot of chili with rice.", "food"),
    ("How do I keep bread fresh?", "In a linen bag, not in the fridge.", "food"),
    ("Why does my dough not rise?", "The yeast may be old, or the water was too hot.", "food"),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that went to its index: eleven rows, of which balance dropped one, and a twin that deduplicate dropped."""
    folder = tmp_path_factory.mktemp("search")
    (folder / "chats.jsonl").write_text("{}\n")
    profile = load_profile("scratch", [f"storage.root={folder / 'root'}"], str(folder / "chats.jsonl"))
    run = Run.begin(profile, run_name("train_chat_model", RUN_ID))
    rows = [conversation(*turns, source=source, user_id=f"u{n % 3}") for n, (*turns, source) in enumerate(SAID)]
    twin = conversation("My dog barks at night!!", SAID[0][1], source="pets")
    gone = [dropped(twin, "near_duplicate", matched=rows[0]["row_id"], similarity=0.93)]
    capped = [dropped(rows[2], "topic_cap", topic="pets")]
    balanced = pa.schema([*BALANCED, ("user_id", pa.string())])
    artifacts.commit(run, "acquire", 12, lambda f: fill(f, [*rows, twin], WITH_USERS))
    artifacts.commit(run, "clean", 12, lambda f: fill(f, [*rows, twin], WITH_USERS))
    artifacts.commit(
        run, "deduplicate", 11, lambda f: fill(f, rows, WITH_USERS, gone), Ledger(12, 11, dropped={"near_duplicate": 1})
    )
    execute(run, "embed")
    draw = np.random.default_rng(3)
    ids = np.array([row["row_id"] for row in rows] + [f"{n:032x}" for n in range(400)], dtype=object)
    lie = draw.normal(size=(len(ids), 3)) * 0.3 + np.eye(3)[np.arange(len(ids)) % 3] * [-1, 1, 1]

    def annotated(out: Path) -> None:
        (out / "data").mkdir()
        topics = [{"row_id": row["row_id"], "topic": row["source"]} for row in rows]
        pq.write_table(pa.Table.from_pylist(topics), out / "data" / "part-00000.parquet")
        draw_maps(TOPICS, ids, lie, out, seed=1)

    artifacts.commit(run, "annotate", 11, annotated)
    kept = [row | {"topic": row["source"]} for n, row in enumerate(rows) if n != 2]
    artifacts.commit(
        run, "balance", 10, lambda f: fill(f, kept, balanced, capped), Ledger(11, 10, dropped={"topic_cap": 1})
    )
    execute(run, "index")
    return run


@pytest.fixture
def served(run: Run, tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:  # noqa: ARG001
    monkeypatch.setenv("PARLANCE_ROOT", str(run.root))
    with create_session() as session:
        session.query(DagRun).delete()
    note_dag_run("train_chat_model", RUN_ID)
    note_dag_run("another_dag", RUN_ID)
    yield run
    searches.close()


@pytest.fixture
def client(served: Run, tokens: Tokens) -> TestClient:  # noqa: ARG001
    return TestClient(app, cookies=tokens("user"))


def test_only_who_may_see_rows_under_review_may_search(client: TestClient, tokens: Tokens) -> None:
    for path in (PAGE, f"{PAGE}?q=dog", f"{PAGE}/map.json"):
        client.cookies.update(tokens("user"))
        assert client.get(path).status_code == 200
        for role in (None, "viewer"):
            client.cookies.update(tokens(role))
            answer = client.get(path)
            assert answer.status_code == 403
            assert "barks" not in answer.text
    client.cookies.clear()
    assert client.get(PAGE).status_code == 401
    client.cookies.update(tokens("user"))
    assert client.get(PAGE.replace("train_chat_model", "another_dag")).status_code == 404


def test_a_text_finds_rows_and_what_was_dropped_near_them(client: TestClient) -> None:
    answer = client.get(PAGE, params={"q": "a noisy dog", "limit": 3})
    kept, _, gone = answer.text.partition('id="dropped"')
    assert "My dog barks at night." in kept
    assert "My dog barks at night!!" in gone
    assert "dropped by <strong>deduplicate</strong>, near duplicate" in gone
    assert "similarity 0.93" in gone
    assert "How do I teach a parrot to talk?" in gone
    assert answer.headers["content-security-policy"] == CONTENT_POLICY
    assert "script-src 'sha256-" in CONTENT_POLICY
    assert "unsafe" not in CONTENT_POLICY.split("style-src")[0]


def test_a_search_is_narrowed_and_the_form_keeps_what_was_asked(client: TestClient) -> None:
    text = client.get(PAGE, params={"q": "a noisy dog", "source": "law", "user": "u1", "state": "kept"}).text
    assert "May my landlord raise the rent?" in text
    assert "barks" not in text
    assert "<option selected>law</option>" in text
    assert 'name="user" value="u1"' in text
    assert 'value="a noisy dog"' in text


def test_a_row_is_shown_with_its_story_and_its_neighbours(client: TestClient) -> None:
    row = conversation(*SAID[0][:2])["row_id"]
    text = client.get(PAGE, params={"row": row[:12]}).text
    assert f"Row <code>{row}</code>" in text
    assert "embedded turns 0 to 1" in text
    assert '<h2 id="hits">Neighbours</h2>' in text
    assert "near duplicate" in text


def test_what_rows_and_searches_say_is_escaped(client: TestClient) -> None:
    text = client.get(PAGE, params={"q": "<b>donations</b> \"'", "limit": 1, "topic": "law"}).text
    assert "about &lt;b&gt;donations&lt;/b&gt;?" in text
    assert "<b>donations" not in text


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"row": "ab" * 16}, "has no such row"),
        ({"row": "../x"}, "search: row: String should match pattern"),
        ({"q": "dog", "limit": "many"}, "search: limit: Input should be a valid integer"),
        ({"q": "dog", "least": "2"}, "search: least: Input should be less than or equal to 1"),
        ({"q": "dog", "state": "<i>"}, "search: state: String should match pattern"),
    ],
)
def test_a_search_that_makes_no_sense_is_answered_in_a_line(
    client: TestClient, asked: dict[str, str], says: str
) -> None:
    answer = client.get(PAGE, params=asked)
    assert answer.status_code == 200
    assert says in answer.text
    assert client.get(PAGE, params={"q": "dog"}).text.count("barks") >= 1, "the search goes on"


def test_a_search_outlives_its_process_and_reads_an_index_that_erasure_rewrote(client: TestClient, served: Run) -> None:
    def finds() -> bool:
        return "barks" in client.get(PAGE, params={"q": "a noisy dog"}).text

    assert finds()
    first = searches._process
    with served.store.rewriting(served.artifact("index")) as (_, manifest):
        manifest["erasures"] = [{"at": "2026-01-01T00:00:00+00:00", "rows": 0}]
    assert finds()
    second = searches._process
    assert first
    assert second
    assert second is not first
    assert not first.alive
    second._process.kill()
    second._process.wait()
    assert finds()
    assert searches._process is not second


def test_a_run_without_an_index_says_what_is_missing(client: TestClient, served: Run) -> None:
    fresh = Run.begin(served.profile.model_copy(update={"seed": 9}), run_name("train_chat_model", "fresh"))
    note_dag_run("train_chat_model", "fresh")
    text = client.get("/search/train_chat_model/fresh?q=dog").text
    assert f"run {fresh.id}: stage index has no artifact yet" in text
    assert json.loads(client.get("/search/train_chat_model/fresh/map.json").text)["rows"] == []


def test_the_map_names_topics_and_rows(client: TestClient) -> None:
    found = client.get(f"{PAGE}/map.json").json()
    assert sorted(found["topics"]) == ["$left$", "<up>", "other"]
    assert found["topics"][-1] == "other"
    assert found["coloured"] == 2
    assert len(found["rows"]) == len(found["x"]) == len(found["y"]) == len(found["topic"]) == 411
    assert min(found["x"]) == 0
    assert max(found["y"]) == 1


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_search_row_and_map_in_a_browser(served: Run, visit: Visit, scheme: str) -> None:  # noqa: ARG001, F811
    page = visit(PAGE, scheme=scheme, role="user")
    page.get_by_placeholder("A sentence").fill("a noisy dog")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("My dog barks at night.", exact=False).first.wait_for()
    page.locator("#map.drawn").wait_for()
    shoot(page, f"search-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="<up>").click()
    page.get_by_role("link").first.click()
    page.get_by_role("heading", name="Its story").wait_for()
    shoot(page, f"search-row-{scheme}")
    page.locator("#map.drawn").wait_for()
    before = page.url
    page.locator("#map canvas").scroll_into_view_if_needed()
    box = page.locator("#map canvas").bounding_box()
    found = page.evaluate("fetch(location.href.split('?')[0] + '/map.json').then(answer => answer.json())")
    n = len(found["rows"]) // 2
    x, y = (0.03 + 0.94 * found[axis][n] for axis in ("x", "y"))
    page.mouse.click(box["x"] + x * box["width"], box["y"] + (1 - y) * box["height"])
    page.wait_for_url(lambda url: url != before)
    assert "row=" in page.url


@needs_chromium
def test_without_a_script_the_page_searches_and_shows_the_picture(served: Run, visit: Visit) -> None:  # noqa: ARG001, F811
    page = visit(f"{PAGE}?q=a+noisy+dog", role="user", width=390, script=False)
    assert page.get_by_text("My dog barks at night.", exact=False).first.is_visible()
    assert page.get_by_alt_text("Map of topics").is_visible()
    shoot(page, "search-narrow")
