"""An OpenAI-compatible engine by its address: vLLM, SGLang, llama.cpp, another `parlance serve`."""

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from configs import serving
from configs.errors import UserError
from pipeline.clean.scores.prompt_leak import CONTROL
from serving.engine_protocol import EngineLostError, EngineRefusedError, Finish, Job, Piece

log = logging.getLogger("parlance.serving")

CONNECT_SECONDS = 3.0
SILENCE_SECONDS = 60.0
"""Without a byte for so long, an engine is taken for lost."""
HEALTH_SECONDS = 2.0
EVENT_BYTES = 2**20
BUSY = (408, 425, 429)
"""Refusals for now, which another engine may not share; 5xx are too."""
DATA = b"data:"


class AddressedEngine:
    """Asked for its models every HEALTH_SECONDS; one that does not answer gets no jobs until it does."""

    def __init__(self, settings: serving.AddressedEngine) -> None:
        self.name, self.ready, self.outstanding = urlsplit(settings.url).netloc, False, 0
        self._settings, self._url = settings, settings.url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns after the first look. Raises UserError when the key's variable is not set."""
        headers = {}
        if variable := self._settings.key_variable:
            if not os.environ.get(variable):
                raise UserError(f"serving.engines: {self.name}: the environment variable {variable} is not set; set it")
            headers["Authorization"] = f"Bearer {os.environ[variable]}"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
        connector = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector, trust_env=False)
        await self._look()
        self._watching = asyncio.create_task(self._watch())

    async def generate(self, job: Job) -> AsyncGenerator[Piece, None]:
        """Pieces as the engine's events have them. Closing the iterator closes the connection, which ends the reply."""
        assert self._session
        self.outstanding += 1
        finish: Finish | None = None
        try:
            path, body = self._request(job)
            async with self._session.post(f"{self._url}/{path}", json=body, allow_redirects=False) as answer:
                await _check(answer)
                async for event in _events(answer.content):
                    piece = _piece(event)
                    if piece:
                        finish = piece.finish
                        yield piece
                    if finish:
                        return
            raise EngineLostError(f"{self.name} ended the stream amid the reply")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            if not isinstance(error, aiohttp.ServerTimeoutError):
                self.ready = False
            raise EngineLostError(f"{self.name}: {type(error).__name__}") from None
        finally:
            self.outstanding -= 1

    async def close(self) -> None:
        """Closes the connections."""
        if self._watching:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        if self._session:
            await self._session.close()

    def _request(self, job: Job) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {
            "model": self._settings.model,
            "max_tokens": job.most,
            "temperature": job.temperature,
            "top_p": job.top_p,
            "stream": True,
        }
        if job.seed is not None:
            body["seed"] = job.seed
        if job.stop_texts:
            body["stop"] = job.stop_texts
        if self._settings.api == "chat":
            messages = [message | {"content": unmarked(message["content"])} for message in job.messages]
            return "chat/completions", body | {"messages": messages}
        return "completions", body | {"prompt": job.prompt, "stop_token_ids": job.stop}

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(HEALTH_SECONDS)
            await self._look()

    async def _look(self) -> None:
        assert self._session
        was = self.ready
        try:
            async with self._session.get(
                f"{self._url}/models", timeout=aiohttp.ClientTimeout(CONNECT_SECONDS)
            ) as found:
                self.ready = found.status == 200
        except (aiohttp.ClientError, TimeoutError):
            self.ready = False
        if was != self.ready:
            log.warning("engine %s is %s", self.name, "ready" if self.ready else "not reached")


def unmarked(text: str) -> str:
    """The text with a zero-width space in each mark of a chat template, for engines that read marks in messages."""
    return CONTROL.sub(lambda mark: f"{mark[0][:1]}\u200b{mark[0][1:]}", text)


async def _check(answer: aiohttp.ClientResponse) -> None:
    if answer.status == 200:
        return
    said = (await answer.content.read(2000)).decode(errors="replace")
    with contextlib.suppress(ValueError, TypeError, KeyError):
        error = json.loads(said)
        said = error.get("error", error).get("message") or said
    if answer.status >= 500 or answer.status in BUSY or answer.status in (401, 403, 404):
        log.error("an engine answers %s: %s", answer.status, said[:300])
        raise EngineLostError(f"an engine answers {answer.status}")
    raise EngineRefusedError(said[:500])


async def _events(content: aiohttp.StreamReader) -> AsyncGenerator[dict[str, Any], None]:
    """The JSON of each server-sent event. Raises ValueError for what is none."""
    pending = b""
    async for chunk in content.iter_any():
        pending += chunk
        *lines, pending = pending.split(b"\n")
        if len(pending) > EVENT_BYTES:
            raise ValueError("an event is too long")
        for line in lines:
            value = line.removeprefix(DATA).strip() if line.startswith(DATA) else b""
            if value == b"[DONE]":
                return
            if value:
                event = json.loads(value)
                if not isinstance(event, dict) or event.get("error"):
                    raise ValueError("the engine sent an error")
                yield event


def _piece(event: dict[str, Any]) -> Piece | None:
    """What an event of either API says."""
    if not event.get("choices"):
        return None
    choice = event["choices"][0]
    text = choice.get("text") or (choice.get("delta") or {}).get("content") or ""
    finish = choice.get("finish_reason")
    if not text and not finish:
        return None
    return Piece(text, int(bool(text)), finish if finish in (None, "length", "content_filter") else "stop")
