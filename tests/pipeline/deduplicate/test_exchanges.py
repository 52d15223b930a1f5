"""Exchanges that conversations have in common."""

import pytest

from pipeline.deduplicate.exchanges import exchange_hashes, marked_exchanges, prompt_hashes
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


def test_an_exchange_is_its_words_in_order_and_who_said_them() -> None:
    said, replied = "the small dog bites the old man", "then the old man bites the dog"
    talks = [
        (said, replied),
        (replied, said),
        ("the old man bites the small dog", replied),
        (said, "then the dog bites the old man"),
        (f"{said} the", replied),
    ]
    found = [exchanges([("user", a), ("assistant", b)], 1) for a, b in talks]
    assert all(len(hashes) == 1 for hashes in found)
    assert len({hashes[0] for hashes in found}) == len(talks)


def test_every_exchange_of_a_conversation_counts_and_says_whose_it_is() -> None:
    asks, answers = (f"{LONG} please", f"{ANSWER} Good luck.")
    talks: list[list[Turn]] = [
        [("user", LONG), ("assistant", ANSWER), ("user", asks), ("assistant", answers)],
        [("user", "thanks"), ("user", asks), ("assistant", answers), ("assistant", ANSWER)],
    ]
    rows, hashes = exchange_hashes(HashedWords.of(talks), 13)
    assert rows.tolist() == [0, 0, 1]
    assert hashes[1] == hashes[2] != hashes[0]


def test_what_is_a_quarter_of_a_conversation_is_marked_and_a_farewell_is_not() -> None:
    goodbye: list[Turn] = [
        ("user", "That will be all, thank you very much."),
        ("assistant", "I am glad that I could help, have a nice day."),
    ]
    flight: list[Turn] = [("user", f"{LONG} {LONG} {LONG}"), ("assistant", f"{ANSWER} {ANSWER} {ANSWER}")]
    rows, marked = marked_exchanges(HashedWords.of([goodbye, [*flight, *goodbye]]), 13)
    assert rows.tolist() == [0, 1, 1]
    assert marked[0] >> 1 == marked[2] >> 1 != marked[1] >> 1
    assert [int(mark) & 1 for mark in marked] == [1, 1, 0]


@pytest.mark.parametrize(("least_words", "least_reply_words", "count"), [(17, 5, 1), (18, 5, 0), (17, 6, 0)])
def test_the_least_lengths_are_lengths_that_count(least_words: int, least_reply_words: int, count: int) -> None:
    talk = [[("user", "how do I get from the old station to the new museum"), ("assistant", "Take the bus, I would.")]]
    assert len(exchange_hashes(HashedWords.of(talk), least_words, least_reply_words)[0]) == count


def test_the_prompt_is_the_first_user_turn_that_is_no_greeting() -> None:
    talks: list[list[Turn]] = [
        [("user", LONG), ("assistant", ANSWER)],
        [("system", "Be brief."), ("user", LONG.upper() + "?"), ("assistant", "No idea."), ("user", ANSWER)],
        [("assistant", "Welcome!"), ("user", "Hi there"), ("assistant", "Hi!"), ("user", LONG), ("user", ANSWER)],
        [("user", "Hi there"), ("assistant", ANSWER), ("user", "Thanks")],
        [("user", "hi there!"), ("assistant", LONG)],
        [("user", "👍"), ("assistant", ANSWER)],
        [("user", "👎"), ("assistant", ANSWER)],
        [("user", "..."), ("assistant", ANSWER)],
        [("assistant", LONG)],
    ]
    hashes, words = (found.tolist() for found in prompt_hashes(HashedWords.of(talks)))
    assert words == [13, 13, 13, 2, 2, 1, 1, 0, 0]
    assert hashes[0] == hashes[1] == hashes[2]
    assert hashes[3] == hashes[4]
    assert len({hashes[0], hashes[3], hashes[5], hashes[6]}) == 4
