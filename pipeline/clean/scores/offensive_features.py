"""What a sentence says, as features of a linear classifier: words by class, pairs of them, how they are framed."""

import re
from functools import lru_cache
from typing import NamedTuple

from pipeline.clean.scores.lexicon import ABUSE, AMBIGUOUS, MILD, SLUR, VULGAR
from pipeline.clean.scores.offensive_words import WORDS, word_severity
from pipeline.clean.scores.speech_words import (
    CLASS_OF,
    COMPANY,
    GROUP_ADJECTIVES,
    GROUP_WORDS,
    NAMES,
    NATIONAL,
    PERSON_WORDS,
    TERMS,
)

TOKEN = re.compile(r"[A-Za-z0-9@$!*#'’-]+|[\"“”?]")
SPELT = re.compile(r"[A-Za-z@$*#\"“”?]")
"""What a token has one of at least."""
SENTENCE = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"”')\]]))\s+|\n+")
QUOTES = frozenset('"“”?')
TERM = re.compile(rf"\b(?:{'|'.join(TERMS)})\b", re.IGNORECASE)
TERM_VERBS = ("kill", "destroy", "slaughter")
"""Menaces that are part of a term."""
COMPANIONS = {
    form: frozenset(words.split()) for word, words in COMPANY.items() for form in (word, word + "s", word + "es")
}
FAR, NEAR = 6, 10
"""Words within which two classes are a pair, and within which a word says something of one that offends or menaces."""
LONGEST = 80
"""Words of a sentence that are looked at."""

MASKED = re.compile(r"[a-z]\*{3,}|[a-z]+[*#]+[a-z]+")
"""f*** and f**k, and not `2**n` or *emphasis*."""

STRONG = frozenset(("SLUR", "ABUSE", "VULGAR", "DOUBTFUL"))
MENACE = frozenset(("SEXUAL", "VERMIN", "DESTROY", "RUIN", "DIE", "HURT", "EXPEL", "HATE", "INFERIOR", "MILD"))
TARGET = frozenset(("GROUP", "THEY", "YOU", "PERSONS"))
FRAME = frozenset(("SAY", "JUDGE", "QUOTE", "GROUP", "NOT", "I", "YOU", "THEY", "QUESTION", "OUR", "SHOULD"))
"""Classes that say how the others are meant, wherever in the sentence they stand."""


class Token(NamedTuple):
    """text: in small letters. name: its class, or the text. quoted: whether it stands between quotation marks."""

    text: str
    name: str
    quoted: bool


STRONG_BIT, MENACE_BIT, TARGET_BIT = 1, 2, 4


def alarm(word: str) -> int:
    """Bits of what stands between white space: whether it holds a strong word, a menace, a target."""
    bits = 0
    for spelt in filter(SPELT.search, TOKEN.findall(word)):
        low = plain(spelt)
        name = class_of(low)
        bits |= STRONG_BIT * (name in STRONG) | MENACE_BIT * (name in MENACE)
        bits |= TARGET_BIT * (name in TARGET or low in GROUP_ADJECTIVES)
    return bits


ALARMING = frozenset(bits for bits in range(8) if bits & STRONG_BIT or (bits & MENACE_BIT and bits & TARGET_BIT))
"""Bits of alarm of a sentence that may attack."""


def plain(text: str) -> str:
    """A token in small letters, without the marks around it."""
    return text.lower().replace("’", "'").strip("-'!")


def sentences(text: str) -> list[str]:
    """The sentences of a text."""
    return [part for part in SENTENCE.split(text) if part]


def tokens(sentence: str) -> list[Token]:
    """The words of a sentence by class."""
    spans: list[tuple[int, int]] | None = None
    found, quoted = [], False
    spelt = [(match.group(), match.start()) for match in TOKEN.finditer(sentence) if SPELT.search(match.group())]
    lowered = [plain(text) for text, _ in spelt]
    company = frozenset(lowered)
    for place, ((text, start), low) in enumerate(zip(spelt, lowered, strict=True)):
        if text in QUOTES:
            quoted = not quoted if text != "?" else quoted
            found.append(Token("", "QUESTION" if text == "?" else "QUOTE", quoted))
            continue
        name = class_of(low)
        if spans is None and (name in STRONG or low.startswith(TERM_VERBS)):
            spans = [term.span() for term in TERM.finditer(sentence)]
        harmless = spans and any(first <= start < last for first, last in spans)
        if name in MENACE and harmless:
            name = "THING"
        elif name in STRONG or low in COMPANIONS:
            base = low.removesuffix("'s")
            if harmless or not company.isdisjoint(COMPANIONS.get(base, ())) or _is_name(spelt, place, base):
                name = "THING"
        elif low in GROUP_ADJECTIVES and _of_persons(lowered, place):
            name = "GROUP"
        elif low in NATIONAL and _of_a_thing(lowered, place):
            name = "ADJECTIVE"
        elif name == "PERSONS" and found and found[-1].name == "GROUP":
            continue  # "gay people" says what "immigrants" does
        found.append(Token(low, name, quoted))
    return found


