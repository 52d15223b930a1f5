"""How much of a text repeats itself."""

from collections.abc import Hashable, Sequence

WORDS = 3
LEAST = 10
LONG_WORD = 40
"""Longer on average than this, "words" are a script without spaces or one endless word: count characters."""


def repetition(text: str, words: Sequence[Hashable] | None = None) -> float:
    """Share of word 3-grams that occurred earlier in the text, 0 to 1; 0 below 10 words.

    After the repetition rules of Rae et al. 2021, "Scaling Language Models" (Gopher), appendix A1.1,
    as one number: (3-grams - distinct 3-grams) / 3-grams. Text without spaces is measured in characters.
    words: the text's words, or what stands for them, when they are known already.
    """
    units = text.split() if words is None else words
    if len(text) > LONG_WORD * len(units):
        units = text
    if len(units) < LEAST or len(set(units)) == len(units):
        return 0.0
    total = len(units) - WORDS + 1
    distinct = len(set(zip(units, units[1:], units[2:], strict=False)))
    return round((total - distinct) / total, 4)
