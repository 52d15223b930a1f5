"""POST /v1/chat/completions: from a request to a reply, whole or streamed."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from typing import Any

from configs.profile import Profile
from serving.api_error import ApiError
from serving.chat_request import ChatRequest
from serving.dialogue_protocol import Dialogue, Exchange, Message
from serving.engine_protocol import Job, Piece
from serving.filter.prompt_filter import Found, filtered_prompt
from serving.filter.reply_filter import ReplyFilter
from serving.fleet import Fleet
from serving.metrics import Metrics
from serving.openai_replies import DONE, Answer, Usage, event
from serving.person import Person
from serving.rates import Rates
from serving.served import Served
from serving.stop_texts import StopTexts

log = logging.getLogger("parlance.serving")

SURE_OF_ROOM = 16
"""Tokens of a reply that a prompt must leave room for, where the request asks for no number."""


@dataclass
class Course:
    """One request on its way. fleet: held until `close`. finish, tokens, text: of the reply, as they become known."""

    person: Person
    request: ChatRequest
    messages: list[Message]
    fleet: Fleet
    job: Job
    answer: Answer
    exchange: Exchange | None
    held: ExitStack
    begun: float
    until: float
    text: str = ""
    tokens: int = 0
    finish: str = ""
    settled: bool = False

    @property
    def usage(self) -> Usage:
        return Usage(len(self.job.prompt), self.tokens)


class Chat:
    """Begins requests and answers them."""

    def __init__(
        self, profile: Profile, served: Served, rates: Rates, metrics: Metrics, dialogue: Dialogue | None
    ) -> None:
        self._serving, self._pii = profile.serving, profile.clean.pii
        self._served, self._rates, self._metrics, self._dialogue = served, rates, metrics, dialogue
        self._under_way = 0

    async def begin(self, person: Person, request: ChatRequest) -> Course:
        """All that may be refused, in order of cost. Raises ApiError."""
        begun, limits = time.monotonic(), self._serving.limits
        self._check(request)
        held, exchange = ExitStack(), None
        try:
            fleet = held.enter_context(self._served.fleet())
            self._count(held)
            if limited := person.key or self._serving.anonymous == "always":
                self._rates.request(person)
            said = [message.plain for message in request.messages]
            prompt = [] if request.conversation else fleet.prompts.encode(said)
            most = min(limits.default_reply_tokens if request.most is None else request.most, limits.reply_tokens)
            room = self._room(fleet, len(prompt), request.most)
            messages = self._filter_prompt(person, said)
            exchange = await self._exchange(person, request, messages, fleet, min(most, room))
            if exchange:
                messages = exchange.messages
            if exchange or messages != said:
                prompt = fleet.prompts.encode(messages)
                room = self._room(fleet, len(prompt), request.most)
            if limited:
                self._rates.prompt(person, len(prompt))
            most = min(most, room)
            job = self._job(request, fleet, prompt, messages, most)
            extra = {"conversation": exchange.conversation, "message_id": exchange.message_id} if exchange else {}
            answer = Answer(fleet.model, fleet.version, extra)
            self._metrics.prompt_tokens.inc(len(prompt))
            until = begun + limits.request_seconds
            return Course(person, request, messages, fleet, job, answer, exchange, held, begun, until)
        except BaseException:
            held.close()
            if self._dialogue and exchange:
                await asyncio.shield(self._dialogue.abandon(exchange, "refused"))
            raise

    async def whole(self, course: Course) -> dict[str, Any]:
        """The reply as one object. Raises ApiError."""
        async with aclosing(self._pieces(course)) as pieces:
            text = "".join([piece async for piece in pieces])
        return course.answer.whole(text, course.finish, course.usage)

    async def events(self, course: Course) -> AsyncGenerator[bytes, None]:
        """The reply as server-sent events; what fails amid it is the last event."""
        async with aclosing(self._pieces(course)) as pieces:
            try:
                yield course.answer.first()
                async for piece in pieces:
                    yield course.answer.piece(piece)
            except ApiError as error:
                yield event(error.body)
                return
        yield course.answer.last(course.finish)
        if course.request.stream_options and course.request.stream_options.include_usage:
            yield course.answer.usage(course.usage)
        yield DONE

    async def _pieces(self, course: Course) -> AsyncGenerator[str, None]:
        """What leaves, filtered. However it ends, the engine is free, and the exchange is stored or abandoned."""
        try:
            async with aclosing(self._filtered(course)) as pieces:
                async for piece in pieces:
                    course.text += piece
                    yield piece
            await self._finish(course)
        except ApiError as error:
            await asyncio.shield(self.settle(course, error.status, error.message))
            raise
        finally:
            await asyncio.shield(self.settle(course))

    async def _filtered(self, course: Course) -> AsyncGenerator[str, None]:
        """The engine's pieces through stop texts and filter, to the end of the reply or what ends it before."""
        stops = StopTexts(course.request.stops)
        guard = ReplyFilter(course.messages, self._serving.filter, self._pii)
        last = course.begun
        async with aclosing(course.fleet.generate(course.job, course.until)) as pieces:
            async for piece in _before(course.until, pieces):
                now = time.monotonic()
                (self._metrics.between if course.tokens else self._metrics.first).observe(now - last)
                last = now
                course.tokens += piece.tokens
                if out := guard.feed(stops.feed(piece.text)):
                    yield out
                if guard.blocked or stops.stopped or piece.finish:
                    course.finish = piece.finish or "stop"
                    break
        if not guard.blocked and (rest := guard.feed(stops.end()) + guard.end()):
            yield rest
        course.finish = "content_filter" if guard.blocked else course.finish
        self._tell("out", course.person, guard.found)

    async def _finish(self, course: Course) -> None:
        if self._dialogue and course.exchange:
            usage = {"prompt_tokens": len(course.job.prompt), "completion_tokens": course.tokens}
            model = f"{course.fleet.model}:{course.fleet.version}"
            await self._dialogue.finish(course.exchange, course.text, course.finish, model=model, **usage)
        await self.settle(course, 200, "")

    async def settle(self, course: Course, status: int = 499, why: str = "the client left") -> None:
        """Ends a request, once: what it holds is free, and what it was is counted."""
        if course.settled:
            return
        course.settled = True
        course.held.close()
        self._metrics.requests.labels(status).inc()
        self._metrics.reply_tokens.inc(course.tokens)
        self._metrics.seconds.observe(time.monotonic() - course.begun)
        self._rates.reply(course.person, course.tokens)
        if self._dialogue and course.exchange and status != 200:
            await self._dialogue.abandon(course.exchange, why)

    def _count(self, held: ExitStack) -> None:
        limit = self._serving.limits.waiting
        if self._under_way >= limit:
            raise ApiError(503, f"{limit} requests are under way; try again", "overloaded", retry_after=2)
        self._under_way += 1
        self._metrics.under_way.inc()

        def end() -> None:
            self._under_way -= 1
            self._metrics.under_way.dec()

        held.callback(end)

    def _check(self, request: ChatRequest) -> None:
        limits = self._serving.limits
        if request.model != self._served.name:
            raise ApiError(
                404, f"{request.model!r} is not served; {self._served.name!r} is", "model_not_found", "model"
            )
        if len(request.messages) > limits.messages:
            raise ApiError(400, f"more than {limits.messages} messages; send fewer", "too_many_messages", "messages")
        if request.most and request.most > limits.reply_tokens:
            raise ApiError(400, f"max_tokens is at most {limits.reply_tokens}", "max_tokens_too_large", "max_tokens")

    async def _exchange(
        self, person: Person, request: ChatRequest, messages: list[Message], fleet: Fleet, most: int
    ) -> Exchange | None:
        """The conversation's, when the request names one."""
        if not request.conversation:
            return None
        if self._dialogue is None:
            raise ApiError(400, "conversations are not kept here", "no_conversations", "conversation")
        budget = fleet.prompts.context - most
        return await self._dialogue.begin(person, request.conversation, messages, fleet.prompts.count, budget)

    def _room(self, fleet: Fleet, prompt: int, asked: int | None) -> int:
        """Tokens that the context leaves for the reply."""
        context = fleet.prompts.context
        room = context - prompt
        if room < (asked or SURE_OF_ROOM):
            raise ApiError(
                400,
                f"the messages are {prompt} tokens and the reply {asked or 'at least ' + str(SURE_OF_ROOM)}, and the "
                f"model holds {context} in all; shorten the messages or lower max_tokens",
                "context_length_exceeded",
                "messages",
            )
        return room

    def _job(self, request: ChatRequest, fleet: Fleet, prompt: list[int], messages: list[Message], most: int) -> Job:
        own = fleet.prompts.defaults
        return Job(
            prompt=prompt,
            messages=messages,
            most=most,
            temperature=own["temperature"] if request.temperature is None else request.temperature,
            top_p=own["top_p"] if request.top_p is None else request.top_p,
            seed=request.seed,
            stop=fleet.prompts.stop,
            stop_texts=request.stops,
            spelling=fleet.prompts.tokenizer,
        )

    def _filter_prompt(self, person: Person, messages: list[Message]) -> list[Message]:
        kept, found = filtered_prompt(messages, self._serving.filter, self._pii)
        self._tell("in", person, found)
        blocked = [each.kind for each in found if each.decision == "block"]
        if blocked:
            raise ApiError(400, f"the content filter refuses the message ({', '.join(blocked)})", "content_filter")
        return kept

    def _tell(self, direction: str, person: Person, found: list[Found]) -> None:
        """Counts and logs decisions, without the text."""
        for each in found:
            self._metrics.filtered.labels(direction, each.kind, each.decision).inc()
            log.info("filter %s: %s, %s (key %s)", direction, each.kind, each.decision, person.key or "none")


async def _before(until: float, pieces: AsyncGenerator[Piece, None]) -> AsyncGenerator[Piece, None]:
    """The pieces that come before time.monotonic() is `until`. Raises ApiError 504."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + until - time.monotonic()
    try:
        while True:
            async with asyncio.timeout_at(deadline):
                piece = await anext(pieces, None)
            if piece is None:
                return
            yield piece
    except TimeoutError:
        raise ApiError(504, "the reply took too long; ask for a shorter one", "timeout") from None
