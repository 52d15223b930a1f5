"""The model that is served now: a folder's, or the registry's champion, taken over whenever the alias moves."""

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from configs.profile import Profile
from eval.registry import champion
from serving.addressed import AddressedEngine
from serving.api_error import ApiError
from serving.embedded import EmbeddedEngine
from serving.engine_protocol import Engine
from serving.fleet import Fleet
from serving.metrics import Metrics
from serving.prompts import Prompts

log = logging.getLogger("parlance.serving")

PATIENCE_SECONDS = 30.0
"""Until a version that could not be loaded is tried again."""


@dataclass(frozen=True)
class Version:
    """number: of the registry; 0 for a folder."""

    number: int
    folder: Path


class Served:
    """current: the fleet that new requests go to. The one before it answers what it has begun, and then ends."""

    def __init__(self, profile: Profile, root: Path, metrics: Metrics) -> None:
        self.name = profile.promote.model_name
        self.current: Fleet | None = None
        self._profile, self._root, self._metrics = profile, root, metrics
        self._number: int | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._following: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Loads the model, and follows the registry from now on. Raises UserError for a folder that does not load."""
        found = await asyncio.to_thread(self._look)
        if found:
            await self._take(found)
        else:
            log.warning("no champion is registered yet; requests are answered 503 until there is one")
        if not self._profile.serving.model:
            self._following = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Ends all engines, whatever they are doing."""
        tasks = [*self._leaving, *([self._following] if self._following else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.current:
            self.current.users = 0
            await self.current.close()

    @contextmanager
    def fleet(self) -> Iterator[Fleet]:
        """The current fleet, which stays until the body has ended. Raises ApiError 503 when there is none."""
        fleet = self.current
        if fleet is None:
            raise ApiError(503, "no model is promoted yet; train one and try again", "no_model", retry_after=10)
        fleet.users += 1
        try:
            yield fleet
        finally:
            fleet.users -= 1

    def _look(self) -> Version | None:
        """What is to be served. Raises UserError."""
        if folder := self._profile.serving.model:
            return Version(0, Path(folder))
        found = champion(self._profile.tracking.address(self._root), self.name)
        if found is None or found.version == self._number:
            return Version(found.version, Path()) if found else None
        return Version(found.version, found.folder)

    async def _follow(self) -> None:
        patience = 0.0
        while True:
            await asyncio.sleep(patience or self._profile.serving.follow_seconds)
            patience = 0.0
            try:
                found = await asyncio.to_thread(self._look)
                if found and found.number != self._number:
                    await self._take(found)
            except Exception as error:
                log.error("the registry's champion is not taken over, version %s stays: %s", self._number, error)
                patience = PATIENCE_SECONDS

    async def _take(self, found: Version) -> None:
        """Starts the new version's engines beside the old ones, and then sends requests to them."""
        version = f"version-{found.number}" if found.number else found.folder.name
        engines = self._engines(found, version)
        context = self._profile.serving.limits.context_tokens
        reading = asyncio.create_task(asyncio.to_thread(Prompts, found.folder, context))
        try:
            await asyncio.gather(*(engine.start() for engine in engines))
            prompts = await reading
        except BaseException:
            await asyncio.gather(reading, *(engine.close() for engine in engines), return_exceptions=True)
            raise
        before = self.current
        self.current, self._number = Fleet(self.name, version, prompts, engines, self._metrics), found.number
        self._metrics.version.set(found.number)
        log.info("serving %s %s from %s", self.name, version, found.folder)
        if before:
            self._metrics.changes.inc()
            task = asyncio.create_task(before.close())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def _engines(self, found: Version, version: str) -> list[Engine]:
        serving = self._profile.serving
        if serving.engines:
            return [AddressedEngine(each) for each in serving.engines]
        count = serving.embedded.processes
        threads = serving.embedded.threads or max(1, len(os.sched_getaffinity(0)) // count)
        return [
            EmbeddedEngine(
                f"{version}-{number}",
                found.folder,
                serving.embedded,
                threads,
                self._metrics.restarts.inc,
            )
            for number in range(count)
        ]
