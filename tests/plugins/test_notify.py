"""What people are told reaches a real mail server and a real webhook, and what cannot be told stops nothing."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from configs.load import load_profile
from configs.notify import Notify, Told
from pipeline.contract.run import Run
from plugins.deadline import deadline, deadline_seconds
from plugins.notify import notify_of, tell, tell_failure, tell_promotion
from tests import artifacts

RUN = SimpleNamespace(dag_id="train_chat_model", run_id="manual__1")


class Mailbox:
    """Takes every message, as aiosmtpd's handler."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002
        self.messages.append(BytesParser(EmailMessage, policy=default).parsebytes(envelope.content))
        return "250 taken"


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """A mail server, which is the connection `mail`."""
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "parlance@example.org"}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_MAIL", json.dumps(connection))
    yield box
    server.stop()


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What was posted to a web server, as (path, JSON); it is the connections `hook` and, as Slack's, `slack`."""
    found: list[tuple[str, dict[str, Any]]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = {"host": "127.0.0.1", "port": server.server_port, "schema": "http"}
    monkeypatch.setenv("AIRFLOW_CONN_HOOK", json.dumps({"conn_type": "http", **address}))
    slack = {
        "conn_type": "slackwebhook",
        "host": f"http://127.0.0.1:{server.server_port}/services",
        "password": "/T0/B0/x",
    }
    monkeypatch.setenv("AIRFLOW_CONN_SLACK", json.dumps(slack))
    yield found
    server.shutdown()


def notify(*told: Told, **settings: Any) -> Notify:
    return Notify(by=told, **settings)


MAIL = Told(connection="mail", to=("ops@example.org", "ml@example.org"))
HOOK = Told(connection="hook", endpoint="parlance", of=("failure",))
SLACK = Told(connection="slack")


def test_a_mail_says_what_happened_and_shows_markup_as_text(mailbox: Mailbox) -> None:
    assert tell(notify(MAIL), {"dag_run": RUN}, "drift", "data has drifted", ["topics: <b>food</b> 1% → 9%"]) == 1
    [mail] = mailbox.messages
    assert mail["subject"] == "Parlance: data has drifted"
    assert mail["from"] == "parlance@example.org"
    assert {"ops@example.org", "ml@example.org"} == {name.strip() for name in str(mail["to"]).split(",")}
    body = mail.get_body(("html",))
    assert body is not None
    text = body.get_content()
    assert "topics: &lt;b&gt;food&lt;/b&gt; 1% → 9%" in text


def test_a_webhook_gets_json(posted: list[tuple[str, dict[str, Any]]]) -> None:
    assert tell(notify(HOOK), {"dag_run": RUN}, "failure", "train failed", ["error: no memory"]) == 1
    [(path, message)] = posted
    assert path == "/parlance"
    assert message["event"] == "failure"
    assert message["run_id"] == "manual__1"
    assert message["text"] == "Parlance: train failed\nerror: no memory"


def test_slack_gets_a_text_in_which_nobody_is_called(posted: list[tuple[str, dict[str, Any]]]) -> None:
    assert tell(notify(SLACK), {}, "late", "clean is late", ["<!channel> & more"]) == 1
    [(path, message)] = posted
    assert path == "/services/T0/B0/x"
    assert "&lt;!channel&gt; &amp; more" in message["text"]


def test_texts_are_data_and_no_templates(posted: list[tuple[str, dict[str, Any]]]) -> None:
    tell(notify(HOOK), {"dag_run": RUN}, "failure", "{{ 7 * 7 }}", ["{{ conn.hook.password }}"])
    assert posted[0][1]["text"] == "Parlance: {{ 7 * 7 }}\n{{ conn.hook.password }}"


def test_credentials_are_masked(posted: list[tuple[str, dict[str, Any]]]) -> None:
    tell(notify(HOOK), {}, "failure", "train failed", ["error: postgresql://ada:secret@db/x did not answer"])
    assert "secret" not in json.dumps(posted)


def test_who_is_not_told_of_an_event_hears_nothing(posted: list[tuple[str, dict[str, Any]]]) -> None:
    assert tell(notify(HOOK), {}, "promotion", "a new champion", []) == 0
    assert posted == []


def test_a_receiver_that_cannot_be_reached_stops_nothing_and_no_other(
    posted: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_GONE", json.dumps({"conn_type": "http", "host": "127.0.0.1", "port": 9}))
    told = (Told(connection="gone"), Told(connection="nobody"), Told(connection="wrong"), SLACK)
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", json.dumps({"conn_type": "sqlite", "host": "x"}))
    assert tell(notify(*told), {}, "failure", "train failed", []) == 1
    assert len(posted) == 1
    said = caplog.text
    assert "gone could not tell of failure" in said
    assert "nobody could not tell of failure: ValueError: there is no such connection" in said
    assert "connections of type sqlite tell nobody" in said


def telling(run: Run, *told: str, **settings: Any) -> Run:
    """A run of the same data whose profile tells by connections of everything."""
    by = [{"connection": name, "to": ["ops@example.org"]} for name in told]
    given = [
        f"storage.root={run.root}",
        f"notify.by={json.dumps(by)}",
        *(f"notify.{k}={v}" for k, v in settings.items()),
    ]
    profile = load_profile("scratch", given, str(run.profile.acquire.sources[0].path))
    return Run.begin(profile, RUN.run_id)


def test_a_failed_task_tells_by_its_runs_own_profile(
    run: Run, posted: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLANCE_ROOT", str(run.root))
    telling(run, "slack")
    context = {"dag_run": RUN, "ti": SimpleNamespace(task_id="train"), "exception": ValueError("rank 1\nended")}
    tell_failure(context)
    assert "train failed in train_chat_model, run manual__1\nerror: rank 1 ended" in posted[0][1]["text"]


def test_before_a_run_has_begun_the_profile_that_was_asked_for_says_who_is_told(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLANCE_ROOT", str(tmp_path))
    assert notify_of({"dag_run": RUN, "params": {"profile": "demo"}}) == load_profile("demo").notify
    assert notify_of({"dag_run": RUN, "params": {"profile": "no such profile"}}) == Notify()


@pytest.mark.parametrize(
    ("decision", "words"),
    [("promoted", "parlance-chat version 4 is the new champion"), ("kept_champion", "the champion stays")],
)
def test_the_gates_decision_is_told_once(
    run: Run,
    posted: list[tuple[str, dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    decision: str,
    words: str,
) -> None:
    monkeypatch.setenv("PARLANCE_ROOT", str(run.root))
    run = telling(run, "slack")
    promotion = {"decision": decision, "reason": "The loss fell by 3%.", "name": "parlance-chat", "version": 4}
    artifacts.commit(run, "promote", 1, metrics=promotion)
    tell_promotion({"dag_run": RUN})
    assert posted == [], "promote has not recorded its outcome"
    run.record("promote", run.fingerprint("promote"), False, 1.0, datetime.now(UTC))
    tell_promotion({"dag_run": RUN})
    assert words in posted[0][1]["text"]
    assert "The loss fell by 3%." in posted[0][1]["text"]


def test_a_late_stage_is_told_of_once_and_goes_on(run: Run, posted: list[tuple[str, dict[str, Any]]]) -> None:
    run = telling(run, "slack", late_minutes=0)
    stages = [
        {"stage": "score", "seconds": 0.05},
        {"stage": "clean", "seconds": 0.05},
        {"stage": "train", "seconds": 9},
    ]
    (run.folder / "plan.json").write_text(json.dumps({"stages": stages, "warnings": []}))
    assert deadline_seconds(run, "clean") == (pytest.approx(0.1), pytest.approx(0.2))
    said: list[str] = []
    with deadline(run, "clean", {"dag_run": RUN}, said.append):
        _until(lambda: posted)
        done = "the stage went on"
    assert done
    assert len(said) == len(posted) == 1
    assert said[0].startswith("warning: clean has taken")
    with deadline(run, "train", {"dag_run": RUN}, said.append):
        pass
    time.sleep(0.3)
    assert len(said) == 1, "a stage in time is not told of"


def test_least_minutes_and_a_missing_plan_leave_a_stage_alone(run: Run) -> None:
    run = telling(run, late_minutes=10)
    assert deadline_seconds(run, "clean") is None
    (run.folder / "plan.json").write_text(json.dumps({"stages": [{"stage": "clean", "seconds": 20}], "warnings": []}))
    assert deadline_seconds(run, "clean") == (20, 600)


def _until(true: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    assert true()
