"""Words that occur in few conversations of the corpus."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import regex
import xxhash

WORD = regex.compile(r"<[A-Z_]+(?:_\d+)?>|\p{L}[\p{L}\p{M}]*")
"""A placeholder, which is no word, or a run of letters."""
PLACEHOLDER = "<RARE>"


def words_of(text: str) -> Iterator[str]:
    """The words of a text, case-folded; numbers and placeholders are none."""
    return (word.casefold() for word in WORD.findall(text) if word[0] != "<")


def word_hashes(texts: Iterable[str]) -> set[int]:
    """Signed 64-bit hashes of the distinct words of a conversation."""
    found = {word for text in texts for word in words_of(text)}
    return {_hash(word) for word in found}


def _hash(word: str) -> int:
    code = xxhash.xxh64_intdigest(word.encode("utf-8", "replace"))
    return code - (1 << 64) if code >> 63 else code


@dataclass(frozen=True)
class KnownWords:
    """The words that are not rare, as sorted signed 64-bit hashes: eight bytes a word.

    placeholder: whether rare words are replaced, or only counted.
    """

    hashes: npt.NDArray[np.int64]
    placeholder: bool

    def rare(self, text: str) -> set[str]:
        """The rare words of a text, case-folded."""
        words = sorted(set(words_of(text)))
        codes = np.fromiter(map(_hash, words), np.int64, len(words))
        places = np.searchsorted(self.hashes, codes)
        places[places == len(self.hashes)] = 0
        known = self.hashes[places] == codes if len(self.hashes) else np.zeros(len(words), bool)
        return {word for word, kept in zip(words, known, strict=True) if not kept}

    def share(self, texts: Iterable[str]) -> float:
        """Share of the words of a conversation that are rare, 0 to 1."""
        total = rare = 0
        for text in texts:
            those = self.rare(text)
            words = list(words_of(text))
            total += len(words)
            rare += sum(word in those for word in words)
        return round(rare / total, 4) if total else 0.0

    def replace(self, text: str) -> str:
        """The text with <RARE> in place of its rare words."""
        those = self.rare(text)
        return WORD.sub(lambda m: PLACEHOLDER if m[0].casefold() in those else m[0], text) if those else text
