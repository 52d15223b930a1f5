"""An engine in a process of its own, forked from one that has the libraries loaded, and started again when it dies."""

import asyncio
import contextlib
import json
import logging
import multiprocessing
import socket
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

from tokenizers.decoders import DecodeStream

from configs.errors import UserError
from configs.serving import Embedded
from serving.engine_protocol import EngineLostError, EngineRefusedError, Job, Piece

log = logging.getLogger("parlance.serving")

LINE = 2**24
"""Bytes of one message from an engine at most."""
RESTARTS = (0.0, 0.5, 1, 2, 5, 10)
"""Seconds before an engine that died is started again, by how often it died without answering anything."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["serving.engine.process"])


class EmbeddedEngine:
    """One process. restarted: called each time it has to be started again."""

    def __init__(
        self,
        name: str,
        folder: Path,
        settings: Embedded,
        threads: int,
        restarted: Callable[[], object] = lambda: None,
    ) -> None:
        self.name, self.ready, self.outstanding, self.pid = name, False, 0, 0
        self.load = (0, 0)
        """Replies that it computes, and that wait in it."""
        self._arguments = (str(folder), threads, settings)
        self._restarted = restarted
        self._jobs: dict[int, asyncio.Queue[tuple[int | None, str | None] | Exception]] = {}
        self._last = 0
        self._writer: asyncio.StreamWriter | None = None
        self._process: Any = None
        self._life: asyncio.Task[None] | None = None
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Returns when it is ready for the first time. Raises UserError when the model does not load."""
        self._life = asyncio.create_task(self._live())
        await asyncio.shield(self._started)

    async def generate(self, job: Job) -> AsyncGenerator[Piece, None]:
        """Pieces end where characters do."""
        if not self.ready:
            raise EngineLostError(f"{self.name} is not ready")
        self._last += 1
        number, said = self._last, asyncio.Queue[tuple[int | None, str | None] | Exception]()
        self._jobs[number] = said
        self.outstanding += 1
        self._send(
            {
                "start": number,
                "prompt": job.prompt,
                "most": job.most,
                "stop": job.stop,
                "temperature": job.temperature,
                "top_p": job.top_p,
                "seed": job.seed,
            }
        )
        spelling = DecodeStream(skip_special_tokens=True)
        finish = None
        try:
            while finish is None:
                item = await said.get()
                if isinstance(item, Exception):
                    raise item
                token, finish = item
                text = "" if token is None else spelling.step(job.spelling, token) or ""
                yield Piece(text, int(token is not None), finish)  # type: ignore[arg-type]
        finally:
            self.outstanding -= 1
            if self._jobs.pop(number, None) is not None and finish is None:
                self._send({"cancel": number})

    async def close(self) -> None:
        """Ends the process and waits for it."""
        if self._life:
            self._life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._life
        await self._end()

    async def _live(self) -> None:
        """Starts the process, and starts it again whenever it ends."""
        failures = 0
        while True:
            try:
                reader = await self._spawn()
                served = await self._listen(reader)
            except UserError as error:
                if not self._started.done():
                    self._started.set_exception(error)
                    return
                log.error("%s: %s", self.name, error)
                served = False
            except Exception:
                log.exception("%s: what it said was not understood", self.name)
                served = False
            self._lose()
            await self._end()
            failures = 0 if served else failures + 1
            if failures >= len(RESTARTS) and not self._started.done():
                self._started.set_exception(UserError(f"{self.name} ends before it is ready; see the log above"))
                return
            log.warning("%s ended; it is started again", self.name)
            self._restarted()
            await asyncio.sleep(RESTARTS[min(failures, len(RESTARTS) - 1)])

    async def _spawn(self) -> asyncio.StreamReader:
        from serving.engine.process import serve

        mine, its = socket.socketpair()
        folder, *rest = self._arguments
        self._process = _context.Process(target=serve, args=(folder, its, *rest), daemon=True, name=self.name)
        await asyncio.to_thread(self._process.start)
        its.close()
        self.pid = self._process.pid
        reader, self._writer = await asyncio.open_connection(sock=mine, limit=LINE)
        return reader

    async def _listen(self, reader: asyncio.StreamReader) -> bool:
        """Gives on what the process says until it ends; whether it gave any token."""
        served = False
        while line := await _line(reader):
            message = json.loads(line)
            if "said" in message:
                served, self.load = True, tuple(message["load"])
                for number, token, finish in message["said"]:
                    if number in self._jobs:
                        self._jobs[number].put_nowait((token, finish))
            elif "refused" in message and message["refused"] in self._jobs:
                self._jobs[message["refused"]].put_nowait(EngineRefusedError(message["why"]))
            elif "failed" in message:
                raise UserError(message["failed"])
            elif "ready" in message:
                self.ready = True
                if not self._started.done():
                    self._started.set_result(None)
        return served

    def _send(self, message: dict[str, Any]) -> None:
        if self._writer and not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    def _lose(self) -> None:
        """All jobs under way are lost."""
        self.ready, self.load = False, (0, 0)
        for said in self._jobs.values():
            said.put_nowait(EngineLostError(f"{self.name} ended amid the reply"))
        self._jobs.clear()

    async def _end(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None
        if self._process and self._process.pid:
            self._process.kill()  # it keeps nothing that could be lost
            await asyncio.to_thread(self._process.join)
            self._process.close()
            self._process = None


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next one; nothing when the process has ended, however that was."""
    try:
        return await reader.readline()
    except OSError:
        return b""
