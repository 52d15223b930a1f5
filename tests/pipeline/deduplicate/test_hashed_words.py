"""Words of conversations, and their hashes in Arrow."""

import pyarrow as pa
import pytest

from pipeline.deduplicate.hashed_words import HashedWords, words_of
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
