"""The words of many conversations as arrays of hashes: what duplicates are found by."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import regex
import xxhash

from pipeline.rows.splitmix import chained
from pipeline.rows.turns import Turn

# Scripts written without spaces give one word a character.
_WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*|[\p{L}\p{N}][\p{L}\p{M}\p{N}_'’]*"
)
_ASCII_WORD = re.compile(r"[a-z0-9][a-z0-9_']*")

USER, ASSISTANT = 0, 1

COLUMNS = {"words": pa.list_(pa.uint32()), "turns": pa.list_(pa.int32()), "roles": pa.list_(pa.int8())}
"""Arrow columns of HashedWords: word hashes, words a turn and role of each turn (0 user, 1 assistant)."""


def words_of(text: str) -> list[str]:
    """Words in lower case, without punctuation."""
    folded = text.casefold()
    return (_ASCII_WORD if folded.isascii() else _WORD).findall(folded)


class WordHashes(dict[str, int]):
    """Word to its 32-bit hash (XXH32), computed once."""

    def __missing__(self, word: str) -> int:
        found = self[word] = xxhash.xxh32_intdigest(word.encode("utf-8", "surrogatepass"))
        return found


@dataclass(frozen=True)
class HashedWords:
    """Conversations without their system turns, one after the other.

    words: uint32 hashes of all words. turns: int64 words of each turn. roles: int8 of each turn.
    rows: int64 turns of each conversation.
    """

    words: np.ndarray
    turns: np.ndarray
    roles: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, conversations: Sequence[Sequence[Turn]], known: WordHashes | None = None) -> "HashedWords":
        """From (role, content) turns; a role other than assistant and system is the user's."""
        known = WordHashes() if known is None else known
        words: list[str] = []
        turns: list[int] = []
        roles: list[int] = []
        rows: list[int] = []
        for conversation in conversations:
            dialogue = [(role, content) for role, content in conversation if role != "system"]
            for role, content in dialogue:
                found = words_of(content)
                words += found
                turns.append(len(found))
                roles.append(ASSISTANT if role == "assistant" else USER)
            rows.append(len(dialogue))
        hashes = np.fromiter(map(known.__getitem__, words), np.uint32, len(words))
        return cls(hashes, np.array(turns, np.int64), np.array(roles, np.int8), np.array(rows, np.int64))

    @classmethod
    def from_arrow(cls, batch: pa.RecordBatch | pa.Table) -> "HashedWords":
        """From the columns of COLUMNS."""
        flat = {}
        for name in COLUMNS:
            column = batch[name]
            column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
            flat[name] = column.flatten().to_numpy(zero_copy_only=False)
        lengths = column.value_lengths().to_numpy(zero_copy_only=False)
        return cls(flat["words"], flat["turns"].astype(np.int64), flat["roles"], lengths.astype(np.int64))

    def to_arrow(self) -> dict[str, pa.Array]:
        """The columns of COLUMNS."""
        turn_ends = starts(self.rows)
        word_ends = starts(self.turns)[turn_ends]
        values = {"words": self.words, "turns": self.turns.astype(np.int32), "roles": self.roles}
        offsets = {"words": word_ends, "turns": turn_ends, "roles": turn_ends}
        return {
            name: pa.ListArray.from_arrays(pa.array(offsets[name], pa.int32()), pa.array(values[name], kind.value_type))
            for name, kind in COLUMNS.items()
        }

    @property
    def row_words(self) -> np.ndarray:
        """Words of each conversation."""
        ends = starts(self.turns)[starts(self.rows)]
        return np.diff(ends)

    def turn_of_words(self) -> np.ndarray:
        """The number of the turn that each word is in."""
        return np.repeat(np.arange(len(self.turns)), self.turns)

    def row_of_turns(self) -> np.ndarray:
        """The number of the conversation that each turn is in."""
        return np.repeat(np.arange(len(self.rows)), self.rows)


def starts(lengths: np.ndarray) -> np.ndarray:
    """Offsets of consecutive pieces of these lengths, and the end of the last."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def ngrams(words: np.ndarray, size: int) -> np.ndarray:
    """uint64 hash of every `size` consecutive words: len(words) - size + 1 of them, across turns too."""
    count = max(len(words) - size + 1, 0)
    found = np.full(count, size, np.uint64)
    for i in range(size):
        found = chained(found, words[i : i + count])
    return found
