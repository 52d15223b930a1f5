"""The reviewer's page on this machine: an HTTP server on the loopback address, for who has its address with the key."""

import hmac
import json
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from configs.errors import UserError
from pipeline.review.desk import HEADERS, LONGEST_MARK, PAGE, Desk

LOOPBACK = "127.0.0.1"


class ReviewServer(ThreadingHTTPServer):
    """Serves one reviewer's desk below an address that cannot be guessed.

    What keeps others out: other machines, the address it listens on; other users and programs of this machine, the
    key in the path; other pages in the reviewer's browser, the key as well, the names that a request may call the
    server by (a name that another page's owner points here is none of them) and the type of a mark's body, for
    which a browser asks first. Raises UserError when the port is taken.
    """

    daemon_threads = True

    def __init__(self, desk: Desk, port: int = 0) -> None:
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or "there are none but 0 to 65535"
            raise UserError(f"review: port {port} cannot be used ({why}); choose another --port") from error
        self.desk = desk
        self.key = secrets.token_urlsafe(24)
        self.names = {f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost")}

    @property
    def address(self) -> str:
        """The page's address."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.key}/"


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    protocol_version = "HTTP/1.1"
    server_version = "parlance"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        """The page, its rows, the results."""
        asked = self._asked()
        if asked == "":
            self._send(HTTPStatus.OK, PAGE, "text/html; charset=utf-8")
        elif asked == "sample.json":
            self._answer(self.server.desk.rows)
        elif asked == "results.json":
            self._answer(self.server.desk.results)
        elif asked is not None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")

    def do_POST(self) -> None:
        """A mark."""
        asked = self._asked()
        if asked is None:
            return
        length = self.headers.get("Content-Length") or ""
        if asked != "marks":
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
        elif self.headers.get("Origin", self._own_origin()) != self._own_origin():
            self._refuse(HTTPStatus.FORBIDDEN, "another page's request")
        elif self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a mark is application/json")
        elif not length.isascii() or not length.isdigit() or int(length) > LONGEST_MARK:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a mark is at most {LONGEST_MARK:,} bytes")
        else:
            body = self.rfile.read(int(length))
            self._answer(lambda: _kept(self.server.desk, body))

    def _asked(self) -> str | None:
        """What lies below the key; None when the request has been refused."""
        if self.headers.get("Host") not in self.server.names:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this server has another name")
            return None
        key, _, asked = self.path.removeprefix("/").partition("?")[0].partition("/")
        if not hmac.compare_digest(key.encode(), self.server.key.encode()):
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
            return None
        return asked

    def _own_origin(self) -> str:
        return f"http://{self.headers.get('Host')}"

    def _answer(self, value: Any) -> None:
        try:
            text = json.dumps(value(), ensure_ascii=False, default=str)
        except UserError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        else:
            self._send(HTTPStatus.OK, text.encode(), "application/json")

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        self.close_connection = True  # what is left of the request is not read
        self._send(status, json.dumps({"detail": detail}).encode(), "application/json")

    def _send(self, status: HTTPStatus, body: bytes, type_: str) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": type_, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the request's line holds the key."""


def _kept(desk: Desk, body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        raise UserError("a mark is JSON") from None
    return {"at": desk.mark(said).at}
