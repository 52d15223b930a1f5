"""The exchanges of conversations, what a user said and what the assistant replied; and their prompts."""

import numpy as np

from pipeline.deduplicate.hashed_words import ASSISTANT, USER, HashedWords, starts
from pipeline.rows.splitmix import chained, mix

LEAST_REPLY_WORDS = 5
"""Shorter replies are common property ("yes, please do that"), whatever they reply to."""

LEAST_PROMPT_WORDS = 5
"""Shorter prompts are greetings and the like."""


SUBSTANTIAL_SHARE = 0.25
"""An exchange of less of its conversation's words is how one ends ("That will be all, thank you."), not what it
is about: of 254 dialogues that shared one with a held-out dialogue, 40 were read, and all shared no more than that."""


def marked_exchanges(hashed: HashedWords, least_words: int) -> tuple[np.ndarray, np.ndarray]:
    """exchange_hashes, of which the lowest bit is not the hash's: it says whether the exchange holds SUBSTANTIAL_SHARE
    of the words of its conversation."""
    rows, hashes, words = _exchanges(hashed.plain, least_words, LEAST_REPLY_WORDS)
    whole = np.bincount(hashed.row_of_turns(), hashed.plain.turns, len(hashed.rows))
    return rows, hashes & ~1 | (words >= SUBSTANTIAL_SHARE * whole[rows])


def exchange_hashes(
    hashed: HashedWords, least_words: int, least_reply_words: int = LEAST_REPLY_WORDS
) -> tuple[np.ndarray, np.ndarray]:
    """(rows, hashes): a 64-bit hash (int64) for each user turn with the assistant turn after it.

    rows: the conversation of each. Case, punctuation and white space do not count. Exchanges below
    `least_words` words, both sides together, or with a reply below `least_reply_words` are left out:
    greetings and thanks recur in conversations that have nothing else in common.
    """
    return _exchanges(hashed.plain, least_words, least_reply_words)[:2]


def _exchanges(
    hashed: HashedWords, least_words: int, least_reply_words: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rows, hashes, words)"""
    whole = turn_hashes(hashed)
    row = hashed.row_of_turns()
    asked, replied = hashed.turns[:-1], hashed.turns[1:]
    places = np.flatnonzero(
        (row[:-1] == row[1:])
        & (hashed.roles[:-1] == USER)
        & (hashed.roles[1:] == ASSISTANT)
        & (replied >= least_reply_words)
        & (asked + replied >= least_words)
    )
    hashes = chained(whole[places], whole[places + 1]).view(np.int64)
    return row[places], hashes, hashed.turns[places] + hashed.turns[places + 1]


def prompt_hashes(hashed: HashedWords) -> tuple[np.ndarray, np.ndarray]:
    """(hashes, words): a 64-bit hash (int64) of each conversation's prompt, and its length.

    The prompt is the first user turn of LEAST_PROMPT_WORDS words or more, as many conversations open with one and
    the same greeting; where there is none, the first user turn. Case, punctuation, white space and system turns do not
    count, symbols do. Without a user turn, or with one that has no words, the length is 0.
    """
    asked = np.flatnonzero(hashed.roles == USER)
    row, short = hashed.row_of_turns()[asked], hashed.turns[asked] < LEAST_PROMPT_WORDS
    asked = asked[np.lexsort((asked, short, row))]
    there, first = np.unique(row, return_index=True)
    hashes, words = np.zeros(len(hashed.rows), np.int64), np.zeros(len(hashed.rows), np.int64)
    hashes[there] = turn_hashes(hashed)[asked[first]].view(np.int64)
    words[there] = hashed.turns[asked[first]]
    return hashes, words


def turn_hashes(hashed: HashedWords) -> np.ndarray:
    """uint64 hash of the words of each turn, in order: the sum of mix(word, position) modulo 2^64."""
    first = starts(hashed.turns)
    position = (np.arange(len(hashed.words)) - np.repeat(first[:-1], hashed.turns)).astype(np.uint64)
    with np.errstate(over="ignore"):
        ends = np.concatenate([[np.uint64(0)], np.cumsum(mix(position << np.uint64(32) | hashed.words))])
        return mix(ends[first[1:]] - ends[first[:-1]] + hashed.turns.astype(np.uint64))
