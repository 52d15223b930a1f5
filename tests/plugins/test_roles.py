"""Airflow's whole API server with FAB's users: what a viewer, a user and an op see, do, and may not."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from configs.load import load_profile
from pipeline.contract.run import Run
from plugins.auth_manager import ParlanceAuthManager
from plugins.project import PROJECT
from tests.plugins.conftest import note_dag_run

PEOPLE = {"vic": "Viewer", "uma": "User", "otto": "Op"}
RUN_ID = "nightly"
REPORT = f"/parlance/runs/train_chat_model/{RUN_ID}"
REVIEW = f"/parlance/review/train_chat_model/{RUN_ID}"
SEARCH = f"/parlance/search/train_chat_model/{RUN_ID}"
PLAN = "/parlance/plan/train_chat_model"

As = Callable[[str], TestClient]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The application that `airflow api-server` serves, over an empty database with one run and three people."""
    from airflow import settings
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from airflow.models import import_all_models
    from airflow.models.base import Base
    from airflow.providers.fab.auth_manager.models import Model
    from airflow.providers.fab.auth_manager.models.db import _get_flask_db

    folder = tmp_path_factory.mktemp("roles")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{folder / 'airflow.db'}")
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "a secret of this test " * 3)
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", "plugins.auth_manager.ParlanceAuthManager")
        patch.setenv("AIRFLOW__CORE__PLUGINS_FOLDER", str(PROJECT / "plugins"))
        patch.setenv("PARLANCE_ROOT", str(folder / "root"))
        settings.dispose_orm()
        settings.configure_vars()
        settings.configure_orm()
        import_all_models()
        Base.metadata.create_all(settings.engine)
        Model.metadata.create_all(settings.engine)
        sessions, flask = _get_flask_db(settings.SQL_ALCHEMY_CONN)
        with flask.app_context():
            sessions.create_all()
        purge_cached_app()
        app = create_app(apps="core")
        manager = app.state.auth_manager
        with manager.flask_app.app_context():
            for name, role in PEOPLE.items():
                found = manager.security_manager.find_role(role)
                assert manager.security_manager.add_user(name, name, "Tester", f"{name}@localhost", found, name)
        begin_run(folder)
        with TestClient(app) as client:
            yield client
        settings.dispose_orm()
    purge_cached_app()
    settings.configure_vars()
    settings.configure_orm()


def begin_run(folder: Path) -> None:
    """A run of train_chat_model that uma triggered."""
    (folder / "chats.jsonl").write_text("{}\n")
    settings = [f"storage.root={folder / 'root'}", "approval.own_runs=false"]
    Run.begin(load_profile("scratch", settings, str(folder / "chats.jsonl")), RUN_ID)
    note_dag_run("train_chat_model", RUN_ID, "uma")


@pytest.fixture
def signed_in(server: TestClient) -> As:
    """signed_in(name): a client that logged in by name and password, as scripts do."""

    def client(name: str) -> TestClient:
        answer = server.post("/auth/token", json={"username": name, "password": name})
        assert answer.status_code == 201, answer.text
        token = answer.json()["access_token"]
        return TestClient(server.app, headers={"Authorization": f"Bearer {token}"}, cookies={"_token": token})

    return client


def test_who_is_not_signed_in_or_gives_a_wrong_password_reads_nothing(server: TestClient) -> None:
    assert server.post("/auth/token", json={"username": "vic", "password": "uma"}).status_code == 401
    assert server.get(REPORT).status_code == 401
    assert server.get("/api/v2/dags").status_code == 401


@pytest.mark.parametrize("name", PEOPLE)
def test_everybody_with_a_role_reads_reports(signed_in: As, name: str) -> None:
    answer = signed_in(name).get(f"{REPORT}/report.json")
    assert answer.status_code == 200
    assert json.loads(answer.text)["run"] == RUN_ID


@pytest.mark.parametrize(
    ("name", "plans", "triggers", "reviews", "sees_connections"),
    [("vic", 403, 403, 403, 403), ("uma", 200, 404, 200, 403), ("otto", 200, 404, 200, 200)],
)
def test_what_each_role_may(
    signed_in: As, name: str, plans: int, triggers: int, reviews: int, sees_connections: int
) -> None:
    """404: who may trigger is told that the DAG is not there, in this empty database."""
    client = signed_in(name)
    body: dict[str, Any] = {"dag_run_id": "mine", "logical_date": None, "conf": {}}
    assert client.get(PLAN).status_code == plans
    assert client.post("/api/v2/dags/train_chat_model/dagRuns", json=body).status_code == triggers
    assert client.get(REVIEW).status_code == reviews
    assert client.get(SEARCH).status_code == reviews
    assert client.get(f"{SEARCH}/map.json").status_code == reviews
    assert client.get("/api/v2/connections").status_code == sees_connections


def test_no_role_plans_with_what_only_profiles_say(signed_in: As) -> None:
    for asked in ("overrides=storage.root%3D/etc", "data=/etc/hosts", "profile=/etc/hosts"):
        text = signed_in("otto").get(f"{PLAN}?profile=scratch&{asked}").text
        assert 'class="error"' in text
        assert "localhost" not in text


def test_paths_of_a_plan_are_bounded_by_the_operator(signed_in: As, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 'class="error"' not in signed_in("uma").get(f"{PLAN}?profile=scratch").text
    monkeypatch.setenv("PARLANCE_ALLOWED_PATHS", "/srv/parlance")
    assert "storage.root" in signed_in("uma").get(f"{PLAN}?profile=scratch").text


def test_whoever_triggered_a_run_marks_none_of_its_rows(signed_in: As) -> None:
    text = signed_in("uma").post(f"{REVIEW}/marks", json={"stratum": "x", "row": "y", "right": True, "note": ""}).text
    assert "uma triggered this run" in text


def test_an_approver_is_asked_for_by_name() -> None:
    """FAB alone compares names with the numbers of its rows, and refuses everybody."""
    from airflow.providers.fab.auth_manager.models import User

    rita = User(id=7, username="rita")
    manager = ParlanceAuthManager()
    assert manager.is_authorized_hitl_task(assigned_users={"rita", "ada"}, user=rita)
    assert not manager.is_authorized_hitl_task(assigned_users={"ada"}, user=rita)
    assert not manager.is_authorized_hitl_task(assigned_users={"7"}, user=rita)
