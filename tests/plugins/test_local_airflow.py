"""Airflow on this machine: its paths follow the project, it stops and starts in order, and a restart costs no retry."""

import http.server
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.configuration import retrieve_configuration_description

from pipeline.contract.process_group import start_guarded
from plugins.local_airflow import COMPONENTS, Airflow, airflow_environment
from plugins.project import PROJECT
from plugins.warm_executor import WarmLocalExecutor


def test_no_path_is_left_to_what_airflow_wrote_down_at_another_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AIRFLOW_HOME", "AIRFLOW_CONFIG", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"):
        monkeypatch.delenv(name, raising=False)
    environment = airflow_environment(tmp_path, 8080)
    paths = [
        f"AIRFLOW__{section}__{option}".upper()
        for section, content in retrieve_configuration_description().items()
        for option, described in content["options"].items()
        if "{AIRFLOW_HOME}" in str(described["default"])
    ]
    assert len(paths) >= 5
    for name in ("AIRFLOW_HOME", "AIRFLOW_CONFIG", *paths):
        value = environment[name].removeprefix("sqlite:///")
        assert Path(value).is_relative_to(tmp_path / "airflow") or Path(value).parent == PROJECT, name


def test_the_api_server_stops_before_a_task_can_report_its_end_as_a_failure(tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    airflow = Airflow(tmp_path, 8080)
    for name in reversed(COMPONENTS):
        script = f"trap 'echo {name} >> {ends}; exit' TERM; touch {tmp_path / name}; while :; do sleep 0.05; done"
        airflow.processes[name] = start_guarded(["bash", "-c", script])
    while not all((tmp_path / name).exists() for name in COMPONENTS):
        time.sleep(0.02)
    airflow.__exit__()
    assert ends.read_text().split()[0] == "api-server"
    assert set(ends.read_text().split()) == set(COMPONENTS)


class Health(http.server.BaseHTTPRequestHandler):
    """Healthy from the third question on."""

    asked = 0

    def do_GET(self) -> None:
        Health.asked += self.path == "/execution/health"
        self.send_response(200 if Health.asked > 2 else 503)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_the_scheduler_begins_no_task_before_the_api_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/execution/"
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", address)
    begun: list[int] = []
    monkeypatch.setattr("airflow.executors.local_executor.LocalExecutor.start", lambda _: begun.append(Health.asked))
    WarmLocalExecutor(parallelism=1).start()
    server.shutdown()
    assert begun == [3]


def test_a_task_that_ended_with_the_scheduler_is_granted_another_try() -> None:
    tasks: Any = [SimpleNamespace(max_tries=1), SimpleNamespace(max_tries=2)]
    assert WarmLocalExecutor(parallelism=1).try_adopt_task_instances(tasks) == tasks
    assert [task.max_tries for task in tasks] == [2, 3]
