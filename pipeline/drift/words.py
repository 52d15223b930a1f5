"""The words of conversations, each once a conversation."""

from collections import Counter
from typing import Any

import numpy as np
import regex

from pipeline.audit.associations import COMMON

WORD = regex.compile(r"[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)?")
PLACEHOLDER = regex.compile(r"<[A-Z_]+_\d+>")
LEAST_ROWS = 5
"""Conversations with a word, of both corpora, below which it counts as rare."""
MOST_WORDS = 20_000
RARE = ""
SHOWN_ROWS = 20
"""Conversations with a word below which it is not shown: what few people say is theirs."""


def held(messages: list[list[dict[str, str]]]) -> tuple[Any, list[str]]:
    """[N, V], which of the words (the second) each conversation has, as scipy's CSR; the first stands for all rare
    ones."""
    from scipy.sparse import csr_array

    sets = [{word.lower() for word in _words(turns)} for turns in messages]
    rows = Counter(word for words in sets for word in words)
    vocabulary = [RARE, *sorted(word for word, n in rows.most_common(MOST_WORDS) if n >= LEAST_ROWS)]
    number = {word: at for at, word in enumerate(vocabulary)}
    columns = [sorted({number.get(word, 0) for word in words}) for words in sets]
    ends = np.cumsum([0, *map(len, columns)])
    flat = np.array([column for row in columns for column in row], np.int64)
    shape = (len(sets), len(vocabulary))
    return csr_array((np.ones(len(flat), np.float32), flat, ends), shape=shape), vocabulary


def is_shown(word: str, rows: int) -> bool:
    """Whether a word tells something, and is said in enough conversations to be nobody's own."""
    return rows >= SHOWN_ROWS and word != RARE and word not in COMMON


def _words(turns: list[dict[str, str]]) -> list[str]:
    return [word for turn in turns for word in WORD.findall(PLACEHOLDER.sub(" ", turn["content"]))]
