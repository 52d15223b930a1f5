"""Words of conversations, and their hashes in Arrow."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.deduplicate.hashed_words import HashedWords, ngrams, words_of
from pipeline.rows.turns import Turn


def talk(prompt: str, reply: str) -> list[Turn]:
    return [("user", prompt), ("assistant", reply)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, WORLD!  it's 5 o'clock", ["hello", "world", "it's", "5", "o'clock"]),
        ("Straße ÉCOLE", ["strasse", "école"]),
        ("你好 world", ["你", "好", "world"]),
        ("... !?", []),
    ],
)
def test_words_ignore_case_punctuation_and_space(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_hashed_words_survive_arrow() -> None:
    hashed = HashedWords.of([talk("one two", "three"), [], [("system", "x"), ("user", "!?")], talk("a", "b c d")])
    again = HashedWords.from_arrow(pa.table(hashed.to_arrow()).slice(1).take([2, 0, 1]))
    expected = HashedWords.of([talk("a", "b c d"), [], [("user", "")]])
    for name in ("words", "turns", "roles", "rows"):
        assert getattr(again, name).tolist() == getattr(expected, name).tolist()


def test_ngrams_are_told_apart_by_their_words_their_order_and_their_size() -> None:
    words = np.array([1, 2, 3, 1, 2, 2, 1], np.uint32)
    pairs = ngrams(words, 2).tolist()
    assert len(pairs) == 6
    assert pairs[0] == pairs[3], "1 2"
    assert len({*pairs, *ngrams(words, 1).tolist(), *ngrams(words, 3).tolist()}) == 5 + 3 + 5
    assert ngrams(words, 7).size == 1
    assert ngrams(words, 8).size == 0
