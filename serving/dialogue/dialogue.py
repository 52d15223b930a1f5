"""Keeps conversations for the server: what serving/dialogue_protocol.py asks for."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

from anyio import to_thread
from fastapi import APIRouter

from configs.profile import Profile
from pipeline.contract.progress import say
from serving.api_error import ApiError
from serving.dialogue.context import fitting
from serving.dialogue.database import Database
from serving.dialogue.feedback import Feedback
from serving.dialogue.memory import Memory
from serving.dialogue.routes import router_of
from serving.dialogue.sessions import Begun, Sessions
from serving.dialogue_protocol import CountTokens, Exchange, Message
from serving.person import Person

T = TypeVar("T")
FOLDER = "serving"
"""Under storage.root: the sessions' database and the memory, unless a profile names servers."""

LOOKS_SECONDS = 2.0
"""Between two looks for what there is to forget, and to write."""


def database_of(profile: Profile, root: Path) -> Database:
    """The sessions' database of a profile."""
    return Database(profile.serving.dialogue.database or f"sqlite:///{root / FOLDER / 'sessions.db'}")


class KeptDialogue:
    """A Dialogue over a database, a memory and the feedback that is written."""

    page: Path | None = Path(__file__).parent / "page"

    def __init__(self, profile: Profile, root: Path) -> None:
        self._profile, self._root = profile, root
        self.router: APIRouter = router_of(self)
        self.sessions: Sessions
        self.memory: Memory
        self.feedback: Feedback
        self._begun: dict[str, Begun] = {}
        self._watch: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._opened = ExitStack()

    async def open(self) -> None:
        await _threaded(self._open)
        self._watch = asyncio.create_task(self._look_after())

    async def close(self) -> None:
        if self._watch:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        await asyncio.gather(*self._leaving)
        await _threaded(self._opened.close)

    async def begin(
        self, person: Person, conversation: str, messages: list[Message], count_tokens: CountTokens, budget: int
    ) -> Exchange:
        """messages: what the user says now, after a system message or none; or only that, or nothing, for the last
        reply again."""
        turns = [message for message in messages if message["role"] != "system"]
        if len(turns) > 1 or (turns and turns[0]["role"] != "user"):
            raise ApiError(
                400,
                "the server keeps this conversation; send only what the user says now, or no message "
                "for another reply to the last",
                param="messages",
            )
        if conversation == "new" and not turns:
            raise ApiError(400, "a new conversation begins with a message of the user", param="messages")
        system = next((m["content"] for m in messages if m["role"] == "system"), self._profile.serving.dialogue.system)
        said = turns[0]["content"] if turns else None
        named = None if conversation == "new" else conversation
        work = _in_thread(lambda: self._begin(person, named, said, system, count_tokens, budget))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:  # the client has left; what is being stored for it is taken back
            leaving = asyncio.create_task(self._take_back(work))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            raise

    async def finish(self, exchange: Exchange, reply: str, finish_reason: str, **details: Any) -> None:
        begun = self._begun.pop(exchange.message_id, None)
        model, read, written = (details.get(key) for key in ("model", "prompt_tokens", "completion_tokens"))
        asked = await _threaded(
            lambda: self.sessions.finish(exchange.message_id, reply, finish_reason, model, read, written)
        )
        if asked is not None and begun is not None:
            await _threaded(lambda: self.memory.remember(begun.user, asked))

    async def abandon(self, exchange: Exchange, why: str) -> None:  # noqa: ARG002
        self._begun.pop(exchange.message_id, None)
        await _threaded(lambda: self.sessions.abandon(exchange.message_id))

    def _open(self) -> None:
        database = database_of(self._profile, self._root)
        self._opened.callback(database.close)
        self.sessions = Sessions(database)
        self.memory = Memory(database, self._profile, self._root / FOLDER / "memory")
        self._opened.callback(self.memory.close)
        self.feedback = Feedback(database, self._profile.serving.dialogue, self._root)

    def _begin(
        self,
        person: Person,
        conversation: str | None,
        said: str | None,
        system: str | None,
        count: CountTokens,
        budget: int,
    ) -> Exchange:
        begun = self.sessions.begin(person.id, conversation, said)
        try:
            turns = [{"role": m.role, "content": m.content} for m in begun.history]
            here = {m.id for m in begun.history}
            remembered = self.memory.recall(person.id, turns[-1]["content"], here)
            fits, _ = fitting(system, remembered, turns, count, budget)
        except BaseException:
            self.sessions.abandon(begun.message_id)
            raise
        self._begun[begun.message_id] = begun
        return Exchange(fits, begun.conversation, begun.message_id)

    async def _take_back(self, work: "asyncio.Future[Exchange]") -> None:
        with suppress(Exception):
            await self.abandon(await work, "the client left")

    async def _look_after(self) -> None:
        """Forgets and writes in the background; a fault is said once, and tried again later."""
        said = ""
        while True:
            await asyncio.sleep(LOOKS_SECONDS)
            try:
                await _threaded(self.memory.forget_erased)
                await _threaded(lambda: self.feedback.write(time.time()))
                said = ""
            except Exception as error:
                if str(error) != said:
                    said = str(error)
                    say(f"serve: {said}; tried again")


def _in_thread(call: Callable[[], T]) -> "asyncio.Future[T]":
    return asyncio.ensure_future(to_thread.run_sync(call))


async def _threaded(call: Callable[[], T]) -> T:
    """The call's result, made in a thread, and to its end even when whoever waits is cancelled."""
    return await asyncio.shield(_in_thread(call))
