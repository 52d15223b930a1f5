"""Prompt and completion of which at least one is a list of turns, as TRL's trainers read them."""

from typing import Any

from pipeline.acquire.shapes.cell import list_of
from pipeline.acquire.shapes.conversation import ROLE_OF, Conversation
from pipeline.acquire.shapes.layout import Layout, about, find_system
from pipeline.acquire.shapes.messages import is_turn
from pipeline.acquire.shapes.names import find, names
from pipeline.acquire.shapes.parts import SPEAKER
from pipeline.acquire.shapes.preference import joined

PROMPTS = ("prompt", "messages", "conversations", "conversation", "input", "context", "question", "query")
REPLIES = ("completion", "completions", "response", "reply", "answer", "output", "target")


def detect(records: list[Any]) -> Layout | None:
    """Records with a prompt and a reply beside it, of which the prompt is turns that do not end with a reply."""
    there = names(records)
    prompt, reply = find(there, *PROMPTS), find(there, *REPLIES)
    if prompt is None or reply is None:
        return None
    pairs = [(_turns(r.get(prompt)), r.get(reply)) for r in records if isinstance(r, dict)]
    open_ended = [turns is not None and not _ends_with_reply(turns) for turns, said in pairs if said]
    answered = [turns is None and _turns(said) is not None for turns, said in pairs]
    return arrange(there, None) if 2 * sum(open_ended) + 2 * sum(answered) > len(pairs) else None


def arrange(there: list[str], found: Layout | None) -> Layout:  # noqa: ARG001
    """The first of the names that each has."""
    prompt, reply = find(there, *PROMPTS) or "prompt", find(there, *REPLIES) or "completion"
    system = find_system(there)
    return Layout("completion", column=reply, prompt=(prompt,), system=system, **about(there, (prompt, reply, system)))


def read(record: Any, layout: Layout) -> Conversation:
    """The prompt's turns, then the completion's. Raises Malformed."""
    return joined(record, layout, layout.column)


def _turns(value: Any) -> list[Any] | None:
    turns = list_of(value)
    return turns if turns and is_turn(turns[0]) else None


def _ends_with_reply(turns: list[Any]) -> bool:
    last = turns[-1]
    speaker = next((last[k] for k in SPEAKER if isinstance(last, dict) and last.get(k) is not None), "")
    return ROLE_OF.get(str(speaker).lower()) in ("assistant", "call")
