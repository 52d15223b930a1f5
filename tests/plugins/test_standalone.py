"""`make ui` and `make demo` refuse in one line what cannot work, and leave nothing running."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from pipeline.report.tracking import ADDRESS
from plugins.project import PROJECT
from plugins.standalone import _tracking
from plugins.tracking_server import TrackingServer
from tests.plugins.browsing import wait


def standalone(root: Path, *arguments: str) -> tuple[int, list[str]]:
    """Status and the lines printed."""
    done = subprocess.run(
        [sys.executable, "-m", "plugins.standalone", *arguments],
        env=os.environ | {"PARLANCE_ROOT": str(root)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def test_a_taken_port_is_named_with_another(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, lines = standalone(tmp_path, "ui", "--port", str(port))
    assert status == 2
    assert lines == [f"error: port {port} is taken; end what listens there, or choose another: make ui PORT={port + 1}"]


def test_a_mistake_in_the_profile_is_refused_before_airflow_starts(tmp_path: Path) -> None:
    status, lines = standalone(tmp_path, "demo", "-o", "train.steps=0")
    assert status == 2
    assert len(lines) == 1
    assert "train.steps: Input should be greater than or equal to 1, found 0" in lines[0]
    assert not (tmp_path / "airflow").exists()


def test_a_file_that_does_not_exist_is_refused_before_airflow_starts(tmp_path: Path) -> None:
    status, lines = standalone(tmp_path, "demo", "--data", str(tmp_path / "chats.jsonl"))
    assert status == 2
    assert lines == [f"error: {tmp_path / 'chats.jsonl'}: no such file or folder; give DATA an existing path"]
    assert not (tmp_path / "airflow").exists()


def test_mlflow_shows_the_tracking_store_of_the_root_on_loopback_and_ends_with_make_ui(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def experiments() -> list[str]:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/search?max_results=9", timeout=30)
        return [experiment["name"] for experiment in answer.json()["experiments"]]

    def answers() -> bool:
        try:
            return bool(experiments())
        except httpx.HTTPError:
            return False

    with TrackingServer(tmp_path, port) as server:
        assert server.address == f"http://127.0.0.1:{port}"
        wait(answers, 120)
        made = httpx.post(f"{server.address}/api/2.0/mlflow/experiments/create", json={"name": "parlance"}, timeout=30)
        assert made.status_code == 200
        assert "parlance" in experiments()
        other = httpx.get(f"{server.address}/", headers={"Host": "example.org"}, timeout=30)
        assert other.status_code == 403  # a name that is pointed here later
        assert (tmp_path / "mlflow.db").is_file()
    assert not answers()


def test_no_mlflow_is_started_where_somebody_else_serves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS, "https://mlflow.example")
    assert not isinstance(_tracking(8080), TrackingServer)


def test_the_address_of_mlflow_reaches_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS, "")
    server = _tracking(8080)
    assert isinstance(server, TrackingServer)
    assert os.environ[ADDRESS] == server.address
    command = "from plugins.tabs import ReportPage; print(ReportPage.external_views[-1])"
    done = subprocess.run([sys.executable, "-c", command], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert f"'href': '{server.address}'" in done.stdout.splitlines()[-1]
