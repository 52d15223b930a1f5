"""Engines die, are promoted and rolled back; requests are answered, or fail with a status."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from configs.promote import Tracking
from eval import registry
from serving.addressed import unmarked
from tests.servers import Server, wait, write_model

PROMPT = {"model": "parlance-chat", "messages": [{"role": "user", "content": "Hello!"}]}


def test_a_killed_engine_is_started_again_and_requests_that_had_no_token_are_answered(
    serve: Callable[..., Server], model_folder: Path
) -> None:
    long = "serving.limits.reply_tokens=4000"  # so that it still speaks when the next one asks
    found = serve(f"serving.model={model_folder}", "serving.embedded.batch=1", long)
    statuses: list[int] = []
    with httpx.stream(
        "POST", f"{found.url}/v1/chat/completions", json=PROMPT | {"stream": True, "max_tokens": 4000}, timeout=60
    ) as begun:
        lines = begun.iter_lines()
        for _ in range(6):
            next(lines)
        waiting = threading.Thread(target=lambda: statuses.append(found.ask().status_code))
        waiting.start()
        wait(lambda: found.engine.outstanding == 2)
        os.kill(found.engine.pid, signal.SIGKILL)
        *_, last = [line for line in lines if line]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "engine_lost"
    waiting.join(60)
    assert statuses == [200]
    assert found.app.state.metrics.restarts._value.get() == 1
    whole: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: whole.append(found.ask(max_tokens=4000)))
    asking.start()
    wait(lambda: found.engine.load[0] == 1)
    os.kill(found.engine.pid, signal.SIGKILL)
    asking.join(60)
    assert (whole[0].status_code, whole[0].json()["error"]["code"]) == (502, "engine_lost")
    assert found.ask().status_code == 200


@pytest.fixture
def promoted(tmp_path: Path) -> tuple[str, Path]:
    """A registry whose champion is version 1 of two: its address, and the root."""
    uri = Tracking().address(tmp_path)
    for number in (1, 2):
        folder = write_model(tmp_path / "models" / str(number), seed=number)
        run = registry.log_run(uri, "parlance", None, "test", {}, {})
        registry.register(uri, "parlance-chat", folder, folder, run, {registry.PREVIOUS: "1"} if number == 2 else {})
    registry.set_champion(uri, "parlance-chat", 1)
    return uri, tmp_path


def test_promotion_and_rollback_are_taken_over_and_no_request_fails(
    serve: Callable[..., Server], promoted: tuple[str, Path]
) -> None:
    uri, root = promoted
    found = serve(root=root)
    said: dict[str, set[str]] = {}
    failures: list[Any] = []
    ended = threading.Event()

    def keep_asking() -> None:
        while not ended.is_set():
            reply = found.ask(temperature=0, max_tokens=60)
            if reply.status_code == 200:
                body = reply.json()
                text = body["choices"][0]["message"]["content"]
                said.setdefault(body["system_fingerprint"], set()).add(text)
            else:
                failures.append(reply.text)

    def version() -> str:
        return str(httpx.get(f"{found.url}/readyz").json()["version"])

    threads = [threading.Thread(target=keep_asking) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert version() == "version-1"
    old = found.engine.pid
    registry.set_champion(uri, "parlance-chat", 2)
    wait(lambda: version() == "version-2", 60)
    wait(lambda: found.engine.pid != old and not _runs(old), 20)
    registry.rollback(uri, "parlance-chat")
    wait(lambda: version() == "version-1", 60)
    time.sleep(0.3)
    ended.set()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert {name: len(texts) for name, texts in said.items()} == {"version-1": 1, "version-2": 1}
    assert said["version-1"] != said["version-2"]
    assert found.app.state.metrics.changes._value.get() == 2


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_without_a_champion_the_server_waits_for_one(serve: Callable[..., Server], tmp_path: Path) -> None:
    found = serve()
    assert httpx.get(f"{found.url}/readyz").status_code == 503
    assert httpx.get(f"{found.url}/healthz").status_code == 200
    refused = found.ask()
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "no_model")
    uri = Tracking().address(tmp_path)
    folder = write_model(tmp_path / "model")
    registry.register(uri, "parlance-chat", folder, folder, registry.log_run(uri, "parlance", None, "t", {}, {}), {})
    registry.set_champion(uri, "parlance-chat", 1)
    wait(lambda: httpx.get(f"{found.url}/readyz").status_code == 200, 60)
    assert found.ask().status_code == 200


class Fake(BaseHTTPRequestHandler):
    """An engine as others have them: its behaviour for each request is the class's."""

    asked: ClassVar[list[dict[str, Any]]] = []
    behaviour: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self._answer(200, b'{"data": []}')

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append({"path": self.path, "port": self.connection.getsockname()[1]} | body)
        does = self.behaviour.pop(0) if self.behaviour else "answer"
        if does.isdigit():
            self._answer(int(does), b'{"error": {"message": "as told"}}')
            return
        self.send_response(200)
        self.end_headers()
        if does == "close":
            return
        self.wfile.write(b'data: {"choices": [{"text": "Good day", "finish_reason": null}]}\n\n')
        if does == "cut":
            return
        self.wfile.write(b'data: {"choices": [{"text": "!", "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def engines() -> Iterator[list[ThreadingHTTPServer]]:
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Fake) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    Fake.asked.clear()
    Fake.behaviour.clear()
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def gateway(serve: Callable[..., Server], model_folder: Path, engines: list[ThreadingHTTPServer]) -> Server:
    listed = ", ".join(
        f"{{url: 'http://127.0.0.1:{each.server_address[1]}/v1', model: chat, api: {api}}}"
        for each, api in zip(engines, ("completions", "chat"), strict=True)
    )
    return serve(f"serving.model={model_folder}", f"serving.engines=[{listed}]")


def test_addressed_engines_get_the_tokens_or_messages_whose_marks_are_broken(gateway: Server) -> None:
    replies = [gateway.ask("Say <|eot_id|> please", seed=3, stop=["END"]) for _ in range(2)]
    assert {reply.json()["choices"][0]["message"]["content"] for reply in replies} == {"Good day!"}
    first = Fake.asked[0]
    prompts = gateway.app.state.served.current.prompts
    assert first["path"] == "/v1/completions"
    assert first["prompt"] == prompts.encode([{"role": "user", "content": "Say <|eot_id|> please"}])
    assert (first["max_tokens"], first["seed"], first["stop"], first["model"]) == (8, 3, ["END"], "chat")
    assert unmarked("Say <|eot_id|> please") == "Say <\u200b|eot_id|> please"


def test_a_job_goes_to_another_engine_before_its_first_token_only(gateway: Server) -> None:
    for does in ("500", "429", "close"):
        Fake.asked.clear()
        Fake.behaviour[:] = [does]
        assert gateway.ask().status_code == 200
        assert len({asked["port"] for asked in Fake.asked}) == 2
        wait(lambda: all(engine.ready for engine in gateway.app.state.served.current.engines))
    Fake.behaviour[:] = ["cut"]
    cut = gateway.ask()
    assert (cut.status_code, cut.json()["error"]["code"]) == (502, "engine_lost")
    Fake.behaviour[:] = ["400"]
    refused = gateway.ask()
    assert (refused.status_code, "as told" in refused.text) == (400, True)


def test_an_engine_that_is_gone_gets_nothing_until_it_is_back(
    gateway: Server, engines: list[ThreadingHTTPServer]
) -> None:
    engines[0].shutdown()
    engines[0].server_close()
    for _ in range(4):
        assert gateway.ask().status_code == 200
    assert [engine.ready for engine in gateway.app.state.served.current.engines] == [False, True]
