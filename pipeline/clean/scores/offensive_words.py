"""Words and phrases that offend: the lexicon, and what disguises its words."""

import re

from pipeline.clean.scores.lexicon import PHRASES, VULGAR, severities

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

LONGEST_DISGUISED = 100
"""Longer "words" are data, not words."""


def word_severity(lowered: str) -> float:
    """Severity of a word in lower case, or of what it disguises, 0 to 1."""
    worst = max((SEVERITY[part] for part in WORD.findall(lowered) if part in WORDS), default=0.0)
    return max(worst, _disguised(lowered)) if DISGUISE.search(lowered) else worst


def phrase_severity(text: str) -> float:
    """Severity of the first offensive phrase of a text."""
    phrase = PHRASE.search(text.lower())
    return PHRASES[phrase.group()] if phrase else 0.0


def severity(text: str) -> float:
    """The lexicon's share: severity of the worst word or phrase, 0 to 1."""
    return max(phrase_severity(text), *map(word_severity, text.lower().split()), 0.0)


def _disguised(lowered: str) -> float:
    lowered = lowered[:LONGEST_DISGUISED]
    plain = lowered.translate(LEET)
    spellings = set(WORD.findall(STRETCHED.sub(r"\1", plain))) | set(WORD.findall(STRETCHED.sub(r"\1\1", plain)))
    worst = max(map(SEVERITY.__getitem__, spellings & WORDS), default=0.0)
    for masked in MASKED.findall(lowered):
        pattern = re.compile(re.sub(r"[*#]", ".", masked))
        meant = [s for word, s in SEVERITY.items() if s >= VULGAR and pattern.fullmatch(word)]
        worst = max(worst, min(meant, default=0.0))  # s*** is taken for the least that it can be
    return worst
