"""How much of a text repeats itself."""

from collections import Counter
from collections.abc import Hashable, Sequence

from pipeline.clean.scores.layout import unaccounted

WORDS = 3
LEAST = 10
LONG_WORD = 40
"""Longer on average than this, "words" are a script without spaces or one endless word: count characters."""
FREE = 2
"""How often something may be said. A list of questions, or a paragraph that a page shows twice, is no loop."""
NOTICED = 0.3


def repetition(text: str, words: Sequence[Hashable] | None = None) -> float:
    """Share of word 3-grams that have occurred at least twice before in the text, 0 to 1; 0 below 10 words.

    After the repetition rules of Rae et al. 2021, "Scaling Language Models" (Gopher), appendix A1.1, which count from
    the second occurrence on. Text without spaces is measured in characters.
    words: the text's words, or what stands for them, when they are known already.
    """
    units = text.split() if words is None else words
    if len(text) > LONG_WORD * len(units):
        units = text
    if len(units) < LEAST or len(set(units)) == len(units):
        return 0.0
    total = len(units) - WORDS + 1
    distinct = len(set(zip(units, units[1:], units[2:], strict=False)))
    if total == distinct:
        return 0.0
    counts = Counter(zip(units, units[1:], units[2:], strict=False))
    return round(sum(count - FREE for count in counts.values() if count > FREE) / total, 4)


def reply_repetition(prompt: str, reply: str, words: Sequence[Hashable]) -> float:
    """The repetition of a reply that neither its layout nor its prompt accounts for (see layout)."""
    found = repetition(reply, words)
    if found < NOTICED:
        return found
    rest = unaccounted("repetition", prompt, reply)
    return round(repetition(rest) * len(rest) / len(reply), 4) if rest else 0.0
