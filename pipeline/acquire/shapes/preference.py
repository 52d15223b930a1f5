"""Preference pairs: a chosen and a rejected side. The chosen one is the conversation."""

from typing import Any

from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes import transcript
from pipeline.acquire.shapes.cell import answers_in, list_of, text_of
from pipeline.acquire.shapes.conversation import ASIDE, Conversation, Turn, check_text, from_turns
from pipeline.acquire.shapes.history import opening, with_thoughts
from pipeline.acquire.shapes.layout import Layout, Record, about, find_system
from pipeline.acquire.shapes.names import find, names
from pipeline.acquire.shapes.parts import SPEAKER, pieces, turns_of

SIDES = (
    ("chosen", "rejected"),
    ("preferred_output", "non_preferred_output"),
    ("preferred", "non_preferred"),
    ("preferred", "dispreferred"),
    ("chosen_response", "rejected_response"),
    ("response_chosen", "response_rejected"),
    ("accepted", "rejected"),
    ("win", "lose"),
    ("chosen_answer", "rejected_answer"),
    ("answer_chosen", "answer_rejected"),
    ("better_response", "worse_response"),
    ("winning_response", "losing_response"),
    ("response_w", "response_l"),
    ("y_w", "y_l"),
    ("good_response", "bad_response"),
    ("response", "rejected_response"),
)
"""Names of the two sides: of TRL, OpenAI, and others."""

PROMPTS = (
    *("conversations", "messages", "conversation", "prompt", "question", "query", "instruction"),
    *("input", "context", "dialogue", "dialog"),
)


def detect(records: list[Any]) -> Layout | None:
    """Records that have both sides, and not only a yes or no in them."""
    there = names(records)
    pair = next((sides for sides in SIDES if all(find(there, side) for side in sides)), None)
    if pair is None:
        return None
    chosen = find(there, pair[0])
    said = [
        r[chosen] for r in records if isinstance(r, dict) and r.get(chosen) and isinstance(r[chosen], str | list | dict)
    ]
    return arrange(there, None) if said else None


def arrange(there: list[str], found: Layout | None) -> Layout:
    """The chosen side, after a prompt and a system text when there are such columns."""
    pair = next((sides for sides in SIDES if all(find(there, side) for side in sides)), None)
    chosen, rejected = (found.column if found else "chosen"), None
    if pair:
        chosen, rejected = find(there, pair[0]), find(there, pair[1])
    system = find_system(there)
    prompt = prompts(there)
    taken = (chosen, rejected, system, *prompt)
    more = about(there, taken)
    return Layout("preference", column=chosen, prompt=prompt, system=system, rejected=rejected, **more)


def prompts(there: list[str]) -> tuple[str, ...]:
    """The columns of the prompt: the first of PROMPTS, with the input of an instruction."""
    first = find(there, *PROMPTS)
    if first is None:
        return ()
    given = find(there, "input") if first.lower() == "instruction" else None
    return (first, given) if given else (first,)


def read(record: Any, layout: Layout) -> Conversation:
    """The chosen conversation, the rejected one beside it. Raises Malformed."""
    return beside(joined(record, layout, layout.column), record, layout, layout.rejected)


def beside(found: Conversation, record: Record, layout: Layout, column: str | None) -> Conversation:
    """The conversation with what the worse side, in a column, says instead; a side that cannot be read is left out."""
    try:
        worse = joined(record, layout, column or "").messages
        check_text(Conversation(worse))
    except Malformed:
        worse = []
    shared = next((at for at, (a, b) in enumerate(zip(found.messages, worse, strict=False)) if a != b), len(worse))
    found.rejected, found.shared = worse[shared:], shared
    if not found.rejected:
        found.left_out += ("rejected side",)
    return found


def joined(record: Any, layout: Layout, column: str | None) -> Conversation:
    """The prompt and the side in a column. Raises Malformed.

    The side is a transcript, a list of turns, one turn, or the bare reply to the prompt; a prompt that is
    a transcript or a list of turns opens the conversation, unless the side repeats it.
    """
    assert column is not None
    if not isinstance(record, dict):
        raise Malformed("wrong_type", f"the record is {type(record).__name__}, not an object")
    if column not in record:
        raise Malformed("missing_columns", f"no {column}")
    turns = _turns(record[column], "assistant", column)
    if layout.prompt and not any(speaker.lower() in ("user", "human") for speaker, _ in turns):
        turns = _prompt(record, layout) + turns
    return from_turns(opening(record, layout) + with_thoughts(record, layout, turns), layout.reasoning)


def _prompt(record: Record, layout: Layout) -> list[Turn]:
    if len(layout.prompt) == 1:
        return _turns(record.get(layout.prompt[0]), "user", layout.prompt[0])
    parts = [text for column in layout.prompt if (text := text_of(record.get(column), column))]
    return [("user", "\n\n".join(parts))]


def _turns(value: Any, speaker: str, column: str) -> list[Turn]:
    """The turns of a transcript, of a list of turns, of an object that holds one, or one turn of `speaker`."""
    if value is None:
        return []
    if isinstance(value, dict):
        inner = next((value[key] for key in ("messages", "conversations") if isinstance(value.get(key), list)), None)
        if inner is not None:
            return turns_of(inner)
        return turns_of([value]) if any(key in value for key in SPEAKER) else pieces(value, speaker, column)
    turns = list_of(value)
    if turns is not None and (not isinstance(value, str) or any(isinstance(turn, dict) for turn in turns)):
        if turns and all(isinstance(turn, str) for turn in turns):
            if speaker == "user":
                return [(speaker, text_of(turns, column))]
            answers = answers_in(turns, column)
            return [(speaker, answers[0]), *[(ASIDE, "further answer")] * (len(answers) > 1)] if answers else []
        return turns_of(turns)
    if not isinstance(value, str):
        raise Malformed("wrong_type", f"{column} is {type(value).__name__}")
    return transcript.turns(value) or [(speaker, value.strip())]
