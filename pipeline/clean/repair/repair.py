"""The repair of one text: all steps, in order, until nothing changes."""

from collections.abc import Callable

from configs.clean import Text
from pipeline.clean.repair.annotations import drop_annotations
from pipeline.clean.repair.emoji import treat_emoji
from pipeline.clean.repair.encoding import repair_encoding
from pipeline.clean.repair.html import strip_html
from pipeline.clean.repair.punctuation import (
    MAY_BE_KEPT,
    REPEATED_MARK,
    shorten_elongated,
    standardise_punctuation,
    standardise_white_space,
)
from pipeline.clean.repair.urls import PLACEHOLDER, treat_urls

ROUNDS = 8
"""One round is enough for nearly every text; what is escaped twice needs two."""


Step = tuple[str, Callable[[str], str]]


class Repair:
    """repair(text) gives (the repaired text, the names of the steps that changed it). Idempotent.

    elongated(text) cuts stretched words, if asked for: it is a step of its own, for texts that are known to
    hold one.
    """

    def __init__(self, settings: Text) -> None:
        self._always = settings.urls != "keep" or settings.lowercase
        steps: list[Step] = [("encoding", repair_encoding), ("white_space", standardise_white_space)]
        if settings.strip_html:
            steps.append(("html", strip_html))
        self._annotations = settings.annotations == "drop"
        if self._annotations:
            steps.append(("annotations", drop_annotations))
        if settings.urls != "keep":
            steps.append(("urls", lambda text: treat_urls(text, settings.urls)))
        if settings.emoji != "keep":
            steps.append(("emoji", lambda text: treat_emoji(text, settings.emoji)))
        steps.append(("punctuation", standardise_punctuation))
        if settings.lowercase:
            steps.append(("lowercase", lower))
        self._steps = steps
        self.elongated: Callable[[str], str] = shorten_elongated if settings.elongated == "cut" else str

    def __call__(self, text: str) -> tuple[str, list[str]]:
        if not self._always:
            if self._settled(text):
                return text, []
            if self._settled(single := _single_spaces(text)):
                return single, ["white_space"]
        changed: set[str] = set()
        for number in range(ROUNDS):
            if number and not self._always and self._settled(text):
                break
            before = text
            for name, step in self._steps:
                after = step(text)
                if after != text:
                    changed.add(name)
                    text = after
            if text == before:
                break
        return text, sorted(changed)

    def _settled(self, text: str) -> bool:
        return is_ordinary(text) and not (self._annotations and drop_annotations(text) is not text)


def lower(text: str) -> str:
    """Lower case, but for the placeholder of web addresses."""
    return PLACEHOLDER.join(part.lower() for part in text.split(PLACEHOLDER))


def is_ordinary(text: str) -> bool:
    """Whether no step but annotations can change the text: the cheap test that most chat messages pass."""
    if not text.isascii() or text[:1] == " " or text[-1:] == " ":
        return False
    if not text.isprintable():
        if not text.replace("\n", "").isprintable() or " \n" in text or "\n\n\n" in text:
            return False
        if text[0] == "\n" or text[-1] == "\n":
            return False
    return "  " not in text and "<" not in text and "&" not in text and REPEATED_MARK.search(text) is None


def _single_spaces(text: str) -> str:
    """What the step white_space makes of one printable line of prose; any other text only stripped."""
    if "  " in text and text.isprintable() and "`" not in text and not MAY_BE_KEPT.search(text):
        return " ".join(text.split())
    return text.strip()
