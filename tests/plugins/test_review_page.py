"""The page Review inside Airflow: who sees rows, whose marks are kept, and what a browser is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from fastapi.testclient import TestClient

from pipeline.contract.run import Run
from pipeline.review.desk import CONTENT_POLICY
from pipeline.review.marks import read
from plugins.tabs import app
from tests.pipeline.conftest import begin  # noqa: F401, what `audited` begins a run with
from tests.pipeline.review.conftest import audited  # noqa: F401
from tests.plugins.conftest import Tokens, note_dag_run

PAGE = "/review/train_chat_model/test"
ENDS = ["", "/sample.json", "/results.json"]
JSON = {"content-type": "application/json"}


@pytest.fixture
def world(
    tmp_path: Path,
    tokens: Tokens,
    monkeypatch: pytest.MonkeyPatch,
    audited: Callable[..., Run],  # noqa: F811
) -> Callable[..., tuple[TestClient, Run]]:
    """world(*overrides, by, user, role): a run that `by` triggered and whose audit is made, and a user's client."""

    def make(*overrides: str, by: str | None = "bob", user: str = "ada", role: str | None = "user") -> Any:
        run = audited(*overrides)
        monkeypatch.setenv("PARLANCE_ROOT", str(tmp_path / "root"))
        with create_session() as session:
            session.query(DagRun).delete()
        note_dag_run("train_chat_model", "test", by)
        return TestClient(app, cookies=tokens(role, user)), run

    return make


def a_mark(client: TestClient) -> dict[str, Any]:
    item = client.get(PAGE + "/sample.json").json()["items"][0]
    return {"stratum": item["stratum"], "row": item["row"], "right": True, "note": ""}


def test_a_user_sees_rows_and_marks_them_under_the_name_that_airflow_knows(world: Any) -> None:
    client, run = world()
    assert "<h1>Review</h1>" in client.get(PAGE).text
    sample = client.get(PAGE + "/sample.json").json()
    assert (sample["by"], sample["refusal"]) == ("ada", "")
    said = {**a_mark(client), "by": "eve", "note": "why not"}
    assert client.post(PAGE + "/marks", json=said).status_code == 200
    [mark] = read(run.root)
    assert (mark.by, mark.row, mark.right, mark.note) == ("ada", said["row"], True, "why not")
    assert client.get(PAGE + "/results.json").json()["reviewers"] == {"ada": 1}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(("role", "status"), [("viewer", 403), (None, 403), ("user", 200), ("op", 200)])
def test_only_who_may_answer_an_approval_sees_rows(world: Any, end: str, role: str | None, status: int) -> None:
    client, _ = world(role=role)
    answer = client.get(PAGE + end)
    assert answer.status_code == status
    assert status == 200 or "number" not in answer.text


@pytest.mark.parametrize("role", ["viewer", None])
def test_who_sees_no_rows_keeps_no_marks(world: Any, tokens: Tokens, role: str | None) -> None:
    client, run = world()
    said = a_mark(client)
    client.cookies.update(tokens(role))
    assert client.post(PAGE + "/marks", json=said).status_code == 403
    client.cookies.clear()
    assert client.post(PAGE + "/marks", json=said).status_code == 401
    client.cookies.set("_token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJyb2xlIjoiYWRtaW4ifQ.")
    assert client.post(PAGE + "/marks", json=said).status_code == 403
    assert read(run.root) == []


@pytest.mark.parametrize(
    ("overrides", "by", "refused"),
    [
        (("approval.approvers=[bob]",), None, "ada is not among approval.approvers, who are: bob"),
        (("approval.own_runs=false",), "ada", "ada triggered this run, and approval.own_runs is false"),
        (("approval.own_runs=true",), "ada", ""),
        (("approval.approvers=[ada]",), "bob", ""),
        ((), None, ""),
    ],
)
def test_whose_answer_would_not_count_reads_but_does_not_mark(
    world: Any, overrides: tuple[str, ...], by: str | None, refused: str
) -> None:
    client, run = world(*overrides, by=by)
    assert client.get(PAGE + "/sample.json").json()["refusal"].startswith(refused)
    answer = client.post(PAGE + "/marks", json=a_mark(client))
    assert answer.status_code == (400 if refused else 200)
    assert len(read(run.root)) == (not refused)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({**JSON, "sec-fetch-site": "cross-site"}, 403),
        ({**JSON, "sec-fetch-site": "same-site"}, 403),
        ({**JSON, "sec-fetch-site": "same-origin"}, 400),  # it is this page's, and no JSON
    ],
)
def test_another_pages_mark_is_refused(world: Any, headers: dict[str, str], status: int) -> None:
    client, run = world()
    assert client.post(PAGE + "/marks", content=b"{", headers=headers).status_code == status
    assert read(run.root) == []


def test_a_mark_that_is_too_large_is_not_read(world: Any) -> None:
    client, _ = world()
    assert client.post(PAGE + "/marks", content=b"x" * 20_001, headers=JSON).status_code == 413


@pytest.mark.parametrize("end", ENDS)
def test_a_browser_is_told_to_load_nothing_else(world: Any, end: str) -> None:
    client, _ = world()
    headers = client.get(PAGE + end).headers
    policy = headers["content-security-policy"]
    assert policy == CONTENT_POLICY if not end else policy.startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("page", ["/review/train_chat_model/other", "/review/another_dag/test", "/review/x/%2e%2e"])
def test_only_known_runs_have_rows(world: Any, page: str) -> None:
    client, _ = world()
    assert client.get(page + "/sample.json").status_code == 404


def test_a_run_without_an_audit_says_so(world: Any) -> None:
    client, run = world()
    note_dag_run("train_chat_model", "young", "bob")
    Run.begin(run.profile.model_copy(update={"seed": run.profile.seed + 1}), "young")
    answer = client.get("/review/train_chat_model/young/sample.json")
    assert answer.status_code == 400
    assert "stage audit has no artifact yet" in answer.json()["detail"]
