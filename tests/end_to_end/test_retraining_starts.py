"""What starts retrain_chat_model in one Airflow: a look at new data that finds a reason, and the asset's event."""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest
import yaml

from configs.load import load_profile
from plugins.local_airflow import Airflow
from plugins.standalone import _free_port
from serving.dialogue.dialogue import database_of
from serving.dialogue.feedback import STATE, Feedback
from serving.dialogue.sessions import Sessions
from serving.dialogue.tables import Conversation

WATCH, RETRAIN = "/dags/watch_conversations", "/dags/retrain_chat_model"

SELDOM = "0 0 29 2 *"
"""A DAG that is not paused any more begins the run of its last date at once, if that was lately."""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """Its DAGs work with five conversations, of which no run has read any."""
    folder = tmp_path_factory.mktemp("retraining")
    turns = [{"role": "user", "content": "How are you?"}, {"role": "assistant", "content": "I am well, thank you."}]
    data, profile = folder / "chats.jsonl", folder / "ours.yaml"
    data.write_text("".join(json.dumps({"messages": turns, "number": n}) + "\n" for n in range(5)))
    settings = [f"storage.root={folder / 'root'}", "watch.rows=5"]
    profile.write_text(yaml.safe_dump(load_profile("scratch", settings, str(data)).model_dump(mode="json")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARLANCE_RETRAIN_PROFILE", str(profile))
        for clock in ("PARLANCE_RETRAIN_CRON", "PARLANCE_WATCH_CRON"):
            patch.setenv(clock, SELDOM)
        with Airflow(folder / "root", _free_port()) as started:
            yield started


@pytest.fixture
def client(airflow: Airflow) -> Iterator[httpx.Client]:
    """Of the REST API, once both DAGs have been parsed and are not paused. Ends what was started: nothing starts
    retraining that goes on."""
    with airflow.client() as client:
        for dag in (WATCH, RETRAIN):
            _until(partial(_served, client, dag))
            client.patch(dag, json={"is_paused": False}).raise_for_status()
        yield client
        for run in _runs(client):
            ended = client.patch(f"{RETRAIN}/dagRuns/{run['dag_run_id']}", json={"state": "failed"})
            ended.raise_for_status()


def test_a_reason_starts_retraining_and_is_its_note(client: httpx.Client) -> None:
    _look(client, "first")
    [run] = _until(partial(_runs, client))
    assert run["dag_run_id"].startswith("watch__")
    assert "rows: 5 conversations that no run has read" in run["note"]
    assert _look(client, "second") == "skipped", "a run is not finished"
    assert len(_runs(client)) == 1


def test_enough_conversations_start_a_retraining(
    airflow: Airflow, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_USERNAME", "admin")
    monkeypatch.setenv("AIRFLOW_PASSWORD", airflow.password)
    settings = [f"serving.dialogue.airflow={airflow.address}", "serving.dialogue.event_conversations=2"]
    profile = load_profile("scratch", [f"storage.root={airflow.root}", *settings])
    database = database_of(profile, airflow.root)
    kept, feedback = Sessions(database), Feedback(database, profile.serving.dialogue, airflow.root)
    kept.set_consent("ann", True)

    def say() -> None:
        begun = kept.begin("ann", None, "Hello")
        kept.finish(begun.message_id, "Hi!", "stop")
        feedback.write(time.time(), settled=True)

    say()
    assert json.loads((feedback.folder / STATE).read_text())["untold"] == 1
    assert client.get("/assets/events").json()["total_entries"] == 0
    say()
    [event] = client.get("/assets/events").json()["asset_events"]
    assert (event["uri"], event["extra"]["records"]) == ("parlance://conversations/", 2)
    _until(lambda: any(run["run_type"] == "asset_triggered" for run in _runs(client)))
    with database.reading() as session:
        assert all(conversation.written == 2 for conversation in session.query(Conversation))
    database.close()


def _look(client: httpx.Client, name: str) -> str:
    """Has the DAG look once, and says how its second task ended."""
    client.post(f"{WATCH}/dagRuns", json={"dag_run_id": name, "logical_date": None}).raise_for_status()
    tasks = f"{WATCH}/dagRuns/{name}/taskInstances/"
    return _until(lambda: _ended(client.get(f"{tasks}retrain").json()["state"]))


def _ended(state: str | None) -> str | None:
    assert state not in ("failed", "upstream_failed")
    return state if state in ("success", "skipped") else None


def _runs(client: httpx.Client) -> list[dict[str, Any]]:
    return client.get(f"{RETRAIN}/dagRuns").json()["dag_runs"]


def _served(client: httpx.Client, dag: str) -> bool:
    return client.get(dag).status_code == 200


def _until(found: Callable[[], Any], seconds: float = 180) -> Any:
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.5)
    return value
