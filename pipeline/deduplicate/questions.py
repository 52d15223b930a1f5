"""Whether two prompts ask the same: in a short question every word that names something is the question."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from pipeline.deduplicate.differences import LETTER, Word, Words, joined, letters_of, names, same_word, sides
from pipeline.deduplicate.hashed_words import FUNCTIONAL, KIND, LENGTH, LETTERS, LINE, LOWER_LETTERS, OPPOSITE

MOST_WORDS = 25
"""A line of more words is a text, in which a word more or less is an edit."""
HIDING = 4
"""A question is hidden where the row has so many times its words or more: a passage or a reply then makes two rows
alike whatever is asked. In a shorter row the similarity of the whole sees a word of the question.
"""


def same_question(a: Words, b: Words, words: int) -> bool:
    """Whether the short lines of two prompts name the same things, or are not hidden by what the rows share.

    A line is a turn's first, its last, or all that stands between them. Two prompts ask the same when every word of one
    that names something (see names) is in the other, misspelt or in another form perhaps, and no other word stands for
    its opposite there. Prompts in which long lines stand beside other numbers of short ones are not compared: their
    lines were broken anew. words: of the shorter of the two rows, with their replies.
    """
    if np.array_equal(a.words, b.words):
        return True
    asked_a, asked_b = _Asked.by(a), _Asked.by(b)
    if asked_a.long != asked_b.long or (asked_a.long and asked_a.short != asked_b.short):
        return True
    if HIDING * max(asked_a.size, asked_b.size) > words:
        return True
    only_a, only_b = (
        [(word, traits) for word, traits in ours.words.items() if word not in theirs.words]
        for ours, theirs in ((asked_a, asked_b), (asked_b, asked_a))
    )
    sides_a, sides_b = sides(only_a), sides(only_b)
    if any(sides_a[line] != sides_b[line] for line in sides_a.keys() & sides_b.keys()):
        return False
    return (_is_told(only_a, only_b) and _is_told(only_b, only_a)) or joined(only_a, only_b)


class _Asked(NamedTuple):
    """The words of a prompt's short lines with their traits, how many words these lines have, and the numbers of short
    and of long lines.
    """

    words: dict[int, int]
    size: int
    short: int
    long: int

    @classmethod
    def by(cls, prompt: Words) -> "_Asked":
        """Of one prompt."""
        bounds = np.append(np.flatnonzero(prompt.traits & LINE), len(prompt.words)).tolist()
        lines = [prompt.part(begin, end) for begin, end in pairwise(bounds)]
        short = [line for line in lines if len(line.words) <= MOST_WORDS]
        words: dict[int, int] = {}
        for line in short:
            words.update(zip(line.words.tolist(), line.traits.tolist(), strict=True))
        return cls(words, sum(len(line.words) for line in short), len(short), len(lines) - len(short))


def _is_told(ours: list[Word], theirs: list[Word]) -> bool:
    """Whether each word of ours that names something is one of theirs, or a small one of theirs misspelt."""
    return all(
        any(same_word(traits, those) if names(those) else _misspelt(traits, those) for _, those in theirs)
        for _, traits in ours
        if names(traits)
    )


def _misspelt(word: int, small: int) -> bool:
    """Whether a word has the letters of a small one, or one letter more or less."""
    if small & KIND not in (FUNCTIONAL, OPPOSITE):
        return False
    longer = (word >> LENGTH) - (small >> LENGTH)
    letters = LOWER_LETTERS if OPPOSITE in (word & KIND, small & KIND) else LETTERS
    more = letters_of(word) - letters_of(small) & letters
    return longer == 0 == more or (abs(longer) == 1 and (more if longer > 0 else -more & letters) in LETTER[letters])
