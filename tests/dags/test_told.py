"""A DAG run by Airflow itself: lineage arrives as specified, figures by StatsD, and the failure is told."""

import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from configs.load import load_profile
from pipeline.contract.run import Run
from tests.plugins.conftest import commit
from tests.plugins.openlineage_schema import faults

DAG_FILE = """
import sys

from airflow.sdk import DAG

from dags.pipeline_tasks import DEFAULTS
from plugins.stage_operator import StageOperator


class Failing(StageOperator):
    def command(self, run, context):
        code = "import sys; print('error: score: no space left; free some'); sys.exit(2)"
        return [sys.executable, "-c", code]


with DAG("train_chat_model", schedule=None, default_args=DEFAULTS | {{"retries": 0}}):
    made = StageOperator(task_id="acquire", task="acquire", run={folder!r})
    made >> Failing(task_id="clean", task="clean", run={folder!r})
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose acquire is made, and whose profile tells of failures by the connection `hook`."""
    turns = [{"role": "user", "content": "How are you?"}, {"role": "assistant", "content": "I am well, thank you."}]
    data = tmp_path / "conversations.jsonl"
    data.write_text(json.dumps({"messages": turns}) + "\n")
    settings = [f"storage.root={tmp_path / 'root'}", 'notify.by=[{"connection": "hook", "of": ["failure"]}]']
    run = Run.begin(load_profile("scratch", settings, str(data)), "manual__told")
    commit(run, "acquire", 1)
    return run


class Receivers:
    """A web server and a StatsD server: what was posted, and what was counted."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        receivers = self

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receivers.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.hook = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=self.hook.serve_forever, daemon=True).start()
        self.statsd = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.statsd.bind(("127.0.0.1", 0))
        self.statsd.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.statsd.settimeout(0.5)

    def counted(self) -> set[str]:
        found = set()
        try:
            while True:
                found.add(self.statsd.recv(4096).decode())
        except TimeoutError:
            return found

    def close(self) -> None:
        self.hook.shutdown()
        self.statsd.close()


def test_what_airflow_sends_when_tasks_end_and_fail(run: Run, tmp_path: Path) -> None:
    receivers, events = Receivers(), tmp_path / "events.jsonl"
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "told.py").write_text(textwrap.dedent(DAG_FILE.format(folder=str(run.folder))))
    hook = {"conn_type": "http", "host": "127.0.0.1", "port": receivers.hook.server_port, "schema": "http"}
    transport = {"type": "file", "log_file_path": str(events), "append": True}
    settings = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW_CONN_HOOK": json.dumps(hook),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(receivers.statsd.getsockname()[1]),
        "PARLANCE_ROOT": str(run.root),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    for command in (["db", "migrate"], ["dags", "test", "train_chat_model"]):
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *command],
            env={name: value for name, value in os.environ.items() if "AIRFLOW" not in name} | settings,
            capture_output=True,
            text=True,
            check=False,
        )
    counted = receivers.counted()
    receivers.close()
    said = done.stdout + done.stderr
    assert "error: score: no space left; free some" in said

    found = [json.loads(line) for line in events.read_text().splitlines()]
    assert not [fault for event in found for fault in faults(event)]
    ended = {event["job"]["name"]: event for event in found if event["eventType"] in ("COMPLETE", "FAIL")}
    acquired, failed = ended["train_chat_model.acquire"], ended["train_chat_model.clean"]
    assert (acquired["eventType"], failed["eventType"]) == ("COMPLETE", "FAIL")
    [made] = acquired["outputs"]
    assert made["name"] == str(run.artifact("acquire").path)
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 1
    assert [read["name"] for read in failed["inputs"]] == [made["name"]]

    assert [message["event"] for message in receivers.posted] == ["failure"], said
    assert "clean failed in train_chat_model" in receivers.posted[0]["subject"]
    assert "no space left; free some" in receivers.posted[0]["text"]
    assert "airflow.parlance.stage.acquire.found:1|c" in counted
