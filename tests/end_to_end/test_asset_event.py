"""Airflow is told of what was written, and retrain_chat_model starts."""

import json
import time
from pathlib import Path

import httpx
import pytest

from configs.load import load_profile
from plugins.local_airflow import Airflow
from plugins.standalone import _free_port
from serving.dialogue.dialogue import database_of
from serving.dialogue.feedback import STATE, Feedback
from serving.dialogue.sessions import Sessions
from serving.dialogue.tables import Conversation

DAG = "/dags/retrain_chat_model"


def test_enough_conversations_start_a_retraining(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "PARLANCE_RETRAIN_CRON", "0 0 29 2 *"
    )  # or the last date's run begins at once, and is the only one
    with Airflow(tmp_path / "root", _free_port()) as airflow, airflow.client() as client:
        monkeypatch.setenv("AIRFLOW_USERNAME", "admin")
        monkeypatch.setenv("AIRFLOW_PASSWORD", airflow.password)
        settings = [f"serving.dialogue.airflow={airflow.address}", "serving.dialogue.event_conversations=2"]
        profile = load_profile("scratch", [f"storage.root={tmp_path / 'root'}", *settings])
        database = database_of(profile, tmp_path / "root")
        kept, feedback = Sessions(database), Feedback(database, profile.serving.dialogue, tmp_path / "root")
        kept.set_consent("ann", True)
        until = time.monotonic() + 120
        while client.get(DAG).status_code == 404:
            assert time.monotonic() < until, "the DAG has not been parsed"
            time.sleep(0.5)
        client.patch(DAG, json={"is_paused": False}).raise_for_status()

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
        while not _triggered(client):
            assert time.monotonic() < until + 60, "no run was started"
            time.sleep(0.5)
        with database.reading() as session:
            assert all(conversation.written == 2 for conversation in session.query(Conversation))
        database.close()


def _triggered(client: httpx.Client) -> bool:
    runs = client.get(f"{DAG}/dagRuns").json()["dag_runs"]
    return any(run["run_type"] == "asset_triggered" for run in runs)
