"""Shingles of conversations."""

from pipeline.deduplicate.hashed_words import HashedWords
from pipeline.deduplicate.shingles import LONG_SIZES, SHORT_SIZES, shingle_sets
from pipeline.rows.turns import Turn


def talk(prompt: str, reply: str) -> list[Turn]:
    return [("user", prompt), ("assistant", reply)]


def test_a_conversation_without_words_has_no_shingles() -> None:
    assert len(shingle_sets(HashedWords.of([talk("?!", "...")]), SHORT_SIZES).values) == 0


def test_a_turn_shorter_than_a_shingle_is_one_shingle() -> None:
    sets = shingle_sets(HashedWords.of([talk("one two", "three"), talk("one two three four", "five")]), LONG_SIZES)
    assert [len(sets.of(row)) for row in (0, 1)] == [2, 3]
