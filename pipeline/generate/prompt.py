"""How a model is asked for one conversation more, and how what it says is read."""

from collections.abc import Sequence
from dataclasses import dataclass

import regex

Exchange = tuple[str, str]
"""(what the user says, what the assistant replies)."""

USER, ASSISTANT = "User:", "Assistant:"
_READ = regex.compile(
    rf"\s*(?:{USER})?\s*(?P<user>\S.*?)\s*\n\s*{ASSISTANT}\s*(?P<reply>\S.*?)\s*(?:\n\s*{USER}.*)?\Z", regex.DOTALL
)


@dataclass(frozen=True)
class Prompt:
    """about: what the conversation is to be about. examples: exchanges of the corpus that are."""

    about: str
    examples: tuple[Exchange, ...]

    @property
    def instruction(self) -> str:
        """To a model that follows instructions."""
        return (
            f"You write short conversations between a user and an assistant about {self.about}. Write one that is "
            f"unlike "
            f"the examples, natural, correct and without stereotypes, in their form: a line that begins with "
            f"{USER} and "
            f"one that begins with {ASSISTANT}. Write nothing else."
        )

    @property
    def shown(self) -> str:
        """The examples, as they are written."""
        return "\n\n".join(f"{USER} {user}\n{ASSISTANT} {reply}" for user, reply in self.examples)

    @property
    def to_continue(self) -> str:
        """To a model that goes on with a text: the next conversation has begun."""
        return f"Conversations about {self.about}.\n\n{self.shown}\n\n{USER}"


def read(text: str, ended: bool) -> Exchange | None:
    """The first exchange of a text that follows `User:`; None when there is none, when it is not known to be whole, and
    when it talks of the form that was asked for.

    ended: whether the model stopped by itself; else only what another exchange follows is whole.
    """
    match = _READ.match(text)
    if match is None or any(mark in match[part] for mark in (USER, ASSISTANT) for part in ("user", "reply")):
        return None
    further = text.find(f"\n{USER}", match.end("user"))
    return (match["user"], match["reply"]) if ended or further >= 0 else None


def first_exchange(messages: Sequence[dict[str, str]]) -> Exchange | None:
    """The user's first turn and the reply to it, without blank lines, which part the examples."""
    turns = [m for m in messages if m["role"] != "system"][:2]
    if [m["role"] for m in turns] != ["user", "assistant"]:
        return None
    user, reply = (regex.sub(r"\s*\n\s*", " ", m["content"] or "").strip() for m in turns)
    return (user, reply) if user and reply else None
