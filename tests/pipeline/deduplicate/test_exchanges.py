"""Exchanges that conversations have in common."""

import pytest

from pipeline.deduplicate.exchanges import exchange_hashes
from pipeline.deduplicate.hashed_words import HashedWords
from pipeline.rows.turns import Turn

LONG = "could you tell me how to get from the station to the museum"
ANSWER = "Take bus number nine and get off at the fourth stop."


def exchanges(turns: list[Turn], least_words: int) -> list[int]:
    return exchange_hashes(HashedWords.of([turns]), least_words)[1].tolist()


def test_exchanges_ignore_case_and_punctuation() -> None:
    a = exchanges([("user", LONG), ("assistant", ANSWER)], 13)
    b = exchanges([("system", "Be brief."), ("user", LONG.upper() + "?"), ("assistant", ANSWER)], 13)
    assert a == b
    assert len(a) == 1


@pytest.mark.parametrize(
    "turns",
    [
        [("user", "Hi, how are you?"), ("assistant", "I am good thanks, and you?")],
        [("user", LONG), ("assistant", "Yes, of course!")],
        [("assistant", ANSWER), ("user", LONG)],
    ],
    ids=["a greeting", "a short reply", "a user after an assistant"],
)
def test_common_exchanges_do_not_count(turns: list[Turn]) -> None:
    assert exchanges(turns, 13) == []
