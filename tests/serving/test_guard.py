"""Who comes in, how much they may, and what a page of another site may not."""

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from configs.errors import UserError
from configs.serving import Limits
from pipeline.cli import main
from serving.api_error import ApiError
from serving.keys import Keys
from serving.metrics import Metrics
from serving.person import ANONYMOUS
from serving.rates import Rates
from tests.servers import Server, wait


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_keys_are_kept_as_hashes_in_a_file_of_its_owner(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    key, text = keys.add("ada", "operator", requests_a_minute=3)
    content = keys.path.read_text()
    assert text not in content
    assert text.removeprefix("sk-parlance-") not in content
    assert keys.path.stat().st_mode & 0o077 == 0
    found = keys.person_of(text)
    assert found is not None
    assert (found.id, found.role, found.key, found.requests_a_minute) == ("ada", "operator", key.id, 3)
    assert keys.person_of(text + "x") is None
    other = Keys(tmp_path)  # of another server, which sees what this one changes
    assert other.person_of(text) is not None
    assert [each.id for each in keys.revoke("ada")] == [key.id]
    assert other.person_of(text) is None
    with pytest.raises(UserError, match="no such key"):
        keys.revoke("ada")
    with pytest.raises(UserError, match="is no name of a user"):
        keys.add("anonymous")


def test_the_command_prints_a_key_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(tmp_path)]
    assert main(["keys", "add", "--user", "ada", "--tokens-a-minute", "500", *root]) == 0
    text = capsys.readouterr().out.splitlines()[-1]
    assert Keys(tmp_path).person_of(text) is not None
    assert main(["keys", "list", *root]) == 0
    listed = capsys.readouterr().out
    assert "500 tokens a minute" in listed
    assert text not in listed
    assert main(["keys", "revoke", "ada", *root]) == 0
    assert Keys(tmp_path).person_of(text) is None


def test_anonymous_requests_come_from_this_machine_and_its_pages_alone(server: Server) -> None:
    assert server.ask().status_code == 200
    assert server.ask(headers=bearer("EMPTY")).status_code == 200  # clients that must send one
    assert server.ask(headers=bearer("sk-parlance-forged")).status_code == 401
    assert server.ask(headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 401
    assert server.ask(headers={"Host": "evil.example"}).status_code == 403
    assert server.ask(headers={"Origin": "http://evil.example"}).status_code == 403
    assert server.ask(headers={"Origin": server.url}).status_code == 200


def test_every_answer_carries_the_policy(server: Server) -> None:
    for answer in (server.ask(), server.ask(model="x"), httpx.get(f"{server.url}/healthz")):
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_keys_roles_and_limits_over_http(serve: Callable[..., Server], model_folder: Path, tmp_path: Path) -> None:
    found = serve(f"serving.model={model_folder}", "serving.anonymous=never")
    keys = Keys(tmp_path)
    _, ada = keys.add("ada", requests_a_minute=2)
    _, bob = keys.add("bob", tokens_a_minute=60)
    _, ops = keys.add("ops", "operator")
    assert found.ask().status_code == 401
    assert found.ask().json()["error"]["type"] == "authentication_error"
    assert httpx.get(f"{found.url}/v1/models").status_code == 401
    assert httpx.get(f"{found.url}/metrics", headers=bearer(ada)).status_code == 403
    assert httpx.get(f"{found.url}/metrics", headers=bearer(ops)).status_code == 200
    assert [found.ask(headers=bearer(ada)).status_code for _ in range(3)] == [200, 200, 429]
    limited = found.ask(headers=bearer(ada))
    assert 1 <= int(limited.headers["retry-after"]) <= 31
    assert limited.json()["error"]["code"] == "rate_limit_exceeded"
    assert found.ask(headers=bearer(bob), max_tokens=60).status_code == 200  # overdrawn by the reply
    assert found.ask(headers=bearer(bob)).status_code == 429
    assert 'limited_total{limit="tokens"} 1.0' in found.app.state.metrics.text().decode()
    assert "ada" not in found.app.state.metrics.text().decode()
    keys.revoke("ops")
    assert httpx.get(f"{found.url}/metrics", headers=bearer(ops)).status_code == 401


def test_a_bucket_fills_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    rates = Rates(Limits(requests_a_minute=2), Metrics())
    for _ in range(2):
        rates.request(ANONYMOUS)
    with pytest.raises(ApiError) as refused:
        rates.request(ANONYMOUS)
    assert refused.value.retry_after == pytest.approx(30)
    now += 30
    rates.request(ANONYMOUS)


def test_more_requests_than_may_be_under_way_are_told_when_to_come_again(
    serve: Callable[..., Server], model_folder: Path
) -> None:
    found = serve(f"serving.model={model_folder}", "serving.limits.waiting=1")
    os.kill(found.engine.pid, signal.SIGSTOP)  # so that the first one lasts
    first = threading.Thread(target=found.ask)
    first.start()
    wait(lambda: found.engine.outstanding == 1)
    refused = found.ask()
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    assert "retry-after" in refused.headers
    os.kill(found.engine.pid, signal.SIGCONT)
    first.join(60)
    assert found.ask().status_code == 200


def test_a_request_that_takes_too_long_is_ended(serve: Callable[..., Server], model_folder: Path) -> None:
    found = serve(f"serving.model={model_folder}", "serving.limits.request_seconds=0.2")
    os.kill(found.engine.pid, signal.SIGSTOP)
    whole = found.ask(max_tokens=1000)
    assert (whole.status_code, whole.json()["error"]["code"]) == (504, "timeout")
    streamed = found.ask(max_tokens=1000, stream=True)
    last = json.loads(streamed.text.strip().splitlines()[-1].removeprefix("data: "))
    assert last["error"]["code"] == "timeout"
    assert found.engine.outstanding == 0
