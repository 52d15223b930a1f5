"""The repair of one text: all steps, in order, until nothing changes."""

import re
from collections.abc import Callable

from configs.clean import Text
from pipeline.text.emoji import treat_emoji
from pipeline.text.encoding import repair_encoding
from pipeline.text.html import strip_html
from pipeline.text.punctuation import standardise_punctuation, standardise_white_space
from pipeline.text.urls import PLACEHOLDER, treat_urls

ROUNDS = 8
"""One round is enough for nearly every text; what is escaped twice needs two."""

SUSPECTS = ("<", "&", "  ", " \n", "\n\n\n")
MARKS = re.compile(r"[!?.,;:]{4}")

Step = tuple[str, Callable[[str], str]]


class Repair:
    """repair(text) gives (the repaired text, the names of the steps that changed it). Idempotent."""

    def __init__(self, settings: Text) -> None:
        self._always = settings.urls != "keep" or settings.lowercase
        steps: list[Step] = [("encoding", repair_encoding), ("white_space", standardise_white_space)]
        if settings.strip_html:
            steps.append(("html", strip_html))
        if settings.urls != "keep":
            steps.append(("urls", lambda text: treat_urls(text, settings.urls)))
        if settings.emoji != "keep":
            steps.append(("emoji", lambda text: treat_emoji(text, settings.emoji)))
        steps.append(("punctuation", standardise_punctuation))
        if settings.lowercase:
            steps.append(("lowercase", lower))
        self._steps = steps

    def __call__(self, text: str) -> tuple[str, list[str]]:
        if not self._always and is_ordinary(text):
            return text, []
        changed: set[str] = set()
        for _ in range(ROUNDS):
            before = text
            for name, step in self._steps:
                after = step(text)
                if after != text:
                    changed.add(name)
                    text = after
            if text == before:
                break
        return text, sorted(changed)


def lower(text: str) -> str:
    """Lower case, but for the placeholder of web addresses."""
    return PLACEHOLDER.join(part.lower() for part in text.split(PLACEHOLDER))


def is_ordinary(text: str) -> bool:
    """Whether no step can change the text: the cheap test that nine of ten chat messages pass."""
    return (
        text.isascii()
        and (text.isprintable() or text.replace("\n", "").isprintable())
        and not any(suspect in text for suspect in SUSPECTS)
        and not MARKS.search(text)
        and not (text[:1].isspace() or text[-1:].isspace())
    )
