"""Conversations as sets of shingles: the elements whose Jaccard similarity makes a near duplicate."""

from dataclasses import dataclass

import numpy as np

from pipeline.deduplicate.hashed_words import ASSISTANT, HashedWords, ngrams, starts

SHORT_WORDS = 100
"""Up to this many words a conversation is compared by single words and pairs of words, above it by
triples. One changed word costs 3 of about 2n shingles among words and pairs, and 3 of n among
triples: a conversation of 15 words survives a changed word at a Jaccard similarity of 0.8, and long
documents that merely share their vocabulary stay apart."""

SHORT_SIZES, LONG_SIZES = (1, 2), (3,)


@dataclass(frozen=True)
class Sets:
    """Sets of 48-bit shingles, one a conversation; the lowest bit of a shingle is 1 in a reply.

    values: uint64, sorted inside a set, without repetition when made so. bounds: int64, n + 1 offsets.
    """

    values: np.ndarray
    bounds: np.ndarray

    def of(self, row: int) -> np.ndarray:
        """The set of one conversation."""
        return self.values[self.bounds[row] : self.bounds[row + 1]]


def shingle_sets(hashed: HashedWords, sizes: tuple[int, ...], unique: bool = True) -> Sets:
    """The shingles of each conversation.

    Shingles do not cross turns and carry the role, so swapping prompt and reply is not a duplicate. A
    turn with fewer words than the smallest size is one shingle. unique: without repetition, as the
    similarity needs them and a signature does not.
    """
    hashed = hashed.plain
    turn = hashed.turn_of_words()
    row_of_turn = hashed.row_of_turns()
    values, rows = [], []
    for size in sizes:
        hashes = ngrams(hashed.words, size)
        inside = turn[: len(hashes)] == turn[size - 1 :] if len(hashes) else np.zeros(0, bool)
        values.append(_with_role(hashes[inside], hashed.roles[turn[: len(hashes)][inside]]))
        rows.append(row_of_turn[turn[: len(hashes)][inside]])
    for length in range(1, min(sizes)):
        short = np.flatnonzero(hashed.turns == length)
        first = starts(hashed.turns)[short]
        whole = ngrams(hashed.words, length)
        values.append(_with_role(whole[first], hashed.roles[short]))
        rows.append(row_of_turn[short])
    value, row = np.concatenate(values), np.concatenate(rows)
    count = len(hashed.rows)
    if not unique:
        order = np.argsort(row, kind="stable")
        return Sets(value[order], starts(np.bincount(row, minlength=count)))
    order = np.lexsort((value, row))
    value, row = value[order], row[order]
    new = np.ones(len(value), bool)
    new[1:] = (value[1:] != value[:-1]) | (row[1:] != row[:-1])
    return Sets(value[new], starts(np.bincount(row[new], minlength=count)))


def _with_role(hashes: np.ndarray, roles: np.ndarray) -> np.ndarray:
    return (hashes >> np.uint64(17) << np.uint64(1)) | (roles == ASSISTANT).astype(np.uint64)
