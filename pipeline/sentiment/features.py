"""What of a text the emotion model looks at: its words, the ways they begin and end, pairs of neighbours, and what is
negated, which is another word.

Nothing is seen of words that name groups of people (unseen_words), nor of placeholders of personal data.
"""

import re
from collections.abc import Sequence, Set
from itertools import pairwise

TOKEN = re.compile(r"<[A-Z_]+\d*>|\[[A-Z_]+\]|\w+(?:['’]\w+)*|[^\w\s]")
DRAWN_OUT = re.compile(r"(.)\1{2,}")
SHORTEST_PART, LONGEST_PART = 2, 5
"""Letters of a word's beginning or end that is a feature."""

VERBS = (
    *("ai", "are", "ca", "could", "did", "do", "does", "had", "has", "have", "is", "must", "need", "should", "was"),
    *("were", "wo", "would"),
)
NEGATORS = frozenset(
    (
        *("not", "no", "never", "nothing", "nobody", "none", "neither", "nor", "without", "hardly", "cannot"),
        *(f"{verb}n't" for verb in VERBS),
        *(f"{verb}nt" for verb in VERBS),
    )
)
NEGATED, STOPS = 3, frozenset(".,!?;:")
"""Words after a negator that it negates, as far as the next stop (after Pang, Lee and Vaithyanathan 2002)."""

LONGEST, ENDS = 48, frozenset(".!?…")
"""Tokens of a piece of text that is judged at once; the sentences learned from are hardly longer."""


def word_of(token: str, unseen: Set[str]) -> str:
    """The word that a token of a text is; empty for what is not looked at.

    Upper and lower case are one, so are numbers, and letters that are drawn out: "Sooooo" is "sooo".
    """
    if token[0] in "<[" and len(token) > 1:
        return ""
    word = token.lower().replace("’", "'")
    if word[0].isdigit():
        return "0"
    if word.removesuffix("'s") in unseen:
        return ""
    return DRAWN_OUT.sub(r"\1\1\1", word)


def parts_of(word: str) -> list[str]:
    """How a word begins and ends: "loved" gives "lo-", "lov-", …, "-ed", "-ved", …"""
    if len(word) < SHORTEST_PART or not word[0].isalpha():
        return []
    lengths = range(SHORTEST_PART, min(LONGEST_PART, len(word)) + 1)
    return [f"{word[:n]}-" for n in lengths] + [f"-{word[-n:]}" for n in lengths]


def negated(words: Sequence[str]) -> list[bool]:
    """Whether each word is one of the NEGATED after a negator."""
    found, left = [], 0
    for word in words:
        if word in STOPS:
            left = 0
        found.append(left > 0)
        left = NEGATED if word in NEGATORS else max(0, left - 1)
    return found


def features_of(word: str, is_negated: bool) -> list[str]:
    """Those that a word has by itself; of "happy" they are others than of "~happy", which is not so."""
    found = [word, *parts_of(word)] if word else []
    return [f"~{feature}" for feature in found] if is_negated else found


def pair_of(first: str, second: str) -> str:
    return f"{first} {second}"


def features(text: str, unseen: Set[str] = frozenset()) -> list[str]:
    """All features of a text, each as often as it occurs; what `EmotionModel` adds up, as one reads it."""
    words = [word_of(token, unseen) for token in TOKEN.findall(text)]
    found = [
        feature for word, not_so in zip(words, negated(words), strict=True) for feature in features_of(word, not_so)
    ]
    return found + [pair_of(a, b) for a, b in pairwise(words) if a and b]


def pieces(tokens: Sequence[str]) -> list[Sequence[str]]:
    """At most LONGEST tokens each, cut after the end of a sentence where one lies in the second half."""
    found = []
    while len(tokens) > LONGEST:
        ends = (n for n in range(LONGEST, LONGEST // 2, -1) if tokens[n - 1] in ENDS)
        cut = next(ends, LONGEST)
        found.append(tokens[:cut])
        tokens = tokens[cut:]
    return [*found, tokens]
