"""The HTTP application: middleware, routes and what lives as long as they do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from configs.profile import Profile
from serving.api_error import ApiError
from serving.dialogue_protocol import Dialogue


@dataclass(frozen=True)
class ServingSettings:
    """profile: its section `serving`, its registry and the settings of clean. root: folder of artifacts/ and runs/."""

    profile: Profile
    root: Path


def create_app(settings: ServingSettings, dialogue: Dialogue | None = None) -> FastAPI:
    """The application; app.state.settings and app.state.dialogue are what was given."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if dialogue:
            await dialogue.open()
        try:
            yield
        finally:
            if dialogue:
                await dialogue.close()

    app = FastAPI(title="Parlance", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings, app.state.dialogue = settings, dialogue
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
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
