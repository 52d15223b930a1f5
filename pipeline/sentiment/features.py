"""What of a text the emotion model looks at: its words, the ways they begin and end, and pairs of neighbours.

Nothing is seen of words that name groups of people (group_words): what a model learns of them are its teachers'
prejudices. Nor of placeholders of personal data.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from pipeline.sentiment.group_words import GROUP_WORDS

TOKEN = re.compile(r"<[A-Z_]+\d*>|\[[A-Z_]+\]|\w+(?:['’]\w+)*|[^\w\s]")
DRAWN_OUT = re.compile(r"(.)\1{2,}")
SHORTEST_PART, LONGEST_PART = 2, 5
"""Letters of a word's beginning or end that is a feature."""

LONGEST, ENDS = 48, frozenset(".!?…")
"""Tokens of a piece of text that is judged at once; the sentences learned from are hardly longer."""


def word_of(token: str) -> str:
    """The word that a token of a text is; empty for what is not looked at.

    Upper and lower case are one, so are numbers, and letters that are drawn out: "Sooooo" is "sooo".
    """
    if token[0] in "<[" and len(token) > 1:
        return ""
    word = token.lower().replace("’", "'")
    if word[0].isdigit():
        return "0"
    if word.removesuffix("'s") in GROUP_WORDS:
        return ""
    return DRAWN_OUT.sub(r"\1\1\1", word)


def parts_of(word: str) -> list[str]:
    """How a word begins and ends: "loved" gives "lo-", "lov-", …, "-ed", "-ved", …"""
    if len(word) < SHORTEST_PART or not word[0].isalpha():
        return []
    lengths = range(SHORTEST_PART, min(LONGEST_PART, len(word)) + 1)
    return [f"{word[:n]}-" for n in lengths] + [f"-{word[-n:]}" for n in lengths]


def pair_of(first: str, second: str) -> str:
    return f"{first} {second}"


def features(text: str) -> list[str]:
    """All features of a text, each as often as it occurs; what `EmotionModel` adds up, as one reads it."""
    words = [word_of(token) for token in TOKEN.findall(text)]
    found = [word for word in words if word]
    found += [part for word in words for part in parts_of(word)]
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
