"""The page Compare inside Airflow: which runs may be chosen, and by whom."""

from pathlib import Path

import pytest
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from fastapi.testclient import TestClient

from configs.load import load_profile
from pipeline.contract.champion import note_champion
from pipeline.contract.run import Run
from plugins import compare_routes
from plugins.compare_routes import CONTENT_POLICY
from plugins.project import run_name
from plugins.tabs import app
from tests.pipeline.report import made_runs
from tests.pipeline.report.made_runs import finish, prepare_data
from tests.pipeline.report.test_runs_compared import evaluation
from tests.plugins.browsing import Visit, address, browser, needs_chromium, shoot, visit  # noqa: F401
from tests.plugins.conftest import Tokens, note_dag_run

PAGE = "/compare/train_chat_model/second"


@pytest.fixture
def runs(tmp_path: Path, tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> list[Run]:  # noqa: ARG001
    """first and second of train_chat_model, in this order, and nightly of retrain_chat_model, which has only begun."""
    (tmp_path / "chats.jsonl").write_text("{}\n")
    monkeypatch.setenv("PARLANCE_ROOT", str(tmp_path / "root"))
    with create_session() as session:
        session.query(DagRun).delete()
    found = []
    for number, (dag, name) in enumerate(
        (("train_chat_model", "first"), ("train_chat_model", "second"), ("retrain_chat_model", "nightly"))
    ):
        settings = [f"storage.root={tmp_path / 'root'}", f"train.steps={100 + number}"]
        run = Run.begin(load_profile("scratch", settings, str(tmp_path / "chats.jsonl")), run_name(dag, name))
        note_dag_run(dag, name)
        if number < 2:
            monkeypatch.setattr(made_runs, "SCORES", evaluation(1.0 - number / 50, right=30 + 14 * number))
            prepare_data(run)
            finish(run)
        found.append(run)
    return found


@pytest.fixture
def client(runs: list[Run], tokens: Tokens) -> TestClient:  # noqa: ARG001
    return TestClient(app, cookies=tokens("viewer"))


def test_a_run_is_compared_with_the_one_before_it(client: TestClient) -> None:
    text = client.get(PAGE).text
    assert "2 runs side by side" in text
    assert text.index(">1 first") < text.index(">2 second")
    assert "<code>train.steps</code>" in text


def test_it_is_compared_with_the_champion_where_there_is_one(client: TestClient, runs: list[Run]) -> None:
    prints = {stage: runs[1].fingerprint(stage) for stage in ("evaluate", "train")}
    note_champion(runs[1].root, "parlance-chat", 4, prints)
    text = client.get("/compare/retrain_chat_model/nightly").text
    assert ">1 second" in text
    assert "champion</strong>" in text


def test_runs_of_both_dags_are_offered_and_compared(client: TestClient) -> None:
    text = client.get(PAGE, params={"run": ["retrain_chat_model/nightly", "train_chat_model/first"]}).text
    assert ">1 retrain_chat_model/nightly" in text
    assert ">2 first" in text
    for value in ("train_chat_model/first", "train_chat_model/second", "retrain_chat_model/nightly"):
        assert f'name="run" value="{value}"' in text


def test_who_may_read_one_dag_only_sees_nothing_of_the_other(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_routes, "_readable", lambda user: ["train_chat_model"])  # noqa: ARG005
    assert "nightly" not in client.get(PAGE).text
    answer = client.get(f"{PAGE}?run=retrain_chat_model/nightly&run=train_chat_model/first")
    assert answer.status_code == 403


@pytest.mark.parametrize("run", ["train_chat_model/unknown", "another_dag/first", "train_chat_model/..", "first", "/"])
def test_nothing_but_known_runs_can_be_chosen(client: TestClient, run: str) -> None:
    assert client.get(PAGE, params={"run": [run, "train_chat_model/first"]}).status_code in (403, 404)


def test_only_who_may_read_runs_compares_them(client: TestClient, tokens: Tokens) -> None:
    client.cookies.update(tokens(None))
    assert client.get(PAGE).status_code == 403
    client.cookies.clear()
    assert client.get(PAGE).status_code == 401


def test_one_run_alone_is_answered_with_what_to_do(client: TestClient) -> None:
    answer = client.get(f"{PAGE}?run=train_chat_model/first")
    assert "Choose 2 to 6 runs." in answer.text
    assert answer.headers["content-security-policy"] == CONTENT_POLICY
    assert "script-src" not in CONTENT_POLICY


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_whole_in_both_schemes(runs: list[Run], visit: Visit, scheme: str) -> None:  # noqa: ARG001, F811
    page = visit(PAGE, scheme=scheme)
    page.get_by_text("2 runs side by side").wait_for()
    shoot(page, f"compare-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_text("Choose the runs", exact=False).click()
    page.get_by_label("retrain_chat_model/nightly", exact=False).check()
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("3 runs side by side").wait_for()
