"""What the server asks of whoever keeps conversations (serving/dialogue)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from fastapi import APIRouter

from serving.person import Person

Message = dict[str, str]
CountTokens = Callable[[list[Message]], int]
"""Tokens of the messages as the model is given them, with the header of the reply to come."""


@dataclass(frozen=True)
class Exchange:
    """One message and the reply to come. messages: what the engine gets. message_id: of the reply."""

    messages: list[Message]
    conversation: str
    message_id: str


class Dialogue(Protocol):
    """Keeps conversations. Raises ApiError: 404 for a conversation that is not this person's, as if there were none."""

    router: APIRouter
    """Its own routes, mounted at the root."""
    page: Path | None
    """Folder of the static page at `/`."""

    async def open(self) -> None:
        """Before the first request."""

    async def close(self) -> None:
        """After the last."""

    async def begin(
        self, person: Person, conversation: str, messages: list[Message], count_tokens: CountTokens, budget: int
    ) -> Exchange:
        """Stores what was said and gives what the engine gets, at most `budget` tokens.

        conversation: an id, or "new". messages: as the request has them, after the filter.
        """

    async def finish(self, exchange: Exchange, reply: str, finish_reason: str, **details: Any) -> None:
        """Stores the whole reply, as it left. details: model (name and version), prompt_tokens, completion_tokens."""

    async def abandon(self, exchange: Exchange, why: str) -> None:
        """No whole reply came: the client left, the filter blocked it, or an engine failed."""
