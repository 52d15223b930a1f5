"""What the pipeline's own scores say of one text, as it is said or answered."""

from collections.abc import Sequence

import numpy as np

from pipeline.clean.privacy.pii import Finding, find_pii
from pipeline.clean.scores.offensive import offences
from pipeline.clean.scores.offensive_features import SENTENCE
from pipeline.clean.scores.prompt_leak import LEAST_WORDS, leaks
from pipeline.clean.scores.words import known_words, texts_of


def offensiveness(text: str, said_before: str = "") -> float:
    """0 to 1, of a text as a reply to what was said before."""
    words, texts = known_words(), [said_before, text]
    found = texts_of(words, texts)
    replies, ends = np.array([False, True]), np.array([0, 2])
    (worst,) = offences(words, found, texts, ["user", "assistant"], replies, ends)
    return worst.score


def personal_data(text: str, types: Sequence[str], known: frozenset[str] = frozenset()) -> list[Finding]:
    """(start, end, type), but for values that are known: who asks may be answered with their own."""
    return [found for found in find_pii(text, types) if text[found[0] : found[1]].lower() not in known]


def values_of(texts: list[str], types: Sequence[str]) -> frozenset[str]:
    """Personal data of these texts, in small letters."""
    return frozenset(text[start:end].lower() for text in texts for start, end, _ in find_pii(text, types))


def normalised(text: str) -> str:
    """As clean compares texts: words in small letters without marks."""
    words = known_words()
    return words.normalised(text, words.numbers(text))


def secrets_of(system: str) -> list[str]:
    """The sentences of a system prompt that nobody says by chance, normalised, and the whole of it."""
    sentences = [normalised(sentence) for sentence in SENTENCE.split(system)]
    return [text for text in dict.fromkeys([*sentences, normalised(system)]) if text.count(" ") + 1 >= LEAST_WORDS]


def leaked(reply: str, secrets: list[str], prompt: str) -> bool:
    """Whether a reply has marks of a chat template, or one of the secrets."""
    normal = normalised(reply)
    return any(leaks(reply, normal, secret, prompt) for secret in secrets or [""])
