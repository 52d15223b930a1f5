"""The reviewer's page over real HTTP: what it serves, what it keeps, and whom it refuses."""

import base64
import hashlib
import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest

from configs.errors import UserError
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from pipeline.review.desk import Desk
from pipeline.review.marks import read, refusal
from pipeline.review.server import ReviewServer


class Client:
    """Asks a server as a browser would."""

    def __init__(self, server: ReviewServer) -> None:
        self.server, self.at = server, urlsplit(server.address)

    def ask(self, path: str, body: Any = None, method: str = "GET", **headers: str) -> tuple[int, Any, Any]:
        """(status, headers, content) of a path below the page's own, or of one that begins with /."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=10)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            whole = path if path.startswith("/") else self.at.path + path
            connection.request(method, whole, body, sent)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        return answer.status, answer.headers, content

    def json(self, path: str) -> Any:
        return json.loads(self.ask(path)[2])

    def mark(self, said: Any, **headers: str) -> int:
        """The status of the answer to a mark."""
        sent = {"Content_Type": "application/json"} | headers
        return self.ask("marks", json.dumps(said), "POST", **sent)[0]


@pytest.fixture
def serve() -> Iterator[Callable[..., Client]]:
    """serve(run, by) starts a server for a reviewer."""
    with ExitStack() as stack:

        def start(run: Run, by: str = "ann") -> Client:
            server = stack.enter_context(ReviewServer(Desk(run, by, refusal(by, run.profile.approval))))
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            stack.callback(server.shutdown)
            return Client(server)

        yield start


def said(item: dict[str, Any], right: bool | None = True, note: str = "") -> dict[str, Any]:
    return {"stratum": item["stratum"], "row": item["row"], "right": right, "note": note}


def test_a_row_is_shown_marked_kept_and_part_of_the_decision(audited, serve):
    run = audited("review.mode=human")
    client = serve(run)
    sample = client.json("sample.json")
    rows = [item for item in sample["items"] if item["stratum"] == "rule/clean/offensive"]
    assert client.json("results.json") == {}
    assert [client.mark(said(item, number != 0, " twice bad ")) for number, item in enumerate(rows)] == [200] * 10
    assert len(client.json("sample.json")["marks"]) == 10
    [stratum] = client.json("results.json")["strata"]
    assert (stratum["rows"], stratum["precision"]) == (10, 0.9)
    kept = read(run.root)[0]
    assert (kept.row, kept.by, kept.right, kept.note, kept.stage) == (
        rows[0]["row"],
        "ann",
        False,
        "twice bad",
        "clean",
    )
    assert kept.artifact == run.fingerprint("clean")
    before = run.fingerprint("balance")
    [artifact] = execute(run, "review", {"decision": "approve", "by": "ann"})
    assert artifact.json("decision.json")["marks"]["strata"] == [stratum]
    client.mark(said(rows[0], True))
    [more] = execute(Run(run.folder), "review", {"decision": "approve", "by": "ann"})
    assert more.path != artifact.path  # the same decision by other marks is another one
    assert run.fingerprint("balance") != before


def test_two_reviewers_at_once_lose_no_mark_and_see_only_their_own(audited, serve):
    run = audited()
    clients = {by: serve(run, by) for by in ("ann", "bob")}
    items = clients["ann"].json("sample.json")["items"]
    statuses: list[int] = []

    def mark_all(client: Client) -> None:
        statuses.extend(client.mark(said(item)) for item in items)

    threads = [threading.Thread(target=mark_all, args=(client,)) for client in clients.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 2 * len(items)
    assert sorted((m.by, m.stratum, m.row) for m in read(run.root)) == sorted(
        (by, item["stratum"], item["row"]) for by in clients for item in items
    )
    assert len(clients["bob"].json("sample.json")["marks"]) == len(items)
    [pair] = clients["ann"].json("results.json")["agreement"]
    assert (pair["between"], pair["rows"], pair["raw"]) == (["ann", "bob"], len(items), 1.0)


def test_a_mark_is_taken_back(audited, serve):
    client = serve(audited())
    item = client.json("sample.json")["items"][0]
    assert [client.mark(said(item, right)) for right in (False, None)] == [200, 200]
    assert client.json("sample.json")["marks"] == []
    assert [mark.right for mark in read(client.server.desk.run.root)] == [False, None]


def test_who_has_not_the_key_sees_and_changes_nothing(audited, serve):
    client = serve(audited())
    item = client.json("sample.json")["items"][0]
    for path in ("/", "/sample.json", "/x/sample.json", f"{client.at.path[:-2]}/sample.json", "/%2e%2e/etc/passwd"):
        status, _, content = client.ask(path)
        assert (status, b"number" in content) == (404, False)
    status, _, _ = client.ask("/marks", json.dumps(said(item)), "POST", Content_Type="application/json")
    assert status == 404
    assert read(client.server.desk.run.root) == []


def test_a_name_that_another_owner_points_here_is_refused(audited, serve):
    client = serve(audited())
    status, _, content = client.ask("sample.json", Host=f"evil.example:{client.server.server_port}")
    assert (status, b"messages" in content) == (421, False)
    assert client.ask("sample.json", Host=f"localhost:{client.server.server_port}")[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content_Type": "text/plain"}, 415),  # what a form of another page may send without being asked
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content_Length": "99999999"}, 413),
        ({"Content_Length": "-1"}, 413),
    ],
)
def test_another_pages_mark_is_refused(audited, serve, headers, status):
    client = serve(audited())
    item = client.json("sample.json")["items"][0]
    assert client.mark(said(item), **headers) == status
    assert read(client.server.desk.run.root) == []


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"stratum": "kept", "row": "0" * 32, "right": True},
        {"stratum": "kept", "row": "0" * 32},
        {"right": 1},
        {"right": "yes"},
        {"note": ["x"]},
        {"note": "x" * 1001},
        {"stratum": {"a": 1}},
    ],
)
def test_what_is_no_mark_on_a_row_of_the_sample_is_refused(audited, serve, wrong):
    client = serve(audited())
    item = said(client.json("sample.json")["items"][0])
    assert client.mark(wrong if isinstance(wrong, list) else item | wrong if len(wrong) == 1 else wrong) == 400
    assert client.ask("marks", "{", "POST", Content_Type="application/json")[0] == 400
    assert read(client.server.desk.run.root) == []


def test_someone_whom_the_profile_does_not_name_reads_and_does_not_mark(audited, serve):
    client = serve(audited("approval.approvers=[bob]"), "ann")
    sample = client.json("sample.json")
    assert sample["refusal"].startswith("ann is not among approval.approvers, who are: bob")
    assert client.mark(said(sample["items"][0])) == 400
    assert read(client.server.desk.run.root) == []


def test_the_page_runs_its_own_script_and_reaches_nothing_else(audited, serve):
    client = serve(audited())
    _, headers, page = client.ask("")
    policy = headers["Content-Security-Policy"]
    for tag in ("script", "style"):
        [own] = re.findall(rf"<{tag}>(.*?)</{tag}>".encode(), page, re.DOTALL)
        assert f"{tag}-src 'sha256-{base64.b64encode(hashlib.sha256(own).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    assert not re.search(rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?://", page)


def test_text_of_rows_never_becomes_part_of_the_page_but_comes_as_json(audited, serve):
    finding = {
        "severity": "warning",
        "kind": "topic over-represented",
        "subject": "sport",
        "message": "</script><script>nasty(1)</script>",
    }
    client = serve(audited(findings=[finding]))
    assert b"nasty" not in client.ask("")[2]
    _, headers, content = client.ask("sample.json")
    assert b"nasty(1)" in content
    assert headers["Content-Type"] == "application/json"


def test_a_port_that_is_taken_is_a_users_error(audited, serve):
    client = serve(audited())
    with pytest.raises(UserError, match="choose another --port"):
        ReviewServer(client.server.desk, client.server.server_port)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_a_users_error(audited, port):
    with pytest.raises(UserError, match=rf"port {port} cannot be used \(there are none but 0 to 65535\)"):
        ReviewServer(Desk(audited(), "ann"), port)


def test_the_server_listens_on_this_machine_only(audited, serve):
    assert serve(audited()).server.server_address[0] == "127.0.0.1"
