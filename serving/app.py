"""The HTTP application: middleware, routes and what lives as long as they do."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from configs.errors import UserError
from configs.profile import Profile
from serving import routes
from serving.api_error import ApiError
from serving.chat import Chat
from serving.dialogue_protocol import Dialogue
from serving.guard import Guard, Shield
from serving.keys import Keys
from serving.metrics import Metrics
from serving.rates import Rates
from serving.served import Served


@dataclass(frozen=True)
class ServingSettings:
    """profile: its section `serving`, its registry and the settings of clean. root: folder of artifacts/ and runs/."""

    profile: Profile
    root: Path


def create_app(settings: ServingSettings, dialogue: Dialogue | None = None) -> FastAPI:
    """The application. Its state has settings, dialogue, guard, keys, metrics, served and chat."""
    profile = settings.profile
    metrics, keys = Metrics(), Keys(settings.root)
    served = Served(profile, settings.root, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as ended:
            try:
                if dialogue:
                    ended.push_async_callback(dialogue.close)
                    await dialogue.open()
                ended.push_async_callback(served.close)
                await served.open()
            except UserError as error:
                app.state.failed = str(error)
                raise
            yield

    app = FastAPI(title="Parlance", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    state = app.state
    state.failed = ""
    state.settings, state.dialogue, state.metrics, state.keys, state.served = settings, dialogue, metrics, keys, served
    state.guard = Guard(profile.serving, keys)
    state.chat = Chat(profile, served, Rates(profile.serving.limits, metrics), metrics, dialogue)
    app.add_middleware(Shield, body_bytes=profile.serving.limits.body_bytes)
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.include_router(routes.router)
    if dialogue:
        app.include_router(dialogue.router)
        if dialogue.page:
            app.mount("/", StaticFiles(directory=dialogue.page, html=True))
    return app


async def _api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error.response()


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return ApiError(error.status_code, str(error.detail)).response()


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body") or None
    said = first["msg"].removeprefix("Value error, ")
    return ApiError(400, f"{place}: {said}" if place else said, "invalid_request", place).response()
