"""The words of many conversations as arrays of hashes, with what tells them apart: what duplicates are found by."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import regex
import xxhash

from pipeline.deduplicate.telling_words import FUNCTION, NEGATIONS, NUMBERS, PEOPLE, ROMAN, SET_OF_SIDE, SIDES
from pipeline.rows.splitmix import chained
from pipeline.rows.text_hash import ASCII_SYMBOL, PERCENT, SIGNS, SYMBOL, THOUSANDS
from pipeline.rows.turns import Turn

# Scripts written without spaces give one word a character.
_WORD = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*|[\p{L}\p{N}][\p{L}\p{M}\p{N}_'’]*"
_ASCII_WORD = r"[A-Za-z0-9][A-Za-z0-9_']*"
_BEGINNING = r"""
    \n[ \t]*(?:(?:[*+>-]|\#{1,6})[ \t]+)?    # a line, with the mark of an item, a quotation, a heading
  | ^(?:[*+>-]|\#{1,6})[ \t]+
  | (?<!\b[A-Z])(?<!\bMr)(?<!\bMs)(?<!\bDr)(?<!\bSt)(?<!\bMrs)(?<!\bProf)[.!?:…]+["'”)\]]*\s
  | ["“”«»¿¡(\[]
"""
"""After it a sentence begins, where a capital letter shows no name. It ends with white space or is a single mark."""

_ASCII_TOKEN = re.compile(rf"{_ASCII_WORD}|(?=[^\w ,'])(?:{_BEGINNING}|{ASCII_SYMBOL})", re.VERBOSE | re.ASCII)
_TOKEN = regex.compile(rf"{_WORD}|(?=[^\w ,'])(?:{_BEGINNING}|{SYMBOL})", regex.VERBOSE | regex.V1)
_DIGIT = regex.compile(r"\p{N}")
_GROUPED = re.compile(r",[0-9]{3}")
_THOUSANDS = re.compile(THOUSANDS)

USER, ASSISTANT = 0, 1

COLUMNS = {
    "words": pa.list_(pa.uint32()),
    "traits": pa.list_(pa.uint32()),
    "turns": pa.list_(pa.int32()),
    "roles": pa.list_(pa.int8()),
}
"""Arrow columns of HashedWords: word hashes and traits, words a turn and role of each turn (0 user, 1 assistant)."""

KIND = 7
ORDINARY, FUNCTIONAL, SYMBOLIC, NUMBER, NEGATION, OPPOSITE, PERSON, BEGINNING = range(8)
"""The kind of a word: the lowest three bits of its traits."""
CAPITAL, LINE = 8, 16
"""Bits of traits: begins with a capital letter within a sentence; is the first of a turn's first line, of what follows
that line, or of the turn's last line (see _lines).
"""
DETAIL = 5
"""Traits from this bit on. Of a number: a hash of its value. Of any other word its first letter (5 bits from
FIRST_LETTER on), its length (5 bits from LENGTH on) and, below them, the sum of its letters (see sum_of); of an
opposite only the lower bits of the sum (from LOWER on), and below them the number of its side (SIDE)."""
LOWER, FIRST_LETTER, LENGTH = DETAIL + 9, DETAIL + 17, DETAIL + 22
SIDE, LETTERS, LOWER_LETTERS = (1 << 9) - 1, (1 << 17) - 1, (1 << 8) - 1
assert len(SET_OF_SIDE) <= SIDE


def tokens_of(text: str) -> list[str]:
    """Words as they are written, symbols, and what begins a sentence."""
    if _GROUPED.search(text):
        text = _THOUSANDS.sub(lambda number: number.group().replace(",", ""), text)
    return (_ASCII_TOKEN if text.isascii() else _TOKEN).findall(text)


WRITTEN = {PERCENT: "%", "&": "and"}
"""Words and signs that are written in two ways, and the way in which they are compared."""


def words_of(text: str) -> list[str]:
    """Words in lower case, without punctuation and symbols."""
    return [_folded(token) for token in tokens_of(text) if token[0].isalnum()]


def _folded(token: str) -> str:
    folded = token.lower() if token.isascii() else token.casefold().translate(SIGNS)
    return WRITTEN.get(folded) or (folded.rstrip("_") if folded[-1] == "_" else folded)


def _traits(token: str, folded: str) -> int:
    word = folded.removesuffix("'s")
    if not word[0].isalnum():
        begins = token[-1].isspace() or token in '"“”«»¿¡(['
        return BEGINNING | (LINE if "\n" in token else 0) if begins else SYMBOLIC
    capital = CAPITAL if token[0].isupper() else 0
    if word in NEGATIONS or word.endswith("n't"):
        return NEGATION
    if word in NUMBERS or (not word.isalpha() and _DIGIT.search(word)) or (token.isupper() and ROMAN.fullmatch(token)):
        value = NUMBERS.get(word, word)
        return NUMBER | (xxhash.xxh32_intdigest(value.encode()) >> DETAIL << DETAIL)
    shape = capital | ord(word[0]) % 32 << FIRST_LETTER | min(len(word), 31) << LENGTH
    if word in SIDES:
        return OPPOSITE | shape | SIDES[word] << DETAIL | (sum_of(word) & LOWER_LETTERS) << LOWER
    single = len(word.rstrip("'")) == 1 and word.isascii() and token not in "aI"  # option B, a solution for x
    kind = PERSON if single or word in PEOPLE else FUNCTIONAL if word in FUNCTION else ORDINARY
    return kind | shape | sum_of(word) << DETAIL


def sum_of(letters: str) -> int:
    """17 bits that tell which letters a word has more than another, in whatever order: the sum of a hash of each."""
    return sum(map(_LETTER.__getitem__, letters)) & LETTERS


class _LetterHashes(dict[str, int]):
    def __missing__(self, letter: str) -> int:
        found = self[letter] = xxhash.xxh32_intdigest(letter.encode("utf-8", "surrogatepass")) & LETTERS
        return found


_LETTER = _LetterHashes()


MOST_WORDS = 200_000
"""Tokens remembered, about 30 MB; beyond it all are forgotten, and met anew."""


class _WordHashes(dict[str, int]):
    """Token to its 32-bit hash (XXH32, of its lower case) and, above it, its 32 bits of traits; computed once."""

    def __missing__(self, token: str) -> int:
        folded = _folded(token)
        hashed = xxhash.xxh32_intdigest(folded.encode("utf-8", "surrogatepass"))
        found = self[token] = _traits(token, folded) << 32 | hashed
        return found


_KNOWN = _WordHashes()
"""The tokens that this process has met."""


@dataclass(frozen=True)
class HashedWords:
    """Conversations without their system turns, one after the other.

    words: uint32 hashes of all words and symbols. traits: uint32 of each, see KIND to DETAIL. turns: int64 words
    and symbols of each turn. roles: int8 of each turn. rows: int64 turns of each conversation.
    """

    words: np.ndarray
    traits: np.ndarray
    turns: np.ndarray
    roles: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, conversations: Sequence[Sequence[Turn]]) -> "HashedWords":
        """From (role, content) turns; a role other than assistant and system is the user's."""
        if len(_KNOWN) > MOST_WORDS:
            _KNOWN.clear()
        tokens: list[str] = []
        turns: list[int] = []
        roles: list[int] = []
        rows: list[int] = []
        for conversation in conversations:
            dialogue = [(role, content) for role, content in conversation if role != "system"]
            for role, content in dialogue:
                before = len(tokens)
                tokens += tokens_of(content)
                turns.append(len(tokens) - before)
                roles.append(ASSISTANT if role == "assistant" else USER)
            rows.append(len(dialogue))
        both = np.fromiter(map(_KNOWN.__getitem__, tokens), np.uint64, len(tokens))
        traits = (both >> np.uint64(32)).astype(np.uint32)
        begins = traits & KIND == BEGINNING
        first = np.zeros(len(tokens) + 1, bool)
        first[starts(np.array(turns))] = True
        first[1:] |= begins
        traits &= np.where(first[:-1], ~np.uint32(CAPITAL), ~np.uint32(0))
        line = np.cumsum(traits & (KIND | LINE) == BEGINNING | LINE)
        everything = cls(
            both.astype(np.uint32),
            traits,
            np.array(turns, np.int64),
            np.array(roles, np.int8),
            np.array(rows, np.int64),
        )
        told = everything.where(~begins)
        told.traits[_lines(line[~begins], told.turn_of_words())] |= np.uint32(LINE)
        return told

    def where(self, kept: np.ndarray) -> "HashedWords":
        """The same with these words only."""
        ends = starts(kept)[starts(self.turns)]
        return HashedWords(self.words[kept], self.traits[kept], np.diff(ends), self.roles, self.rows)

    @cached_property
    def plain(self) -> "HashedWords":
        """The same without symbols: what shingles, exchanges and overlaps are made of."""
        return self.where(self.traits & KIND != SYMBOLIC)

    @classmethod
    def from_arrow(cls, batch: pa.RecordBatch | pa.Table) -> "HashedWords":
        """From the columns of COLUMNS."""
        flat = {}
        for name in COLUMNS:
            column = batch[name]
            column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
            flat[name] = column.flatten().to_numpy(zero_copy_only=False)
        lengths = column.value_lengths().to_numpy(zero_copy_only=False)
        return cls(
            flat["words"], flat["traits"], flat["turns"].astype(np.int64), flat["roles"], lengths.astype(np.int64)
        )

    def to_arrow(self) -> dict[str, pa.Array]:
        """The columns of COLUMNS."""
        turn_ends = starts(self.rows)
        word_ends = starts(self.turns)[turn_ends]
        values = {"words": self.words, "traits": self.traits, "turns": self.turns.astype(np.int32), "roles": self.roles}
        offsets = {"words": word_ends, "traits": word_ends, "turns": turn_ends, "roles": turn_ends}
        return {
            name: pa.ListArray.from_arrays(pa.array(offsets[name], pa.int32()), pa.array(values[name], kind.value_type))
            for name, kind in COLUMNS.items()
        }

    @property
    def row_words(self) -> np.ndarray:
        """Words and symbols of each conversation."""
        ends = starts(self.turns)[starts(self.rows)]
        return np.diff(ends)

    def turn_of_words(self) -> np.ndarray:
        """The number of the turn that each word is in."""
        return np.repeat(np.arange(len(self.turns)), self.turns)

    def row_of_turns(self) -> np.ndarray:
        """The number of the conversation that each turn is in."""
        return np.repeat(np.arange(len(self.rows)), self.rows)


def _lines(line: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """The places where a turn begins, its second line, and its last one: what stands between these is one text, while
    the first line and the last one of a prompt are often a question about it.

    line: how many line breaks came before each word. turn: the turn that each word is in.
    """
    if not len(line):
        return np.empty(0, np.int64)
    opens = np.diff(turn, prepend=-1) != 0
    at = np.flatnonzero(opens | (np.diff(line, prepend=-1) != 0))
    opens = np.append(opens[at], True)
    second = np.concatenate([[False], opens[:-2]])
    return at[opens[:-1] | second | opens[1:]]


def starts(lengths: np.ndarray) -> np.ndarray:
    """Offsets of consecutive pieces of these lengths, and the end of the last."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def ngrams(words: np.ndarray, size: int) -> np.ndarray:
    """uint64 hash of every `size` consecutive words: len(words) - size + 1 of them, across turns too."""
    count = max(len(words) - size + 1, 0)
    hashes = np.full(count, size, np.uint64)
    for i in range(size):
        hashes = chained(hashes, words[i : i + count])
    return hashes
