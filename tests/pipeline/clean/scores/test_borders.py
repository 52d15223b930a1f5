"""Each constant of the scores, with a text on either side of it."""

import pytest

from configs.clean import Pii, Text, Translation
from pipeline.clean.repair.repair import Repair
from pipeline.clean.scores.conversations import Preparation, Scores, Turns, score_conversations
from pipeline.clean.scores.language import detect_languages
from pipeline.clean.scores.offensive import offensiveness
from pipeline.clean.scores.offensive_words import severity
from pipeline.clean.scores.prompt_leak import leaks
from pipeline.clean.scores.refusal import is_refusal
from pipeline.clean.scores.repetition import repetition
from pipeline.clean.scores.translation import is_foreign
from pipeline.clean.scores.words import estimated_tokens

FORTY = " ".join(["where is the next train station please"] * 6).split()[:40]


def score(*turns: tuple[str, str]) -> Scores:
    conversation: Turns = list(turns)
    [row] = score_conversations([conversation], Preparation(Repair(Text()), Pii().types))
    return row


def test_a_word_by_itself_amounts_to_six_tenths_of_its_severity() -> None:
    texts = ["the word coon", "the word bastard", "damn it all", "what the hell", "see you at lunch"]
    assert [severity(text) for text in texts] == [0.2, 0.75, 0.5, 0.2, 0.0]
    assert offensiveness(["damn it all", "see you at lunch"]) == [0.3, 0.0]
    assert offensiveness(["The word faggot is offensive."]) == [0.6]


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("fag", 1.0),
        ("bastard", 0.75),
        ("damn", 0.5),
        ("hell", 0.2),
        ("coon", 0.2),  # also an animal
        ("go die", 0.75),
        ("kill yourself", 1.0),
    ],
)
def test_severity_has_four_steps(word: str, known: float) -> None:
    assert severity(word) == known


def test_three_equal_letters_disguise_a_word_and_two_do_not() -> None:
    assert (severity("basssstard"), severity("bassstard"), severity("basstard")) == (0.75, 0.75, 0)


def test_a_disguise_is_sought_in_the_first_hundred_characters() -> None:
    assert (severity("-" * 96 + "sh1t"), severity("-" * 97 + "sh1t")) == (0.5, 0)


def test_twenty_ascii_letters_tell_a_language_and_nineteen_do_not() -> None:
    (enough, _), few = detect_languages(["where is the station now", "where is the station no"])
    assert enough != "und"
    assert few == ("und", 0.0)


def test_forty_words_of_a_turn_tell_its_language() -> None:
    german = "wo ist bitte der nächste bahnhof " * 20
    alone, longer = detect_languages([" ".join(FORTY), " ".join(FORTY) + " " + german])
    assert alone == longer
    one_less, last_differs = detect_languages([" ".join(FORTY[:39]), " ".join(FORTY[:39]) + " bahnhof"])
    assert one_less != last_differs


def test_ten_words_can_repeat_themselves_and_nine_cannot() -> None:
    assert repetition("a b " * 5) == 4 / 8  # of eight triples two are distinct, and each may be said twice
    assert repetition("a b " * 4 + "a") == 0


def test_words_longer_than_forty_characters_are_read_as_characters() -> None:
    assert repetition("ab" * 20) == 0
    assert repetition("ab" * 20 + "a") == round(35 / 39, 4)


@pytest.mark.parametrize(
    ("one", "two"), [("abababab", "ababababa"), ("éaéaé", "éaéaéa"), ("123", "1234"), ("..", ".1")]
)
def test_eight_bytes_of_letters_or_three_digits_are_one_token(one: str, two: str) -> None:
    assert (estimated_tokens(one), estimated_tokens(two)) == (1, 2)
    assert (score(("user", one)).tokens, score(("user", two)).tokens) == (1, 2)


def test_fifty_characters_of_replies_have_shares_and_forty_nine_have_none() -> None:
    enough, few = score(("assistant", "x1 " * 25)), score(("assistant", "x1 " * 24 + "x"))
    assert (enough.digits, enough.non_letters, few.digits, few.non_letters) == (0.5, 0.5, 0, 0)


def test_an_echo_has_four_words() -> None:
    assert score(("user", "Where are you now?"), ("assistant", "where are you now")).echo == 1
    assert score(("user", "Where are you?"), ("assistant", "where are you")).echo == 0


def test_ratios_have_four_decimals() -> None:
    assert score(("user", "abc"), ("assistant", "d")).reply_ratio == 0.3333
    assert score(("user", "one two three four"), *[("assistant", "one two three four")] * 3).echo == 0.3333


def test_a_refusal_shows_in_the_first_three_hundred_characters() -> None:
    refusal = "sorry i cannot help"
    assert is_refusal("x" * (299 - len(refusal)) + " " + refusal)
    assert not is_refusal("x" * (300 - len(refusal)) + " " + refusal)


def test_a_system_prompt_of_eight_words_leaks_and_one_of_seven_does_not() -> None:
    eight = "you are a polite assistant of the bank"
    seven = "you are a polite assistant of banks"
    assert leaks(f"I know: {eight}", f"i know {eight}", eight)
    assert not leaks(f"I know: {seven}", f"i know {seven}", seven)


def test_a_language_is_foreign_from_the_configured_confidence_on() -> None:
    settings = Translation(min_confidence=0.8)
    assert (is_foreign(("de", 0.8), settings), is_foreign(("de", 0.79), settings)) == (True, False)
