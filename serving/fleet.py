"""The engines of one model: which gets a job, and what happens when one is lost."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence

from serving.api_error import ApiError
from serving.engine_protocol import Engine, EngineLostError, EngineRefusedError, Job, Piece
from serving.metrics import Metrics
from serving.prompts import Prompts

LOOK_SECONDS = 0.05
ATTEMPTS = 4
"""Engines that a job is given to before it fails, as long as no token of it came."""


class Fleet:
    """model, version: what they serve. users: requests that hold it; it closes when none does."""

    def __init__(self, model: str, version: str, prompts: Prompts, engines: Sequence[Engine], metrics: Metrics) -> None:
        self.model, self.version, self.prompts, self.engines = model, version, prompts, engines
        self.users = 0
        self._metrics = metrics

    @property
    def ready(self) -> bool:
        return any(engine.ready for engine in self.engines)

    async def generate(self, job: Job, until: float) -> AsyncGenerator[Piece, None]:
        """The reply. Lost before its first token, the job goes to another engine, or to the same one started again.

        until: time.monotonic() after which no engine is waited for. Raises ApiError.
        """
        lost: set[int] = set()
        for attempt in range(ATTEMPTS):
            engine = await self._least_busy(lost, until)
            begun = False
            pieces = engine.generate(job)
            try:
                async for piece in pieces:
                    begun = True
                    yield piece
                return
            except EngineRefusedError as error:
                raise ApiError(400, f"the engine refuses the request: {error}", "engine_refused") from None
            except EngineLostError as error:
                lost.add(id(engine))
                self._metrics.lost.labels(engine.name).inc()
                if begun or attempt + 1 == ATTEMPTS:
                    raise ApiError(502, f"the reply was cut: {error}; ask again", "engine_lost") from None
            finally:
                await pieces.aclose()

    async def close(self) -> None:
        """Waits until nobody uses it, then ends the engines."""
        while self.users:
            await asyncio.sleep(LOOK_SECONDS)
        for engine in self.engines:
            await engine.close()

    async def _least_busy(self, lost: set[int], until: float) -> Engine:
        """Of those that are ready: one that has not lost this job, if there is one; then the one with fewest jobs."""
        while True:
            ready = [engine for engine in self.engines if engine.ready]
            if ready:
                return min(ready, key=lambda engine: (id(engine) in lost, engine.outstanding))
            if time.monotonic() > until:
                raise ApiError(503, "no engine is ready; try again", "no_engine", retry_after=5)
            await asyncio.sleep(LOOK_SECONDS)
