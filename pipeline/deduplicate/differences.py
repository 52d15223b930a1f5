"""What tells two texts apart however alike they are: a number, a sign, a negation, an opposite, a name, an order."""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

import numpy as np

from pipeline.deduplicate.hashed_words import (
    CAPITAL,
    DETAIL,
    FIRST_LETTER,
    FUNCTIONAL,
    KIND,
    LENGTH,
    LETTERS,
    LINE,
    LOWER,
    LOWER_LETTERS,
    NEGATION,
    NUMBER,
    OPPOSITE,
    ORDINARY,
    PERSON,
    SIDE,
    SYMBOLIC,
    HashedWords,
    sum_of,
)
from pipeline.deduplicate.telling_words import SET_OF_SIDE, SMALL
from pipeline.rows.splitmix import mix

LEAST_LETTERS, LEAST_LETTERS_OF_NAMES = 3, 4
"""Shorter words are not recognised when they are misspelt: Jon and Jan are two people."""
LONG = 6
"""Words of so many letters are recognised, too, with one vowel for another (seperate) or their first two exchanged."""

SCRIPTS = ((0x61, 0x7B), (0xDF, 0x100), (0x3B1, 0x3CA), (0x430, 0x460))
"""Small letters of Latin, without and with accents, of Greek and of Cyrillic."""
LETTER = {
    LETTERS: {sum_of(chr(code)) for script in SCRIPTS for code in range(*script)},
    LOWER_LETTERS: {sum_of(chr(code)) & LOWER_LETTERS for code in range(*SCRIPTS[0])},
}
"""The sums of single letters, whole and their lower bits."""
VOWELS = {sum_of(a) - sum_of(b) & LETTERS for a in "aeiouy" for b in "aeiouy" if a != b}
ENDINGS = (
    ("", "s", "es", "d", "ed", "ing", "ly", "'"),
    ("e", "es", "ed", "ing", "ely"),
    ("y", "ies", "ied", "ying", "ily"),
    *(("", f"{letter}ing", f"{letter}ed", "s") for letter in "bdgklmnprtv"),
)
"""Of forms of one word in English: a word of one ending in the place of a word of another of the line is an edit."""
INFLECTIONS = {
    (len(a) - len(b), sum_of(a) - sum_of(b) & LETTERS) for line in ENDINGS for a in line for b in line if a != b
}


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
        np.add.at(found, side, mix(place << np.uint64(32) | (value & ~np.uint64(CAPITAL | LINE))))
    return found.reshape(-1, 2)


def tells_apart(a: Words, b: Words) -> bool:
    """Whether a change from one text to the other makes it another text.

    It does when, in a place that differs, a number, a symbol or a negation was changed, added or removed; when a word
    stands for its opposite, or a word that names something (see names) for another one; and when words have changed
    places with each other. A word that is only added or removed is an edit, and so are a small word for another, a word
    misspelt by a letter or in another form, and a group of words that was moved.
    """
    words_a, words_b = (list(zip(t.words.tolist(), t.traits.tolist(), strict=True)) for t in (a, b))
    hashes_a, hashes_b = a.words.tolist(), b.words.tolist()
    changes = [
        (words_a[begin_a:end_a], words_b[begin_b:end_b])
        for change, begin_a, end_a, begin_b, end_b in SequenceMatcher(None, hashes_a, hashes_b).get_opcodes()
        if change != "equal"
    ]
    removed, added = ([word for change in changes for word in change[side]] for side in (0, 1))
    moved = {word for word, _ in removed} & {word for word, _ in added}
    return any(_another_content(one, other, moved) for one, other in changes) or _exchanged(removed, added)


def _another_content(a: Sequence[Word], b: Sequence[Word], moved: set[int]) -> bool:
    """Whether one of two passages in the same place says what the other does not. moved: words that both texts have in
    places that differ.
    """
    if _fixed(a) != _fixed(b):
        return True
    if not a or not b:
        return False
    sides_a, sides_b = sides(a), sides(b)
    if any(sides_a[line] != sides_b[line] for line in sides_a.keys() & sides_b.keys()):
        return True
    named_a, named_b = ([word for word in words if word[0] not in moved and names(word[1])] for words in (a, b))
    return _has_another(named_a, named_b) and _has_another(named_b, named_a) and not joined(named_a, named_b)


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


def sides(words: Iterable[Word]) -> dict[int, set[int]]:
    """Number of a set of opposites to the sides of it that are there."""
    found: dict[int, set[int]] = {}
    for _, traits in words:
        if traits & KIND == OPPOSITE:
            side = traits >> DETAIL & SIDE
            found.setdefault(SET_OF_SIDE[side], set()).add(side)
    return found


def names(traits: int) -> bool:
    """Whether a word names a thing, a quality, an action or somebody: every word but the small ones."""
    kind = traits & KIND
    if kind == OPPOSITE:
        return bool(traits & CAPITAL) or traits >> LENGTH == 1 or traits >> DETAIL & SIDE not in SMALL
    return kind in (ORDINARY, PERSON)


def _has_another(ours: Sequence[Word], theirs: Sequence[Word]) -> bool:
    """Whether a word of ours is none of theirs, misspelt or in another form."""
    return any(not any(word == other or same_word(traits, those) for other, those in theirs) for word, traits in ours)


def same_word(a: int, b: int) -> bool:
    """Whether two words seem to be one, by their traits: misspelt as by two letters exchanged or one letter left out or
    doubled, a vowel for another, another ending; or both on one side of a set of opposites.

    The order of letters is not known but for the first, so that anagrams pass for misspellings.
    """
    if a & KIND == b & KIND == OPPOSITE:
        return not (a ^ b) >> DETAIL & SIDE
    shorter, longer = min(a >> LENGTH, b >> LENGTH), (a >> LENGTH) - (b >> LENGTH)
    letters = LOWER_LETTERS if OPPOSITE in (a & KIND, b & KIND) else LETTERS
    more = letters_of(a) - letters_of(b) & letters
    if (a ^ b) >> FIRST_LETTER & 31:
        return longer == 0 == more and shorter >= LONG
    named = (a | b) & CAPITAL
    if shorter < (LEAST_LETTERS_OF_NAMES if named else LEAST_LETTERS):
        return False
    if longer == 0 == more:
        return True
    if abs(longer) == 1 and (more if longer > 0 else -more & letters) in LETTER[letters]:
        return True
    vowel = longer == 0 and shorter >= LONG and more in VOWELS
    return not named and (vowel or (longer, more) in INFLECTIONS)


def letters_of(traits: int) -> int:
    """The sum of a word's letters, or its lower bits."""
    return traits >> LOWER & LOWER_LETTERS if traits & KIND == OPPOSITE else traits >> DETAIL & LETTERS


def joined(a: Sequence[Word], b: Sequence[Word]) -> bool:
    """Whether two passages have the same letters: one of them parts a word in two."""
    (long_a, letters_a), (long_b, letters_b) = (
        (sum(traits >> LENGTH for _, traits in words), sum(traits >> DETAIL & LETTERS for _, traits in words))
        for words in (a, b)
    )
    return len(a) != len(b) and long_a == long_b and not letters_a - letters_b & LETTERS


def _exchanged(removed: Sequence[Word], added: Sequence[Word]) -> bool:
    """Whether words that were removed in one place and added in another stand in another order now."""
    moved = {word for word, _ in removed} & {word for word, traits in added if traits & KIND != FUNCTIONAL}
    return len(moved) > 1 and [w for w, _ in removed if w in moved] != [w for w, _ in added if w in moved]
