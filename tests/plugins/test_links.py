"""The buttons on a task's page: to the report of its run, at once, and from training to MLflow."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from airflow.models.dagrun import DagRun
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.utils.session import create_session
from fastapi.testclient import TestClient

from configs.load import load_profile
from pipeline.contract.run import Run
from pipeline.report.tracking import ADDRESS
from plugins.links import MlflowLink, ReportLink
from plugins.tabs import ReportPage, app
from tests.plugins.conftest import Tokens, note_dag_run

RUN_ID = "manual__2026-11-28T20:11:05+00:00"
RUN = "a1b2c3"


def key(task: str = "train", dag: str = "train_chat_model") -> Any:
    return TaskInstanceKey(dag, task, RUN_ID, 1, -1)


@pytest.fixture
def run(tmp_path: Path, tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> Run:  # noqa: ARG001
    """A run whose training logs to MLflow."""
    (tmp_path / "chats.jsonl").write_text("{}\n")
    monkeypatch.setenv("PARLANCE_ROOT", str(tmp_path / "root"))
    monkeypatch.delenv(ADDRESS, raising=False)
    with create_session() as session:
        session.query(DagRun).delete()
    note_dag_run("train_chat_model", RUN_ID)
    run = Run.begin(
        load_profile("scratch", [f"storage.root={tmp_path / 'root'}"], str(tmp_path / "chats.jsonl")), RUN_ID
    )
    scratch = run.store.root / "train" / f".{run.fingerprint('train')}.scratch"
    scratch.mkdir(parents=True)
    (scratch / "mlflow-run").write_text(RUN)
    return run


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that answers the one question of MLflow's REST API that is asked."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == f"/api/2.0/mlflow/runs/get?run_id={RUN}"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"run": {"info": {"experiment_id": "7"}}}).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv(ADDRESS, f"http://127.0.0.1:{server.server_port}")
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_every_task_leads_to_the_report_of_its_run() -> None:
    link = ReportLink().get_link(None, ti_key=key("acquire"))
    tab = ReportPage.external_views[0]["url_route"]
    assert link == f"/dags/train_chat_model/runs/manual__2026-11-28T20%3A11%3A05%2B00%3A00/plugin/{tab}"


def test_it_leads_there_under_the_path_of_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.org/airflow/")
    assert ReportLink().get_link(None, ti_key=key()).startswith("/airflow/dags/train_chat_model/runs/")


def test_tasks_of_other_dags_have_no_button() -> None:
    assert ReportLink().get_link(None, ti_key=key(dag="another_dag")) == ""
    assert MlflowLink().get_link(None, ti_key=key(dag="another_dag")) == ""


def test_both_are_made_by_the_server_and_so_there_while_a_task_runs() -> None:
    """An operator's own are pushed by the task when it has ended."""
    assert [type(link) for link in ReportPage.global_operator_extra_links] == [ReportLink, MlflowLink]


@pytest.mark.parametrize(("task", "there"), [("train", True), ("promote", True), ("acquire", False)])
def test_training_and_promotion_lead_to_mlflow_where_it_is_served(
    run: Run,  # noqa: ARG001
    mlflow: str,  # noqa: ARG001
    task: str,
    there: bool,
) -> None:
    assert bool(MlflowLink().get_link(None, ti_key=key(task))) == there


def test_nothing_leads_to_mlflow_where_nothing_serves_it(run: Run) -> None:  # noqa: ARG001
    assert MlflowLink().get_link(None, ti_key=key()) == ""


def test_the_run_in_mlflow_is_found(run: Run, mlflow: str, tokens: Tokens) -> None:  # noqa: ARG001
    client = TestClient(app, cookies=tokens("viewer"), follow_redirects=False)
    answer = client.get(f"/mlflow/train_chat_model/{RUN_ID.replace('+', '%2B')}")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{mlflow}/#/experiments/7/runs/{RUN}"
    client.cookies.clear()
    assert client.get(f"/mlflow/train_chat_model/{RUN_ID.replace('+', '%2B')}").status_code == 401


def test_an_mlflow_that_does_not_answer_is_opened_all_the_same(
    run: Run,  # noqa: ARG001
    tokens: Tokens,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ADDRESS, "http://reader:hunter2@127.0.0.1:9/mlflow/")
    client = TestClient(app, cookies=tokens("viewer"), follow_redirects=False)
    answer = client.get(f"/mlflow/train_chat_model/{RUN_ID.replace('+', '%2B')}")
    assert answer.headers["location"] == "http://127.0.0.1:9/mlflow"


def test_without_one_it_is_said_how_to_get_one(run: Run, tokens: Tokens) -> None:  # noqa: ARG001
    client = TestClient(app, cookies=tokens("viewer"))
    answer = client.get(f"/mlflow/train_chat_model/{RUN_ID.replace('+', '%2B')}")
    assert answer.status_code == 404
    assert "make ui" in answer.text
