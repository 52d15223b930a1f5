"""Token ids of texts, each distinct word cut into pieces once.

BERT's tokenizer cuts what stands between blanks on its own, whatever stands beside it, and conversations are made of
few distinct words: looking them up takes a third of the time of cutting them (benchmarks/embed.py).
"""

import re
from itertools import chain

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

MOST_WORDS = 200_000
"""Words kept, about 40 MB; then they are forgotten, all at once."""
OTHER_BLANKS = re.compile(r"[^\S \n\t\r]")
"""What str.split takes for a blank, and BERT's tokenizer perhaps not (it drops control characters)."""


class WordPieces:
    """The token ids of a tokenizer, without special tokens."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}
        self._by_word = (
            isinstance(tokenizer.model, WordPiece)
            and isinstance(tokenizer.normalizer, BertNormalizer)
            and isinstance(tokenizer.pre_tokenizer, BertPreTokenizer)
        )

    def __call__(self, texts: list[str]) -> list[list[int]]:
        """The ids of each text, as the tokenizer has them."""
        if not self._by_word:
            return self._cut(texts)
        whole = [text if OTHER_BLANKS.search(text) else None for text in texts]
        words = [[] if odd else text.split() for text, odd in zip(texts, whole, strict=True)]
        self._learn(set(chain.from_iterable(words)))
        known = self._known
        ids = [list(chain.from_iterable([known[word] for word in found])) for found in words]
        odd = [number for number, text in enumerate(whole) if text]
        for number, found in zip(odd, self._cut([texts[number] for number in odd]), strict=True):
            ids[number] = found
        return ids

    def _learn(self, words: set[str]) -> None:
        if len(self._known) > MOST_WORDS:
            self._known.clear()
        new = list(words - self._known.keys())
        self._known.update(zip(new, self._cut(new), strict=True))

    def _cut(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
