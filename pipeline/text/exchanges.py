"""The exchanges of a conversation: what a user said and what the assistant replied."""

from collections.abc import Iterable
from itertools import pairwise

import xxhash

from pipeline.text.shingles import Turn, words_of

LEAST_REPLY_WORDS = 5
"""Shorter replies are common property ("yes, please do that"), whatever they reply to."""


def exchanges_of(turns: Iterable[Turn], least_words: int) -> list[str]:
    """A 128-bit hash (hex) for each user turn with the assistant turn after it.

    Case, punctuation and white space do not count. Exchanges below `least_words` words, both sides
    together, or with a reply below LEAST_REPLY_WORDS are left out: greetings and thanks recur in
    conversations that have nothing else in common.
    """
    spoken = [(role, words_of(content)) for role, content in turns if role != "system"]
    found = []
    for (asker, prompt), (answerer, reply) in pairwise(spoken):
        if (asker, answerer) != ("user", "assistant"):
            continue
        if len(reply) >= LEAST_REPLY_WORDS and len(prompt) + len(reply) >= least_words:
            text = " ".join(prompt) + "\n" + " ".join(reply)
            found.append(xxhash.xxh3_128_hexdigest(text.encode()))
    return found