@lru_cache(maxsize=50_000)
def class_of(low: str) -> str:
    """Class of a word in small letters; the word itself where it has none."""
    if ("*" in low or "#" in low) and not MASKED.fullmatch(low):
        return ""
    if low in GROUP_WORDS:
        return "GROUP"
    known = CLASS_OF.get(low)
    if low in AMBIGUOUS and known is None:
        return "DOUBTFUL"
    if known is None and (low in GROUP_ADJECTIVES or low in PERSON_WORDS):
        return "ADJECTIVE" if low in GROUP_ADJECTIVES else "PERSONS"
    if known is None and low.isalpha() and low not in WORDS:
        return low
    severity = 0.0 if known else word_severity(low)
    if severity >= SLUR:
        return "SLUR"
    if severity >= ABUSE:
        return known or "ABUSE"
    if severity >= VULGAR:
        return known or "VULGAR"
    return known or ("MILD" if severity >= MILD else "")


def _of_persons(lowered: list[str], place: int) -> bool:
    """Whether an adjective is said of persons: "blind people", "the poor"."""
    after = lowered[place + 1] if place + 1 < len(lowered) else ""
    return after in PERSON_WORDS or (place > 0 and lowered[place - 1] == "the" and after in ENDS)


def _of_a_thing(lowered: list[str], place: int) -> bool:
    """Whether a noun follows that is no person: "Chinese food"."""
    after = lowered[place + 1] if place + 1 < len(lowered) else ""
    return len(after) >= NOUN and after.isalpha() and after not in VERBS and class_of(after) == after


NOUN = 4
"""Letters that a noun has at least."""
VERBS = frozenset(
    ("were", "have", "will", "must", "need", "want", "come", "live", "make", "take", "they", "like", "with", "from")
)
ENDS = frozenset(("", "are", "should", "must", "deserve", "and", "or", "have", "do", "can", "will", "?"))


def _is_name(spelt: list[tuple[str, int]], place: int, low: str) -> bool:
    """Whether a word is part of a name: it has a capital, and so has a neighbour that is no sentence's first word."""
    if low not in NAMES or not spelt[place][0][0].isupper() or spelt[place][0].isupper():
        return False
    sides = [spelt[side][0] for side in (place - 1, place + 1) if 0 <= side < len(spelt)]
    return any(side[0].isupper() and side[1:].islower() for side in sides if side != "I") or place > 0


def is_candidate(found: list[Token]) -> bool:
    """Whether a sentence may attack: it holds a word that offends, or a menace and somebody whom it may meet."""
    names = {token.name for token in found}
    if "QUESTION" in names and sum(bool(token.text) for token in found) == 1:
        return False  # "Slag?" asks for a word
    return not STRONG.isdisjoint(names) or not (MENACE.isdisjoint(names) or TARGET.isdisjoint(names))


def features(found: list[Token]) -> dict[str, int]:
    """Feature to the number of the token that it is about.

    Words are looked at near those that offend or menace only, so that what else a long sentence says does not matter.
    """
    names = [token.name for token in found]
    telling = [place for place, name in enumerate(names) if name in STRONG or name in MENACE]
    near = sorted({at for place in telling for at in range(max(0, place - NEAR), min(len(names), place + NEAR + 1))})
    told: dict[str, int] = {}
    for place in near[:LONGEST]:
        name = names[place]
        if not name:
            continue
        told.setdefault(name, place)
        if place:
            if names[place - 1]:
                told.setdefault(f"{names[place - 1]} {name}", place)
        else:
            told.setdefault(f"first {name}", place)
        if name.isupper():
            for before in range(max(0, place - FAR), place):
                if names[before].isupper():
                    told.setdefault(f"{names[before]}..{name}", place)
    frame = FRAME & set(names)
    for place in telling[:LONGEST]:
        name = names[place]
        told.setdefault(f"word {found[place].text}", place)
        if found[place].quoted:
            told.setdefault(f"quoted {name}", place)
        for other in frame:
            told.setdefault(f"with {other} {name}", place)
    return told
