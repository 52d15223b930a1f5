"""How alike two conversations are: the Jaccard similarity of their shingles, on the whole and on each side."""

from dataclasses import dataclass, field

import numpy as np

from pipeline.deduplicate.differences import Words, fixed_of
from pipeline.deduplicate.hashed_words import HashedWords, starts
from pipeline.deduplicate.shingles import LONG_SIZES, SHORT_SIZES, SHORT_WORDS, Sets, shingle_sets

PAIRS_AT_ONCE = 1 << 14


@dataclass
class Compared:
    """Conversations ready to be compared: their words, and each kind of shingles for those that need it.

    Conversations within a factor `threshold` of SHORT_WORDS have both kinds: lengths further apart than
    that cannot reach a Jaccard similarity of `threshold`. The others' sets are empty.
    """

    hashed: HashedWords
    threshold: float
    short: Sets = field(init=False)
    long: Sets = field(init=False)

    def __post_init__(self) -> None:
        words = self.hashed.plain.row_words
        self.short = shingle_sets(only(self.hashed, words <= SHORT_WORDS / self.threshold), SHORT_SIZES)
        self.long = shingle_sets(only(self.hashed, words >= SHORT_WORDS * self.threshold), LONG_SIZES)
        self.words = words
        self.fixed = fixed_of(self.hashed)
        self._word_ends = starts(self.hashed.turns)
        self._turn_ends = starts(self.hashed.rows)

    def side(self, row: int, role: int) -> Words:
        """The words and symbols of one conversation's prompts, or of its replies, one turn after the other."""
        first, last = self._turn_ends[row], self._turn_ends[row + 1]
        places = [
            np.arange(self._word_ends[turn], self._word_ends[turn + 1])
            for turn in range(first, last)
            if self.hashed.roles[turn] == role
        ]
        there = np.concatenate(places) if places else np.empty(0, np.int64)
        return Words(self.hashed.words[there], self.hashed.traits[there])


def similarities(
    a: Compared, rows_a: np.ndarray, b: Compared, rows_b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Jaccard similarity of each pair of conversations: of all, of the prompts alone, of the replies alone.

    Compared as the shorter of the two is compared. Two conversations without any words on one side are
    equal there, and (0, …) on the whole when they have no words at all.
    """
    whole, prompt, reply = (np.zeros(len(rows_a)) for _ in range(3))
    short = np.minimum(a.words[rows_a], b.words[rows_b]) <= SHORT_WORDS
    for pairs, sets_a, sets_b in ((np.flatnonzero(short), a.short, b.short), (np.flatnonzero(~short), a.long, b.long)):
        for start in range(0, len(pairs), PAIRS_AT_ONCE):
            part = pairs[start : start + PAIRS_AT_ONCE]
            whole[part], prompt[part], reply[part] = _jaccards(sets_a, rows_a[part], sets_b, rows_b[part])
    return whole, prompt, reply


def _jaccards(a: Sets, rows_a: np.ndarray, b: Sets, rows_b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values_a, pair_a = _values(a, rows_a)
    values_b, pair_b = _values(b, rows_b)
    both = np.concatenate([values_a, values_b])
    both |= np.concatenate([pair_a, pair_b]).astype(np.uint64) << np.uint64(48)
    both.sort()
    shared = both[1:][both[1:] == both[:-1]]
    sides = []
    count = len(rows_a)
    for side in (0, 1):
        common = _count(shared >> np.uint64(48), shared, side, count)
        total = _count(pair_a, values_a, side, count) + _count(pair_b, values_b, side, count) - common
        sides.append((common, total))
    (prompt, prompts), (reply, replies) = sides
    some = np.maximum(prompts + replies, 1)
    return (prompt + reply) / some, _share(prompt, prompts), _share(reply, replies)


def _share(common: np.ndarray, total: np.ndarray) -> np.ndarray:
    return np.where(total == 0, 1.0, common / np.maximum(total, 1))


def _values(sets: Sets, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The shingles of these rows, one row after the other, and the place of the row that each belongs to."""
    sizes = sets.bounds[rows + 1] - sets.bounds[rows]
    place = np.repeat(np.arange(len(rows)), sizes)
    within = np.arange(len(place)) - np.repeat(starts(sizes)[:-1], sizes)
    return sets.values[sets.bounds[rows][place] + within], place


def _count(places: np.ndarray, values: np.ndarray, side: int, count: int) -> np.ndarray:
    return np.bincount(places[(values & np.uint64(1)) == side].astype(np.int64), minlength=count)


def only(hashed: HashedWords, wanted: np.ndarray) -> HashedWords:
    """The same conversations, those not wanted without any words."""
    return hashed.where(np.repeat(wanted[hashed.row_of_turns()], hashed.turns))
