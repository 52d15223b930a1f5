"""What tells two texts apart however alike they are: a number, a sign, a negation, an opposite, a name, an order."""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

import numpy as np

from pipeline.deduplicate.hashed_words import (
    CAPITAL,
    DETAIL,
    FIRST,
    FUNCTIONAL,
    KIND,
    NEGATION,
    NUMBER,
    OPPOSITE,
    ORDINARY,
    PERSON,
    SYMBOLIC,
    HashedWords,
    letters_of,
)
from pipeline.rows.splitmix import mix

LEAST_LETTERS = 4
"""Shorter names are not recognised when they are misspelt: Jon and Jan are two people."""


PREFIXES = [
    (len(prefix), ord(prefix[0]) % 32, letters_of(prefix)) for prefix in ("un", "in", "im", "il", "ir", "dis", "non")
]
"""Length, first letter and letters of the prefixes that deny a word."""


class Words(NamedTuple):
    """Hashes and traits of consecutive words, see HashedWords."""

    words: np.ndarray
    traits: np.ndarray

    def part(self, begin: int, end: int) -> "Words":
        """The words from one place to before another."""
        return Words(self.words[begin:end], self.traits[begin:end])


Word = tuple[int, int]
"""Hash and traits."""


def fixed_of(hashed: HashedWords) -> np.ndarray:
    """uint64 [conversations, 2 roles]: a hash of the numbers and symbols of each side in order, and of how many
    negations there are. Sides that differ in it are no duplicates, whatever else they have in common.
    """
    kinds = hashed.traits & KIND
    turn = hashed.turn_of_words()
    side = (2 * hashed.row_of_turns() + hashed.roles)[turn]
    negations = np.bincount(side[kinds == NEGATION], minlength=2 * len(hashed.rows)).astype(np.uint64)
    told = np.flatnonzero((kinds == NUMBER) | (kinds == SYMBOLIC))
    told = told[np.argsort(side[told], kind="stable")]
    side = side[told]
    value = np.where(kinds[told] == NUMBER, hashed.traits[told], hashed.words[told]).astype(np.uint64)
    place = (np.arange(len(told)) - np.searchsorted(side, side)).astype(np.uint64)
    found = mix(negations)
    with np.errstate(over="ignore"):
        np.add.at(found, side, mix(place << np.uint64(32) | (value & ~np.uint64(CAPITAL | FIRST))))
    return found.reshape(-1, 2)


def tells_apart(a: Words, b: Words) -> bool:
    """Whether a change from one text to the other makes it another text.

    It does when, in a place that differs, a number, a symbol or a negation was changed, added or removed; when a word
    stands for its opposite or a name for another name; and when words have changed places with each other. A name that
    is only added or removed is an edit, and so is one misspelt by a letter, or a group of words that was moved.
    """
    words_a, words_b = (list(zip(t.words.tolist(), t.traits.tolist(), strict=True)) for t in (a, b))
    hashes_a, hashes_b = a.words.tolist(), b.words.tolist()
    removed: list[Word] = []
    added: list[Word] = []
    for change, begin_a, end_a, begin_b, end_b in SequenceMatcher(None, hashes_a, hashes_b).get_opcodes():
        if change != "equal":
            one, other = words_a[begin_a:end_a], words_b[begin_b:end_b]
            if _another_content(one, other):
                return True
            removed += one
            added += other
    return _exchanged(removed, added)


def _another_content(a: Sequence[Word], b: Sequence[Word]) -> bool:
    """Whether one of two passages in the same place says what the other does not."""
    if _fixed(a) != _fixed(b):
        return True
    if not a or not b:
        return False
    sides_a, sides_b = _sides(a), _sides(b)
    if any(sides_a[line] != sides_b[line] for line in sides_a.keys() & sides_b.keys()):
        return True
    return _another_name(a, b) or any(_negated(one, other) or _negated(other, one) for _, one in a for _, other in b)


def _fixed(words: Iterable[Word]) -> tuple[list[int], int]:
    """Values of the numbers and hashes of the symbols in order, and how many negations there are."""
    values = []
    negations = 0
    for word, traits in words:
        kind = traits & KIND
        if kind == NUMBER:
            values.append(traits >> DETAIL)
        elif kind == SYMBOLIC:
            values.append(word)
        elif kind == NEGATION:
            negations += 1
    return values, negations


def _sides(words: Iterable[Word]) -> dict[int, set[int]]:
    """Number of a set of opposites to the sides of it that are there."""
    found: dict[int, set[int]] = {}
    for _, traits in words:
        if traits & KIND == OPPOSITE:
            found.setdefault(traits >> DETAIL & 0x3FF, set()).add(traits >> DETAIL + 10 & 0x7F)
    return found


def _another_name(a: Sequence[Word], b: Sequence[Word]) -> bool:
    """Whether each of two passages in the same place names what the other does not."""
    initial = _begins_with_a_name(a) and _begins_with_a_name(b)
    return all(
        any(
            not any(word == other or _misspelt(traits, those) for other, those in theirs)
            for word, traits in _names(ours, initial)
        )
        for ours, theirs in ((a, b), (b, a))
    )


def _begins_with_a_name(words: Sequence[Word]) -> bool:
    """At the start of a sentence every word has a capital; if both texts have one there, they may be names."""
    traits = words[0][1]
    return traits & KIND == ORDINARY and traits & (CAPITAL | FIRST) == CAPITAL | FIRST


def _names(words: Sequence[Word], initial: bool) -> list[Word]:
    """The words that name something or say who somebody is. initial: the first word counts too."""
    return [word for place, word in enumerate(words) if _is_name(word[1], initial and not place)]


def _is_name(traits: int, initial: bool) -> bool:
    kind = traits & KIND
    if kind == PERSON:
        return True
    within = (traits & CAPITAL and not traits & FIRST) or (kind == OPPOSITE and traits >> DETAIL + 17)
    return (kind == ORDINARY and bool(within or initial)) or (kind == OPPOSITE and bool(within))


def _misspelt(a: int, b: int) -> bool:
    """Whether two words differ as by two letters exchanged, or one letter left out or doubled.

    By their traits, so that other words with the same letters pass for it, which is rare among words in one place.
    """
    if a & KIND != b & KIND:
        return False
    a, b = a >> DETAIL, b >> DETAIL
    long_a, long_b = a >> 22, b >> 22
    if min(long_a, long_b) < LEAST_LETTERS or a >> 17 & 31 != b >> 17 & 31:
        return False
    letters = ((a ^ b) & 0x1FFFF).bit_count()
    return (letters == 0 and abs(long_a - long_b) <= 1) or (letters == 1 and abs(long_a - long_b) == 1)


def _negated(a: int, b: int) -> bool:
    """Whether the second of two words seems to be the first with a prefix that denies it. By their traits."""
    if a & KIND != ORDINARY or b & KIND != ORDINARY:
        return False
    a, b = a >> DETAIL, b >> DETAIL
    return a >> 22 >= LEAST_LETTERS and any(
        (b >> 22) - (a >> 22) == length and b >> 17 & 31 == first and b & 0x1FFFF == a & 0x1FFFF | letters
        for length, first, letters in PREFIXES
    )


def _exchanged(removed: Sequence[Word], added: Sequence[Word]) -> bool:
    """Whether words that were removed in one place and added in another stand in another order now."""
    moved = {word for word, _ in removed} & {word for word, traits in added if traits & KIND != FUNCTIONAL}
    return len(moved) > 1 and [w for w, _ in removed if w in moved] != [w for w, _ in added if w in moved]
