"""How alike two conversations are, and whether one of them is enough."""

from dataclasses import dataclass, field

import numpy as np

from pipeline.deduplicate.hashed_words import ASSISTANT, USER, Spoken, grams, starts
from pipeline.deduplicate.shingles import LONG_SIZES, SHORT_SIZES, SHORT_WORDS, Sets, shingle_sets

PAIRS_AT_ONCE = 1 << 14
FEW_WORDS = 2
"""So many words may differ in the part that was changed, however short that part is: a typing error, a name."""


@dataclass
class Compared:
    """Conversations ready to be compared: their words, and each kind of shingles for those that need it.

    Conversations within a factor `threshold` of SHORT_WORDS have both kinds: lengths further apart than
    that cannot reach a Jaccard similarity of `threshold`. The others' sets are empty.
    """

    spoken: Spoken
    threshold: float
    short: Sets = field(init=False)
    long: Sets = field(init=False)

    def __post_init__(self) -> None:
        words = self.spoken.row_words
        self.short = shingle_sets(only(self.spoken, words <= SHORT_WORDS / self.threshold), SHORT_SIZES)
        self.long = shingle_sets(only(self.spoken, words >= SHORT_WORDS * self.threshold), LONG_SIZES)
        self.words = words
        self._word_ends = starts(self.spoken.turns)
        self._turn_ends = starts(self.spoken.rows)

    def side(self, row: int, role: int) -> np.ndarray:
        """The words of one conversation's prompts, or of its replies, one turn after the other."""
        first, last = self._turn_ends[row], self._turn_ends[row + 1]
        pieces = [
            self.spoken.words[self._word_ends[turn] : self._word_ends[turn + 1]]
            for turn in range(first, last)
            if self.spoken.roles[turn] == role
        ]
        return np.concatenate(pieces) if pieces else np.empty(0, np.uint32)


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
    found = []
    count = len(rows_a)
    for side in (0, 1):
        common = _count(shared >> np.uint64(48), shared, side, count)
        total = _count(pair_a, values_a, side, count) + _count(pair_b, values_b, side, count) - common
        found.append((common, total))
    (prompt, prompts), (reply, replies) = found
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


def same_but_for_an_edit(a: np.ndarray, b: np.ndarray, least: float) -> bool:
    """Whether two texts differ by an edit, and not by a passage of another content.

    a, b: word hashes. The changed part is what is left of each between their common beginning and their
    common end. It is an edit when it only adds or removes words, when at most FEW_WORDS words of
    each are not in the other, or when the Jaccard similarity of its words and pairs of words is `least`
    or more. So two questions about one long passage differ, however long the passage.
    """
    length = min(len(a), len(b))
    differ = np.flatnonzero(a[:length] != b[:length])
    begin = int(differ[0]) if len(differ) else length
    differ = np.flatnonzero(a[len(a) - length + begin :][::-1] != b[len(b) - length + begin :][::-1])
    end = int(differ[0]) if len(differ) else length - begin
    a, b = a[begin : len(a) - end], b[begin : len(b) - end]
    if not len(a) or not len(b):
        return True
    only_a, only_b = len(np.setdiff1d(a, b)), len(np.setdiff1d(b, a))
    if max(only_a, only_b) <= FEW_WORDS or min(only_a, only_b) == 0:
        return True
    x, y = (np.unique(np.concatenate([part, grams(part, 2)])) for part in (a, b))
    common = len(np.intersect1d(x, y, assume_unique=True))
    return common >= least * (len(x) + len(y) - common)


def duplicates(
    a: Compared, rows_a: np.ndarray, b: Compared, rows_b: np.ndarray, jaccard: float, side_jaccard: float
) -> tuple[np.ndarray, np.ndarray]:
    """(similarity, duplicate) of each pair.

    A duplicate has a Jaccard similarity of `jaccard` on the whole, of `side_jaccard` on its prompts and on
    its replies, what was changed in each of the two is an edit (see same_but_for_an_edit), and no word was
    changed into another in the prompt and in the reply alike.
    """
    whole, prompt, reply = similarities(a, rows_a, b, rows_b)
    whole = np.round(whole, 4)
    found = (whole >= jaccard) & (prompt >= side_jaccard) & (reply >= side_jaccard)
    for pair in np.flatnonzero(found):
        found[pair] = all(
            same_but_for_an_edit(a.side(rows_a[pair], role), b.side(rows_b[pair], role), side_jaccard)
            for role in (USER, ASSISTANT)
        ) and not _other_subject(a, rows_a[pair], b, rows_b[pair])
    return whole, found


def _other_subject(a: Compared, row_a: int, b: Compared, row_b: int) -> bool:
    """Whether prompt and reply have exchanged the same words for others: a template about another subject."""
    asked_a, asked_b, said_a, said_b = (
        c.side(r, role) for role in (USER, ASSISTANT) for c, r in ((a, row_a), (b, row_b))
    )
    return bool(
        len(np.intersect1d(np.setdiff1d(asked_a, asked_b), np.setdiff1d(said_a, said_b)))
        and len(np.intersect1d(np.setdiff1d(asked_b, asked_a), np.setdiff1d(said_b, said_a)))
    )


def only(spoken: Spoken, wanted: np.ndarray) -> Spoken:
    """The same conversations, those not wanted without any words."""
    turns = wanted[spoken.row_of_turns()]
    kept = np.repeat(turns, spoken.turns)
    return Spoken(spoken.words[kept], np.where(turns, spoken.turns, 0), spoken.roles, spoken.rows)
