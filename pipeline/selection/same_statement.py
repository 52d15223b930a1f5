"""Whether two conversations that lie near each other say the same: what a cosine cannot tell.

Encoders put a text beside its negation, and beside the same text with another number, name or thing (cosines of 0.95
and more). So what tells near duplicates apart (pipeline/deduplicate/differences.py) tells these apart as well, here
without regard to where in the text it stands.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.deduplicate.differences import Word, Words, fixed_of, joined, names, same_word, sides, tells_apart
from pipeline.deduplicate.hashed_words import CAPITAL, KIND, PERSON, HashedWords, starts
from pipeline.rows.turns import Turn

SIDES = (0, 1)
"""Prompts and replies, as HashedWords.roles has them."""

MORE = 5
"""One side may have a thing more for every MORE that the other one says: a detail of many."""


class Statements:
    """What N conversations say, ready to be compared."""

    def __init__(self, conversations: Sequence[Sequence[Turn]]) -> None:
        self._hashed = HashedWords.of(conversations)
        self._fixed = fixed_of(self._hashed)
        self._asks = ["?" in "".join(said for role, said in turns if role == "assistant") for turns in conversations]
        self._word_ends, self._turn_ends = starts(self._hashed.turns), starts(self._hashed.rows)

    def same(self, a: int, b: int) -> bool:
        """Whether two of them say the same, in prompts and in replies: the same numbers and signs in order, as many
        negations, the same people and names, no word in the place of its opposite, no thing where the other has
        another one, few things that the other lacks, and all in an order that means the same (see tells_apart); and
        replies that both ask something, or neither does (prompts may ask by a question or by a request)."""
        if self._asks[a] != self._asks[b] or not np.array_equal(self._fixed[a], self._fixed[b]):
            return False
        return all(_same(self._side(a, role), self._side(b, role)) for role in SIDES)

    def _side(self, row: int, role: int) -> Words:
        turns = range(self._turn_ends[row], self._turn_ends[row + 1])
        places = [
            np.arange(self._word_ends[turn], self._word_ends[turn + 1])
            for turn in turns
            if self._hashed.roles[turn] == role
        ]
        there = np.concatenate(places) if places else np.empty(0, np.int64)
        return Words(self._hashed.words[there], self._hashed.traits[there])


def _same(a: Words, b: Words) -> bool:
    if np.array_equal(a.words, b.words):
        return True
    said_a, said_b = (dict(zip(text.words.tolist(), text.traits.tolist(), strict=True)) for text in (a, b))
    only_a, only_b = (
        [(word, traits) for word, traits in ours.items() if word not in theirs]
        for ours, theirs in ((said_a, said_b), (said_b, said_a))
    )
    sides_a, sides_b = sides(only_a), sides(only_b)
    if any(sides_a[line] != sides_b[line] for line in sides_a.keys() & sides_b.keys()):
        return False
    more_a, more_b = _more(only_a, list(said_b.items())), _more(only_b, list(said_a.items()))
    if more_a and more_b and not joined(more_a, more_b):
        return False
    if any(traits & CAPITAL or traits & KIND == PERSON for _, traits in (*more_a, *more_b)):
        return False
    least = min(sum(map(names, said.values())) for said in (said_a, said_b))
    return MORE * max(len(more_a), len(more_b)) <= least and not tells_apart(a, b)


def _more(ours: Sequence[Word], theirs: Sequence[Word]) -> list[Word]:
    """The words of ours that name something which theirs do not, misspelt or in another form."""
    return [
        (word, traits)
        for word, traits in ours
        if names(traits) and not any(same_word(traits, other) for _, other in theirs)
    ]
