"""A dialogue over a database of its own, driven without an engine."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from configs.load import load_profile
from configs.profile import Profile
from serving.dialogue.dialogue import KeptDialogue
from serving.dialogue.sessions import Shown
from serving.dialogue_protocol import Exchange
from serving.person import Person

BUDGET = 2000


def words(messages: list[dict[str, str]]) -> int:
    """Stands for a tokenizer: one token a word, and one a message."""
    return sum(1 + len(message["content"].split()) for message in messages)


@dataclass
class Talk:
    """One dialogue, open, and whoever talks."""

    dialogue: KeptDialogue
    loop: asyncio.AbstractEventLoop
    seen: list[Exchange] = field(default_factory=list)

    def do(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)

    def begin(self, user: str, said: str | None, conversation: str = "new", budget: int = BUDGET) -> Exchange:
        messages = [{"role": "user", "content": said}] if said is not None else []
        found = self.do(self.dialogue.begin(Person(user, "user"), conversation, messages, words, budget))
        self.seen.append(found)
        return found

    def say(self, user: str, said: str | None, reply: str = "I see.", conversation: str = "new") -> Exchange:
        """A whole exchange."""
        found = self.begin(user, said, conversation)
        self.do(self.dialogue.finish(found, reply, "stop", model="m/1"))
        return found

    def messages(self, user: str, conversation: str) -> list[Shown]:
        return self.dialogue.sessions.messages(user, conversation)

    def told(self, exchange: Exchange) -> str:
        """What the model got, in one text."""
        return "\n".join(message["content"] for message in exchange.messages)


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return load_profile("scratch", [f"storage.root={tmp_path / 'root'}"])


@pytest.fixture
def talking(tmp_path: Path) -> Iterator[Callable[..., Talk]]:
    """talking(*overrides) opens a dialogue over tmp_path/root; again, the same one after a restart."""
    loop, held = asyncio.new_event_loop(), list[Talk]()

    def open_(*overrides: str) -> Talk:
        for talk in held:
            talk.do(talk.dialogue.close())
        held.clear()
        profile = load_profile("scratch", [f"storage.root={tmp_path / 'root'}", *overrides])
        talk = Talk(KeptDialogue(profile, tmp_path / "root"), loop)
        talk.do(talk.dialogue.open())
        held.append(talk)
        return talk

    yield open_
    for talk in held:
        talk.do(talk.dialogue.close())
    loop.close()


@pytest.fixture
def talk(talking: Callable[..., Talk]) -> Talk:
    return talking()
