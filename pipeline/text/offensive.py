"""How offensive a turn is: a lexicon and a classifier, combined."""

import re
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

from pipeline.text.lexicon import PHRASES, VULGAR, severities

SEVERITY = severities()
WORDS = frozenset(SEVERITY)
WORD = re.compile(r"[a-z]+")
PHRASE = re.compile("|".join(rf"\b{re.escape(phrase)}\b" for phrase in PHRASES))

PHRASE_WORDS = frozenset(phrase.split()[0] for phrase in PHRASES)

DISGUISE = re.compile(r"[a-z][@$0134!*#]|[@$][a-z]|([a-z])\1\1")
"""Leetspeak, masked or stretched letters: sh1t, f**k, biiiitch."""
LEET = str.maketrans("@$0134!", "asoieai")
STRETCHED = re.compile(r"([a-z])\1{2,}")
MASKED = re.compile(r"(?<![a-z*#])[a-z]{1,10}[*#]{1,10}[a-z]{0,10}(?![a-z*#])")

LEXICON_SHARE = 0.6
"""Weight of the lexicon; the rest is the classifier's. Alone, the classifier gives "I hate you" 0.9
and "what the hell" 0.99, so it must not pass a threshold without a word that offends."""


@cache
def _classifier() -> tuple[Any, Any]:
    """(vectoriser, model) of alt-profanity-check: TF-IDF words and a calibrated linear SVM, trained on
    the Davidson tweets and Wikipedia talk pages."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the pickled model names an older scikit-learn
        from profanity_check.profanity_check import model, vectorizer
    return vectorizer, model


def severity(text: str) -> float:
    """The lexicon's share: severity of the worst word or phrase, 0 to 1."""
    lowered = text.lower()
    words = set(WORD.findall(lowered))
    known = words & WORDS
    worst = max(map(SEVERITY.__getitem__, known)) if known else 0.0
    if not words.isdisjoint(PHRASE_WORDS) and (phrase := PHRASE.search(lowered)):
        worst = max(worst, PHRASES[phrase.group()])
    if DISGUISE.search(lowered):
        worst = max(worst, _disguised(lowered))
    return worst


def offensiveness(texts: Sequence[str]) -> list[float]:
    """Score of each text, 0 to 1, four decimals.

    0.6 x severity of the worst word + 0.4 x the classifier's probability. A text's score does not
    depend on the other texts of the batch.
    """
    if not texts:
        return []
    vectoriser, model = _classifier()
    probabilities = model.predict_proba(vectoriser.transform(texts))[:, 1]
    return [
        round(LEXICON_SHARE * severity(text) + (1 - LEXICON_SHARE) * round(float(p), 6), 4)
        for text, p in zip(texts, probabilities, strict=True)
    ]


def _disguised(lowered: str) -> float:
    plain = lowered.translate(LEET)
    spellings = set(WORD.findall(STRETCHED.sub(r"\1", plain))) | set(WORD.findall(STRETCHED.sub(r"\1\1", plain)))
    worst = max(map(SEVERITY.__getitem__, spellings & WORDS), default=0.0)
    for masked in MASKED.findall(lowered):
        pattern = re.compile(re.sub(r"[*#]", ".", masked))
        meant = [s for word, s in SEVERITY.items() if s >= VULGAR and pattern.fullmatch(word)]
        worst = max(worst, min(meant, default=0.0))  # s*** is taken for the least that it can be
    return worst
