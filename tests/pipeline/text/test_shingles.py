"""Shingles, signatures and exchanges of one conversation."""

import pytest

from pipeline.text.exchanges import exchanges_of
from pipeline.text.minhash import bands_of
from pipeline.text.shingles import SHORT_WORDS, Shingles, shingles_of, similarity, words_of

WORDS = [f"word{i}" for i in range(400)]


def said(prompt: str, reply: str, threshold: float = 0.8) -> Shingles:
    return shingles_of([("user", prompt), ("assistant", reply)], threshold)


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


def test_similarity_is_the_jaccard_of_words_and_word_pairs() -> None:
    a, b = said("one two three", "yes"), said("one two four", "yes")
    # shared: one, two, "one two", yes; only in one of them: three, "two three", four, "two four"
    assert similarity(a, b) == (4 / 8, 1.0)


def test_another_reply_shows_in_the_reply_similarity() -> None:
    jaccard, reply = similarity(said(" ".join(WORDS[:40]), "yes"), said(" ".join(WORDS[:40]), "no"))
    assert jaccard > 0.95
    assert reply == 0


def test_swapping_prompt_and_reply_is_no_duplicate() -> None:
    assert similarity(said("red wine please", "one moment sir"), said("one moment sir", "red wine please"))[0] == 0


def test_a_system_message_shared_by_a_source_does_not_make_rows_alike() -> None:
    rules = ("system", " ".join(WORDS[:90]))
    a = shingles_of([rules, ("user", "what is jazz"), ("assistant", "a kind of music")], 0.8)
    b = shingles_of([rules, ("user", "who wrote emma"), ("assistant", "jane austen did")], 0.8)
    assert similarity(a, b)[0] == 0


@pytest.mark.parametrize("words", [SHORT_WORDS - 1, SHORT_WORDS, SHORT_WORDS + 1, SHORT_WORDS + 10])
def test_an_edit_that_crosses_the_length_classes_is_still_a_near_duplicate(words: int) -> None:
    a = said(" ".join(WORDS[:words]), "yes indeed")
    b = said(" ".join([*WORDS[:50], "inserted", *WORDS[50:words]]), "yes indeed")
    assert similarity(a, b)[0] > 0.9
    bands_a, bands_b = ({band for bands in bands_of(x.hashes(), 96, 16) for band in bands} for x in (a, b))
    assert bands_a & bands_b


def test_lengths_further_apart_than_the_threshold_are_not_compared() -> None:
    assert similarity(said(" ".join(WORDS[:60]), "yes"), said(" ".join(WORDS), "yes")) == (0, 0)


def test_a_conversation_without_words_has_no_shingles() -> None:
    assert said("?!", "...").hashes() == []
    assert similarity(said("?!", "..."), said("...", "!!")) == (0, 0)


def test_bands_depend_on_the_set_alone() -> None:
    sets = [said(" ".join(WORDS[:n]), "fine").hashes()[0] for n in (1, 3, 40)]
    together = bands_of(sets, 96, 16)
    assert together == [bands_of([sorted(s, reverse=True)], 96, 16)[0] for s in sets]
    assert bands_of([], 96, 16) == []
    assert all(len(bands) == 16 and all(-(2**63) <= band < 2**63 for band in bands) for bands in together)


def test_signatures_mean_the_same_in_every_run() -> None:
    assert bands_of([{1, 2, 3}], 96, 16)[0][:2] == [6789797496408035816, -8185863867520567309]


LONG = "could you tell me how to get from the station to the museum"
ANSWER = "Take bus number nine and get off at the fourth stop."


def test_exchanges_ignore_case_and_punctuation() -> None:
    a = exchanges_of([("user", LONG), ("assistant", ANSWER)], 13)
    b = exchanges_of([("system", "Be brief."), ("user", LONG.upper() + "?"), ("assistant", ANSWER)], 13)
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
def test_common_exchanges_do_not_count(turns: list[tuple[str, str]]) -> None:
    assert exchanges_of(turns, 13) == []
