"""Words, shingles, signatures, similarity and exchanges of conversations."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.deduplicate.exchanges import exchanges_of
from pipeline.deduplicate.hashed_words import Spoken, words_of
from pipeline.deduplicate.minhash import bands_of
from pipeline.deduplicate.shingles import LONG_SIZES, SHORT_SIZES, SHORT_WORDS, Sets, shingle_sets
from pipeline.deduplicate.similarity import Compared, duplicates, same_but_for_an_edit, similarities
from pipeline.rows.turns import Turn

WORDS = [f"word{i}" for i in range(400)]


def talk(prompt: str, reply: str) -> list[Turn]:
    return [("user", prompt), ("assistant", reply)]


def similarity(a: list[Turn], b: list[Turn], threshold: float = 0.8) -> tuple[float, float, float]:
    """Of the whole, of the prompts, of the replies."""
    both = Compared(Spoken.of([a, b]), threshold)
    whole, prompt, reply = similarities(both, np.array([0]), both, np.array([1]))
    return float(whole[0]), float(prompt[0]), float(reply[0])


def duplicate(a: list[Turn], b: list[Turn]) -> bool:
    both = Compared(Spoken.of([a, b]), 0.8)
    return bool(duplicates(both, np.array([0]), both, np.array([1]), 0.8, 0.4)[1][0])


def hashed(text: str) -> np.ndarray:
    return Spoken.of([[("user", text)]]).words


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


def test_spoken_words_survive_arrow() -> None:
    spoken = Spoken.of([talk("one two", "three"), [], [("system", "x"), ("user", "!?")], talk("a", "b c d")])
    again = Spoken.from_arrow(pa.table(spoken.to_arrow()).slice(1).take([2, 0, 1]))
    expected = Spoken.of([talk("a", "b c d"), [], [("user", "")]])
    for name in ("words", "turns", "roles", "rows"):
        assert getattr(again, name).tolist() == getattr(expected, name).tolist()


def test_similarity_is_the_jaccard_of_words_and_word_pairs() -> None:
    # shared: one, two, "one two", yes; only in one of them: three, "two three", four, "two four"
    assert similarity(talk("one two three", "yes"), talk("one two four", "yes")) == (4 / 8, 3 / 7, 1.0)


def test_another_reply_is_no_duplicate() -> None:
    asked = " ".join(WORDS[:40])
    assert similarity(talk(asked, "yes"), talk(asked, "no"))[0] > 0.95
    assert not duplicate(talk(asked, "yes"), talk(asked, "no"))
    assert duplicate(talk(asked, "yes"), talk(asked, "yes"))


@pytest.mark.parametrize(
    "form", ["{passage}\n\n{question}", "{question}: {passage}", "Read {passage}. {question}? Go on."]
)
def test_another_question_about_a_long_passage_is_no_duplicate(form: str) -> None:
    passage = " ".join(WORDS[:95])
    a = talk(form.format(passage=passage, question="does the harbour freeze in winter"), "Yes")
    b = talk(form.format(passage=passage, question="has anyone ever lived there"), "Yes")
    assert similarity(a, b)[0] >= 0.8
    assert not duplicate(a, b)
    c = talk(form.format(passage=passage.replace("word7 ", ""), question="does the harbour freeze in winter"), "Yes")
    assert duplicate(a, c), "an edit of the passage is an edit"


def test_a_template_about_another_subject_is_no_duplicate() -> None:
    asked, template = (
        "what are the treatments for {} in adults",
        "these resources address treatments for {}: " + " ".join(WORDS[:40]),
    )
    tangier, sandhoff = (talk(asked.format(x), template.format(x)) for x in ("tangier", "sandhoff"))
    assert similarity(tangier, sandhoff)[0] >= 0.8
    assert not duplicate(tangier, sandhoff)
    assert duplicate(tangier, talk(asked.format("tangierr"), template.format("tangier"))), "a typing error in one place"


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("one two three four", "one two three four", True),
        ("one two three four", "one two blue three four", True),
        ("one two three", "one two three and then a whole other sentence", True),
        ("it is red here", "it is blue here", True),
        ("say ann bob cat dan now", "say eve fay gus hal now", False),
        ("x a b c d e f y", "x b c d e f g y", True),
        ("", "one two three four", True),
    ],
    ids=["equal", "a word more", "a sentence more", "a word changed", "a passage changed", "ends changed", "empty"],
)
def test_an_edit_is_told_from_another_content(a: str, b: str, same: bool) -> None:
    assert same_but_for_an_edit(hashed(a), hashed(b), 0.4) is same
    assert same_but_for_an_edit(hashed(b), hashed(a), 0.4) is same


def test_swapping_prompt_and_reply_is_no_duplicate() -> None:
    assert similarity(talk("red wine please", "one moment sir"), talk("one moment sir", "red wine please"))[0] == 0


def test_a_system_message_shared_by_a_source_does_not_make_rows_alike() -> None:
    rules = ("system", " ".join(WORDS[:90]))
    a = [rules, *talk("what is jazz", "a kind of music")]
    b = [rules, *talk("who wrote emma", "jane austen did")]
    assert similarity(a, b)[0] == 0


@pytest.mark.parametrize("words", [SHORT_WORDS - 1, SHORT_WORDS, SHORT_WORDS + 1, SHORT_WORDS + 10])
def test_an_edit_that_crosses_the_length_classes_is_still_a_near_duplicate(words: int) -> None:
    a = talk(" ".join(WORDS[:words]), "yes indeed")
    b = talk(" ".join([*WORDS[:50], "inserted", *WORDS[50:words]]), "yes indeed")
    assert similarity(a, b)[0] > 0.9
    assert duplicate(a, b)


def test_lengths_further_apart_than_the_threshold_are_not_compared() -> None:
    assert similarity(talk(" ".join(WORDS[:60]), "yes"), talk(" ".join(WORDS), "yes"))[0] == 0


def test_a_conversation_without_words_is_like_no_other() -> None:
    assert len(shingle_sets(Spoken.of([talk("?!", "...")]), SHORT_SIZES).values) == 0
    assert similarity(talk("?!", "..."), talk("...", "!!"))[0] == 0


def test_a_turn_shorter_than_a_shingle_is_one_shingle() -> None:
    sets = shingle_sets(Spoken.of([talk("one two", "three"), talk("one two three four", "five")]), LONG_SIZES)
    assert [len(sets.of(row)) for row in (0, 1)] == [2, 3]


def test_bands_depend_on_the_set_alone() -> None:
    spoken = [talk(" ".join(WORDS[:n]), "fine") for n in (1, 3, 40)]
    rows, together = bands_of(shingle_sets(Spoken.of([*spoken, talk("", "")]), SHORT_SIZES, unique=False), 96, 16)
    assert rows.tolist() == [0, 1, 2], "an empty set has no bands"
    for row, turns in enumerate(spoken):
        alone = bands_of(shingle_sets(Spoken.of([turns]), SHORT_SIZES), 96, 16)[1]
        assert alone[0].tolist() == together[row].tolist()
    assert together.shape == (3, 16)


def test_bands_find_the_share_of_pairs_that_theory_expects() -> None:
    random = np.random.default_rng(1)
    sets, bounds = [], [0]
    for _ in range(600):
        shared, a, b = (random.integers(0, 1 << 48, n, np.uint64) for n in (80, 10, 10))
        for own in (a, b):  # Jaccard 80 / 100
            sets.append(np.concatenate([shared, own]))
            bounds.append(bounds[-1] + 90)
    _, bands = bands_of(Sets(np.concatenate(sets), np.array(bounds)), 64, 8)
    found = (bands[0::2] == bands[1::2]).any(axis=1).mean()
    assert found == pytest.approx(1 - (1 - 0.8**8) ** 8, abs=0.06)


def test_signatures_mean_the_same_in_every_run() -> None:
    sets = Sets(np.array([1, 2, 3], np.uint64), np.array([0, 3]))
    assert bands_of(sets, 96, 16)[1][0, :2].tolist() == [2212393109509249897, 11098287059782709256]


LONG = "could you tell me how to get from the station to the museum"
ANSWER = "Take bus number nine and get off at the fourth stop."


def exchanges(turns: list[Turn], least_words: int) -> list[int]:
    return exchanges_of(Spoken.of([turns]), least_words)[1].tolist()


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
