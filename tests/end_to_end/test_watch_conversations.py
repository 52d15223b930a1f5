"""New conversations start retraining, with the reason as the run's note, once."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from configs.load import load_profile
from plugins.local_airflow import Airflow
from plugins.standalone import _free_port

WATCH, RETRAIN = "/dags/watch_conversations", "/dags/retrain_chat_model"


SELDOM = "0 0 29 2 *"
"""A DAG that is not paused any more begins the run of its last date at once, if that was lately."""


def test_a_reason_starts_retraining_and_is_its_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = [{"role": "user", "content": "How are you?"}, {"role": "assistant", "content": "I am well, thank you."}]
    data, profile = tmp_path / "chats.jsonl", tmp_path / "ours.yaml"
    data.write_text("".join(json.dumps({"messages": turns, "number": n}) + "\n" for n in range(5)))
    settings = [f"storage.root={tmp_path / 'root'}", "watch.rows=5"]
    profile.write_text(yaml.safe_dump(load_profile("scratch", settings, str(data)).model_dump(mode="json")))
    monkeypatch.setenv("PARLANCE_RETRAIN_PROFILE", str(profile))
    for clock in ("PARLANCE_RETRAIN_CRON", "PARLANCE_WATCH_CRON"):
        monkeypatch.setenv(clock, SELDOM)
    with Airflow(tmp_path / "root", _free_port()) as airflow, airflow.client() as client:
        for dag in (WATCH, RETRAIN):
            _until(partial(_served, client, dag))
            client.patch(dag, json={"is_paused": False}).raise_for_status()
        _look(client, "first")
        [run] = _until(lambda: client.get(f"{RETRAIN}/dagRuns").json()["dag_runs"])
        assert run["dag_run_id"].startswith("watch__")
        assert "rows: 5 conversations that no run has read" in run["note"]
        assert _look(client, "second") == "skipped", "a run is not finished"
        assert len(client.get(f"{RETRAIN}/dagRuns").json()["dag_runs"]) == 1


def _look(client: httpx.Client, name: str) -> str:
    """Has the DAG look once, and says how its second task ended."""
    client.post(f"{WATCH}/dagRuns", json={"dag_run_id": name, "logical_date": None}).raise_for_status()
    tasks = f"{WATCH}/dagRuns/{name}/taskInstances/"
    return _until(lambda: _ended(client.get(f"{tasks}retrain").json()["state"]))


def _ended(state: str | None) -> str | None:
    assert state not in ("failed", "upstream_failed")
    return state if state in ("success", "skipped") else None


def _served(client: httpx.Client, dag: str) -> bool:
    return client.get(dag).status_code == 200


def _until(found: Callable[[], Any], seconds: float = 180) -> Any:
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.5)
    return value
