"""Two conversations or replies, and which of them won. The winner is the conversation."""

from collections.abc import Iterator
from typing import Any

from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes.conversation import Conversation
from pipeline.acquire.shapes.layout import Layout, about, find_system
from pipeline.acquire.shapes.names import find, names, plain, words
from pipeline.acquire.shapes.preference import PROMPTS, beside, joined

LABELS = (("a", "b"), ("0", "1"), ("1", "2"), ("left", "right"))
STEMS = (
    *("conversation", "conversations", "messages", "response", "answer", "output", "completion", "reply"),
    *("chat", "dialogue", "assistant", "modeloutput", "text", "humanref"),
)
SCORES = ("score", "rating", "reward", "votes", "elo")
WINNER = (
    *("winner", "preference", "preferred", "choice", "chosen", "better", "betterresponse", "betterresponseid"),
    *("verdict", "best", "label", "winningresponse"),
)


def detect(records: list[Any]) -> Layout | None:
    """Records that have two columns of one name but for a, b or the like at its end, and one that says which won."""
    there = names(records)
    sides = _sides(there)
    return arrange(there, None) if sides and (any(_winners(there)) or _scores(there, sides)) else None


def arrange(there: list[str], found: Layout | None) -> Layout:
    """The two sides, and the columns that tell which of them won."""
    sides = _sides(there) or (found.sides if found else ("conversation_a", "conversation_b"))
    system = find_system(there)
    prompt = find([c for c in there if c not in sides], *PROMPTS, "history")
    more = about(there, (*sides, prompt, system))
    more["verdicts"] = tuple(_winners(there)) or _scores(there, sides)
    return Layout("comparison", sides=sides, prompt=(prompt,) if prompt else (), system=system, **more)


def read(record: Any, layout: Layout) -> Conversation:
    """The conversation of the side that won. Raises Malformed (no_winner) when none did."""
    if not isinstance(record, dict):
        raise Malformed("wrong_type", f"the record is {type(record).__name__}, not an object")
    if not any(side in record for side in layout.sides):
        raise Malformed("missing_columns", f"no {' and no '.join(layout.sides)}")
    labels = tuple(words(side)[-1] for side in layout.sides)
    if layout.verdicts and plain(layout.verdicts[0]).removesuffix(labels[0]) in SCORES:
        won = _higher([record.get(column) for column in layout.verdicts])
    else:
        won = {side for c in layout.verdicts if (side := _winner(c, record.get(c), labels)) is not None}
    if len(won) != 1:
        named = f"{' and '.join(layout.verdicts)} {'name both sides' if won else 'name neither side'}"
        raise Malformed("no_winner", named if layout.verdicts else "no verdict on the two sides")
    best = won.pop()
    return beside(joined(record, layout, layout.sides[best]), record, layout, layout.sides[1 - best])


def _sides(there: list[str]) -> tuple[str, str] | None:
    """The first two columns that differ in a label at their end only."""
    for labels in LABELS:
        for column in there:
            *stem, label = words(column) or [""]
            if label == labels[0] and "".join(stem) in STEMS:
                other = next((c for c in there if words(c) == [*stem, labels[1]]), None)
                if other:
                    return column, other
    return None


def _scores(there: list[str], sides: tuple[str, ...]) -> tuple[str, ...]:
    """The two columns with the sides' scores, when there are both."""
    labels = [words(side)[-1] for side in sides]
    for score in SCORES:
        found = [next((c for c in there if words(c) == [score, label]), None) for label in labels]
        if all(found):
            return tuple(c for c in found if c)
    return ()


def _higher(scores: list[Any]) -> set[int]:
    """The side of the higher score; none of equal ones."""
    numbers = [s for s in scores if isinstance(s, int | float) and not isinstance(s, bool)]
    return {int(numbers[1] > numbers[0])} if len(numbers) == 2 and numbers[0] != numbers[1] else set()


def _winners(there: list[str]) -> Iterator[str]:
    """The columns that tell which side won: by its label, or one of each side with a yes or no."""
    for column in there:
        if plain(column) in WINNER or (words(column) and words(column)[0] == "winner"):
            yield column


def _winner(column: str, value: Any, labels: tuple[str, ...]) -> int | None:
    """The side, 0 or 1, that a verdict names; None when it names neither or both."""
    own = words(column)[-1]
    if own in labels:  # winner_model_a: 1
        return labels.index(own) if str(value).lower() in ("1", "1.0", "true", "yes") else None
    named = words(value) if isinstance(value, str) else [str(value)] if type(value) is int else []
    found = {labels.index(word) for word in named if word in labels}
    return found.pop() if len(found) == 1 else None
