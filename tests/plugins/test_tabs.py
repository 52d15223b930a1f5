"""The report inside Airflow: who may read it, what may be asked for, and what a browser is told."""

import html
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from fastapi.testclient import TestClient

from configs.errors import UserError
from configs.load import load_profile
from pipeline.contract.run import Run
from pipeline.report.report import damage
from plugins.configure_operator import resolve
from plugins.project import run_name
from plugins.tabs import PREFIX, ReportPage, app
from plugins.trigger_form import trigger_params
from tests.plugins.conftest import Tokens, note_dag_run

RUN_ID = "manual__2026-11-21T20:11:05.311+00:00"


@pytest.fixture
def client(tmp_path: Path, tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A signed-in viewer's client, and one run of train_chat_model that has just begun."""
    (tmp_path / "chats.jsonl").write_text("{}\n")
    Run.begin(load_profile("scratch", [f"storage.root={tmp_path / 'root'}"], str(tmp_path / "chats.jsonl")), RUN_ID)
    monkeypatch.setenv("PARLANCE_ROOT", str(tmp_path / "root"))
    with create_session() as session:
        session.query(DagRun).delete()
    note_dag_run("train_chat_model", RUN_ID)
    return TestClient(app, cookies=tokens("viewer"))


def address(dag_id: str = "train_chat_model", run_id: str = RUN_ID, end: str = "") -> str:
    return f"/runs/{dag_id}/{run_id.replace('+', '%2B')}{end}"


@pytest.mark.parametrize("end", ["", "/report.json"])
def test_who_is_not_signed_in_is_refused(client: TestClient, end: str) -> None:
    client.cookies.clear()
    answer = client.get(address(end=end))
    assert answer.status_code == 401
    assert "Parlance run report" not in answer.text


@pytest.mark.parametrize("end", ["", "/report.json"])
def test_a_forged_token_is_refused(client: TestClient, end: str) -> None:
    client.cookies.set("_token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJyb2xlIjoiYWRtaW4ifQ.")
    assert client.get(address(end=end)).status_code == 403


@pytest.mark.parametrize("end", ["", "/report.json"])
def test_a_user_without_a_role_is_refused(client: TestClient, tokens: Tokens, end: str) -> None:
    client.cookies.update(tokens(None))
    assert client.get(address(end=end)).status_code == 403


def test_a_viewer_reads_the_report_of_a_run_that_has_only_begun(client: TestClient) -> None:
    answer = client.get(address())
    assert answer.status_code == 200
    assert "The stage acquire has not run yet." in answer.text


def test_the_numbers_are_json(client: TestClient) -> None:
    answer = client.get(address(end="/report.json"))
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["run"].startswith("manual__2026-11-21T20_11_05.311_00_00-")


def test_the_report_is_built_again_when_a_stage_has_recorded_since(client: TestClient, tmp_path: Path) -> None:
    client.get(address())
    run = Run.open(tmp_path / "root")
    run.record("acquire", "0" * 64, False, 754.0, datetime(2026, 11, 21, 20, 11, tzinfo=UTC))
    newer = (run.folder / "report.html").stat().st_mtime + 1
    os.utime(run.folder / "stages" / "acquire.json", (newer, newer))
    assert "12 min 34 s" in client.get(address()).text


@pytest.mark.parametrize(("end", "name"), [("", "report.html"), ("/report.json", "report.json")])
def test_a_damaged_report_is_written_anew(client: TestClient, tmp_path: Path, end: str, name: str) -> None:
    client.get(address())
    file = Run.open(tmp_path / "root").folder / name
    file.write_bytes(file.read_bytes().replace(b"manual__2026", b"manual__2027"))
    assert "manual__2027" not in client.get(address(end=end)).text
    assert damage(Run.open(tmp_path / "root")) == []


@pytest.mark.parametrize("end", ["", "/report.json", "/other"])
def test_every_answer_carries_the_security_headers(client: TestClient, end: str) -> None:
    headers = client.get(address(end=end)).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "unsafe" not in policy.get("script-src", "")
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_a_run_of_another_dag_with_the_same_id_does_not_open_the_report(client: TestClient) -> None:
    note_dag_run("another_dag", RUN_ID)
    assert client.get(address(dag_id="another_dag")).status_code == 404
    assert client.get(address(dag_id="retrain_chat_model")).status_code == 404


@pytest.mark.parametrize("end", ["", "/report.json"])
def test_a_run_whose_profile_is_damaged_says_so_and_what_to_do(client: TestClient, tmp_path: Path, end: str) -> None:
    profile = Run.open(tmp_path / "root").folder / "profile.json"
    profile.write_bytes(profile.read_bytes().replace(b"small Llama", b"small Lhama"))
    answer = client.get(address(end=end))
    assert answer.status_code == 500
    assert "is not what was written; begin the run again" in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_run_that_is_not_configured_yet_is_asked_for_again(client: TestClient) -> None:
    note_dag_run("train_chat_model", "queued")
    answer = client.get(address(run_id="queued"))
    assert (answer.status_code, answer.headers["refresh"]) == (404, "5")
    assert "It appears when the run has been configured." in answer.text
    assert "refresh" not in client.get(address(run_id="nobody_knows")).headers


@pytest.mark.parametrize("run_id", ["latest", ".", "a" * 240])
def test_a_dag_run_named_like_a_link_or_too_long_opens_no_other_run(client: TestClient, run_id: str) -> None:
    note_dag_run("train_chat_model", run_id)
    assert client.get(f"/runs/train_chat_model/{run_id.replace('.', '%2e')}").status_code == 404


@pytest.mark.parametrize("run_id", ["%2e%2e", "%2e%2e%2f%2e%2e", "..%5c..", "%2fetc%2fpasswd", "%00", "unknown"])
def test_nothing_but_a_known_run_is_reachable(client: TestClient, run_id: str) -> None:
    answer = client.get(f"/runs/train_chat_model/{run_id}")
    assert answer.status_code == 404
    assert "chats.jsonl" not in answer.text


def test_markup_in_an_address_is_escaped(client: TestClient) -> None:
    answer = client.get("/runs/train_chat_model/<b>bold")
    assert answer.status_code == 404
    assert "&lt;b&gt;bold" in answer.text
    assert "<b>" not in answer.text


def test_the_routes_do_not_describe_themselves(client: TestClient) -> None:
    assert {client.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json", "/")} == {404}


def test_the_tabs_open_the_run_and_the_dag_that_are_shown() -> None:
    report, compare, search, review, plan = ReportPage.external_views
    assert report["destination"] == "dag_run"
    assert "/" + report["href"] == PREFIX + "/runs/{DAG_ID}/{RUN_ID}"
    assert review["destination"] == "dag_run"
    assert "/" + review["href"] == PREFIX + "/review/{DAG_ID}/{RUN_ID}"
    assert (search["destination"], "/" + search["href"]) == ("dag_run", PREFIX + "/search/{DAG_ID}/{RUN_ID}")
    assert (compare["destination"], "/" + compare["href"]) == ("dag_run", PREFIX + "/compare/{DAG_ID}/{RUN_ID}")
    assert plan["destination"] == "dag"
    assert "/" + plan["href"] == PREFIX + "/plan/{DAG_ID}"
    assert json.dumps([report, compare, review, plan])  # Airflow sends them to the browser


CLUSTER = "/plan/train_chat_model?profile=cluster-32xa100"


def test_only_who_may_trigger_runs_may_plan_them(client: TestClient, tokens: Tokens) -> None:
    assert client.get(CLUSTER).status_code == 403  # a viewer
    client.cookies.update(tokens("user"))
    assert client.get(CLUSTER).status_code == 200
    client.cookies.clear()
    assert client.get(CLUSTER).status_code == 401


def test_the_plan_of_the_form_is_that_of_the_command_line(client: TestClient, tokens: Tokens) -> None:
    client.cookies.update(tokens("user"))
    text = client.get(CLUSTER).text
    assert "721,153.85 s = 8.35 days" in text
    doubled = client.get(CLUSTER + "&overrides=plan.rows.count%3D400000000").text
    assert "1,442,307.69 s = 16.7 days" in doubled


def test_the_plans_form_shows_what_the_chosen_profile_says(client: TestClient, tokens: Tokens) -> None:
    client.cookies.update(tokens("user"))
    for name in ("demo", "cluster-32xa100"):
        steps = f"{load_profile(name).train.steps:,}"
        text = client.get(f"/plan/train_chat_model?profile={name}&only=fields").text
        assert f'name="train.steps" type="number" value="" placeholder="{steps}" min="1" max="1000000" step="1"' in text
        assert "<pre>" not in text


def test_a_wrong_value_is_refused_before_anything_starts(client: TestClient, tokens: Tokens) -> None:
    client.cookies.update(tokens("user"))
    asked = "/plan/train_chat_model?profile=scratch&train.steps=10&train.warmup_steps=50"
    text = client.get(asked).text
    assert "warmup_steps (50) must be below steps" in text
    assert 'id="start"' not in text
    assert 'value="50"' in text  # what was filled in stays


def test_what_a_stage_refuses_is_said_beside_the_plan(client: TestClient, tokens: Tokens) -> None:
    client.cookies.update(tokens("user"))
    text = client.get(CLUSTER).text
    assert "The run would be refused in its first task" in text
    assert "launch.hostfile" in text
    assert ">Start anyway</button>" in text


def test_what_the_button_starts_is_what_was_estimated(client: TestClient, tokens: Tokens) -> None:
    client.cookies.update(tokens("user"))
    text = client.get("/plan/train_chat_model?profile=scratch&train.steps=90&review.mode=human&overrides=seed%3D3").text
    conf = json.loads(html.unescape(re.search(r'data-conf="([^"]*)"', text)[1]))  # type: ignore[index]
    assert conf == {
        "profile": "scratch", "data": None, "overrides": ["seed=3"], "train.steps": 90, "review.mode": "human"
    }  # fmt: skip
    for name, value in conf.items():
        trigger_params()[name].resolve(value)


def test_a_mistake_in_the_plans_form_is_said_and_escaped(client: TestClient, tokens: Tokens) -> None:
    client.cookies.update(tokens("user"))
    answer = client.get(CLUSTER + "&overrides=plan.hardware.gpu%3D%3Cb%3EA1")
    assert answer.status_code == 200
    assert "plan.hardware.gpu: &#39;&lt;b&gt;A1&#39; is not a known GPU" in answer.text
    assert "<b>" not in answer.text


def test_the_plans_page_may_send_its_form_to_itself_and_nothing_else(client: TestClient, tokens: Tokens) -> None:
    client.cookies.update(tokens("user"))
    headers = client.get(CLUSTER).headers
    assert "form-action 'self'" in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"


def test_runs_of_other_dags_are_not_planned(client: TestClient, tokens: Tokens) -> None:
    client.cookies.update(tokens("user"))
    assert client.get("/plan/another_dag?profile=demo").status_code == 404


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("profile=%2Fetc%2Fhosts", "profile: &#39;/etc/hosts&#39; is not a profile that a trigger may choose"),
        ("profile=demo&data=%2Fetc%2Fhosts", "data: &#39;/etc/hosts&#39; is under no folder that is listed"),
        ("profile=demo&overrides=storage.root%3D%2Ftmp%2Fx", "storage.root: may not be set when a run is triggered"),
        ("profile=demo&overrides=spark.conf%3D%7Ba: b%7D", "spark.conf: may not be set when a run is triggered"),
        ("profile=demo&overrides=vectors.url%3Dhttp://127.0.0.1:9", "vectors.url: may not be set when a run is trig"),
    ],
)
def test_a_plan_reads_nothing_that_a_run_may_not(client: TestClient, tokens: Tokens, asked: str, says: str) -> None:
    client.cookies.update(tokens("user"))
    text = client.get(f"/plan/train_chat_model?{asked}").text
    assert says in text
    assert "localhost" not in text


def test_equal_ids_of_two_dags_show_two_reports(client: TestClient, tmp_path: Path) -> None:
    profile = Run.open(tmp_path / "root").profile
    for dag, seed in (("train_chat_model", 1), ("retrain_chat_model", 2)):
        note_dag_run(dag, "nightly")
        Run.begin(profile.model_copy(update={"seed": seed}), run_name(dag, "nightly"))
    pages = [client.get(address(d, "nightly", "/report.json")) for d in ("train_chat_model", "retrain_chat_model")]
    assert [page.json()["run"].split("-")[0] for page in pages] == ["nightly", "retrain_chat_model_nightly"]


@pytest.mark.parametrize("setting", ["plan.rows.count=1" + "0" * 300, "plan.deployment.daily_users=1" + "0" * 320])
def test_a_number_that_overflows_the_plan_is_a_line_on_its_page(setting: str) -> None:
    from plugins.plan_routes import plan_text

    with pytest.raises(UserError, match="plan: a number is too large to plan with"):
        plan_text(resolve({"profile": "demo", "overrides": [setting]}))
