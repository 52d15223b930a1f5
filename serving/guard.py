"""Who may come in, and what the answers' headers say."""

import ipaddress
from urllib.parse import urlsplit

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from configs.serving import Serving
from serving.api_error import ApiError
from serving.keys import PREFIX, Keys
from serving.person import ANONYMOUS, Person

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""A proxy on this machine makes all the world come from loopback; what it adds gives it away."""
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        b"font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class Guard:
    """Tells persons by their keys."""

    def __init__(self, settings: Serving, keys: Keys) -> None:
        self._settings, self._keys = settings, keys

    def person_of(self, request: Request) -> Person:
        """Raises ApiError: 401 without a valid key where one is needed, 403 for another site's request."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and key.strip():
            found = self._keys.person_of(key.strip())
            if found:
                return found
            if key.strip().startswith(PREFIX):  # clients that must send a key send any where none is needed
                raise ApiError(401, "the API key is not known, or revoked; ask the operator for one", "invalid_api_key")
        self._check_anonymous(request)
        return ANONYMOUS

    def _check_anonymous(self, request: Request) -> None:
        """A page of another site may not speak for who runs the browser, by a name of its own for this address."""
        if not self._welcome(request):
            raise ApiError(
                401, "an API key is needed: Authorization: Bearer KEY; `parlance keys add` makes one", "invalid_api_key"
            )
        origin = request.headers.get("origin")
        host = request.headers.get("host", "")
        if origin and urlsplit(origin).netloc != host:
            raise ApiError(403, "requests of another site's page are refused", "foreign_origin")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if self._settings.anonymous == "loopback" and name not in (*LOCAL_NAMES, *self._settings.allowed_hosts):
            raise ApiError(403, f"the host {name!r} is not listed under serving.allowed_hosts", "unknown_host")

    def _welcome(self, request: Request) -> bool:
        if self._settings.anonymous != "loopback":
            return self._settings.anonymous == "always"
        peer = request.client.host if request.client else ""
        return _is_loopback(peer) and not any(name in request.headers for name in FORWARDED)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


class TooLargeError(Exception):
    """A body has more than it may."""


class Shield:
    """ASGI middleware: HEADERS on every answer, and no body larger than `body_bytes`."""

    def __init__(self, app: ASGIApp, body_bytes: int) -> None:
        self._app, self._most = app, body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                named = {name.lower() for name, _ in message["headers"]}
                added = [pair for pair in HEADERS if pair[0] not in named]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        came = int(declared) if declared.isdigit() else 0
        if came > self._most:
            await self._refuse(scope, receive, sending)
            return
        came = 0

        async def receiving() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > self._most:
                raise TooLargeError
            return message

        async def answering(message: Message) -> None:
            if came <= self._most:  # else the application answers to a body that broke off
                await sending(message)

        await self._app(scope, receiving, answering)
        if came > self._most:
            await self._refuse(scope, receive, sending)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = ApiError(413, f"the body is over {self._most:,} bytes; send less", "body_too_large")
        await error.response()(scope, receive, send)
