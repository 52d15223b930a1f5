"""The routes of the API and of those who watch over the server."""

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from serving.api_error import ApiError
from serving.chat import Chat, Course
from serving.chat_request import ChatRequest
from serving.person import Person, person

router = APIRouter()
STARTED = int(time.time())
SENDING_SECONDS = 30.0
"""For a client that reads slowly, after the time of a request."""
SomePerson = Annotated[Person, Depends(person)]
STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.post("/v1/chat/completions")
async def chat_completions(request: Request, asked: ChatRequest, who: SomePerson) -> Response:
    """OpenAI's, streamed or whole."""
    chat: Chat = request.app.state.chat
    try:
        course = await chat.begin(who, asked)
    except ApiError as error:
        request.app.state.metrics.requests.labels(error.status).inc()
        raise
    if asked.stream:
        return _Stream(chat, course)
    return JSONResponse(await _whole(request, chat, course))


class _Stream(StreamingResponse):
    """The events of a reply; the request is settled even when the client left before the first."""

    def __init__(self, chat: Chat, course: Course) -> None:
        super().__init__(chat.events(course), media_type="text/event-stream", headers=STREAM_HEADERS)
        self._chat, self._course = chat, course

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = self._course.until - time.monotonic() + SENDING_SECONDS
        try:
            async with asyncio.timeout(left):
                await super().__call__(scope, receive, send)
        finally:
            await asyncio.shield(self._chat.settle(self._course))


async def _whole(request: Request, chat: Chat, course: Course) -> dict[str, Any]:
    """The reply, or nothing when the client leaves: the engine goes on to others then."""
    reply = asyncio.create_task(chat.whole(course))
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait((reply, gone), return_when=asyncio.FIRST_COMPLETED)
        if not reply.done():
            raise ApiError(499, "the client left", "client_left")
        return reply.result()
    finally:
        gone.cancel()
        if not reply.done():
            reply.cancel()
            await asyncio.gather(reply, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


@router.get("/v1/models")
async def models(request: Request, who: SomePerson) -> dict[str, Any]:  # noqa: ARG001
    """The one that is served."""
    served = request.app.state.served
    return {"object": "list", "data": [_model(served)] if served.current else []}


@router.get("/v1/models/{name}")
async def model(name: str, request: Request, who: SomePerson) -> dict[str, Any]:  # noqa: ARG001
    """The same by its name."""
    served = request.app.state.served
    if name != served.name or not served.current:
        raise ApiError(404, f"{name!r} is not served; {served.name!r} is", "model_not_found", "model")
    return _model(served)


def _model(served: Any) -> dict[str, Any]:
    fleet = served.current
    return {
        "id": served.name,
        "object": "model",
        "created": STARTED,
        "owned_by": "parlance",
        "version": fleet.version,
        "max_model_len": fleet.prompts.context,
    }


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The server runs."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """200 when an engine takes requests, else 503."""
    fleet = request.app.state.served.current
    ready = bool(fleet and fleet.ready)
    body = {"status": "ready" if ready else "not ready", "version": fleet.version if fleet else None}
    return JSONResponse(body, 200 if ready else 503)


@router.get("/metrics")
async def metrics(request: Request, who: SomePerson) -> Response:
    """Prometheus' text format, for operators, and for whoever may come without a key on this machine."""
    if who.role == "user":
        raise ApiError(403, "metrics are for operators; use a key of one", "operators_only")
    fleet = request.app.state.served.current
    found = request.app.state.metrics
    found.engines.set(sum(engine.ready for engine in fleet.engines) if fleet else 0)
    return Response(found.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
