"""Preference pairs: `chosen` and `rejected`. The chosen one is the conversation."""

from typing import Any

from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes import messages, transcript
from pipeline.acquire.shapes.cell import list_of
from pipeline.acquire.shapes.conversation import Conversation, Turn, from_turns
from pipeline.acquire.shapes.layout import Layout, about, find


def detect(records: list[Any]) -> Layout | None:
    """Records that have both chosen and rejected."""
    if find(records, "chosen") and find(records, "rejected"):
        return assume(records)
    return None


def assume(records: list[Any]) -> Layout:
    """chosen, after a prompt and a system text when there are such columns."""
    chosen = find(records, "chosen") or "chosen"
    prompt = find(records, "prompt", "question", "instruction", "input", "query")
    system = find(records, "system", "system_prompt")
    taken = (chosen, find(records, "rejected"), prompt, system)
    return Layout(
        "preference", column=chosen, prompt=(prompt,) if prompt else (), system=system, **about(records, taken)
    )


def read(record: Any, layout: Layout) -> Conversation:
    """The chosen conversation. Raises Malformed.

    chosen is a transcript, a list of turns, or the bare reply to the prompt; a prompt that is a
    transcript or a list of turns opens the conversation, unless chosen repeats it.
    """
    assert layout.column is not None
    if not isinstance(record, dict):
        raise Malformed("wrong_type", f"the record is {type(record).__name__}, not an object")
    if layout.column not in record:
        raise Malformed("missing_columns", f"no {layout.column}")
    turns = _turns(record[layout.column], "assistant", layout.column)
    if layout.prompt and not any(speaker.lower() in ("user", "human") for speaker, _ in turns):
        turns = _turns(record.get(layout.prompt[0]), "user", layout.prompt[0]) + turns
    system = record.get(layout.system) if layout.system else None
    return from_turns(([("system", system)] if isinstance(system, str) else []) + turns)


def _turns(value: Any, speaker: str, column: str) -> list[Turn]:
    """The turns of a transcript, of a list of turns, or one turn of `speaker`."""
    if value is None:
        return []
    turns = list_of(value)
    if turns is not None:
        return messages.turns_of(turns)
    if not isinstance(value, str):
        raise Malformed("wrong_type", f"{column} is {type(value).__name__}")
    return transcript.turns(value) or [(speaker, value.strip())]
