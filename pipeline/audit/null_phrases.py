"""Phrases that mean nothing: the profile's own, with their words replaced by random ones.

How near a conversation comes to these by chance is what its nearness to a topic's phrase is compared with.
"""

import random
import re
from collections import Counter

from tokenizers import Tokenizer

COUNT = 512
WORD = re.compile(r"[^\W\d_]{4,}")
"""Shorter words (and, the, of) are the phrase's frame."""


def null_phrases(phrases: list[str], tokenizer: Tokenizer, seed: int) -> list[str]:
    """COUNT phrases built as the given ones are, of words drawn from the encoder's vocabulary.

    A word stays where it stands in more than half of several phrases ("talking about"): it is frame, too.
    """
    known = whole_words(tokenizer)
    draw = random.Random(seed)
    found_in = Counter(word for phrase in phrases for word in set(WORD.findall(phrase.lower())))
    frame = {word for word, count in found_in.items() if len(phrases) > 2 and count > len(phrases) / 2}

    def replaced(match: re.Match[str]) -> str:
        return match[0] if match[0].lower() in frame else draw.choice(known)

    return [WORD.sub(replaced, phrases[number % len(phrases)]) for number in range(COUNT)]


def whole_words(tokenizer: Tokenizer) -> list[str]:
    """Words of the vocabulary, sorted: of letters alone, four at the least, and no piece from inside a word.

    Beginnings of words are marked in the vocabularies of SentencePiece (▁) and of byte-level BPE (Ġ), continuations in
    WordPiece's (##). A vocabulary without such words gives all its tokens of letters.
    """
    tokens = tokenizer.get_vocab()
    marked = [token[1:] for token in tokens if token[0] in "▁Ġ"]
    words = sorted({token for token in marked or tokens if WORD.fullmatch(token)})
    return words or sorted({token.lstrip("▁Ġ#") for token in tokens if token.lstrip("▁Ġ#").isalpha()})
