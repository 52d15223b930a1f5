"""What the server asks of an engine, embedded or addressed."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

from tokenizers import Tokenizer

Message = dict[str, str]
Finish = Literal["stop", "length", "content_filter"]


@dataclass(frozen=True)
class Job:
    """One reply to compute. prompt: tokens. messages: what they were made of. most: tokens of the reply.

    stop: ids that end it. stop_texts: so do these, for engines that speak text. spelling: spells tokens, for others.
    """

    prompt: list[int]
    messages: list[Message]
    most: int
    temperature: float
    top_p: float
    seed: int | None
    stop: list[int]
    stop_texts: list[str]
    spelling: Tokenizer


@dataclass(frozen=True)
class Piece:
    """What came. tokens: how many. finish: why nothing more comes."""

    text: str
    tokens: int = 0
    finish: Finish | None = None


class EngineLostError(Exception):
    """The engine ended, was not reached, or said nothing sensible; another may do."""


class EngineRefusedError(Exception):
    """The engine understood, and will not: any other would say the same."""


class Engine(Protocol):
    """name: for metrics and logs, without credentials. ready: whether it takes jobs. outstanding: jobs under way."""

    name: str
    ready: bool
    outstanding: int

    async def start(self) -> None:
        """Returns at once; `ready` follows. Raises UserError for an engine that can never be ready."""

    def generate(self, job: Job) -> AsyncGenerator[Piece, None]:
        """The reply piece by piece. Closing the iterator ends the computation. Raises the errors above."""

    async def close(self) -> None:
        """Ends it."""
