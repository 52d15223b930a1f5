"""Whether two conversations are near duplicates."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.deduplicate.differences import Words
from pipeline.deduplicate.hashed_words import HashedWords
from pipeline.deduplicate.near_duplicates import duplicates, same_but_for_an_edit
from pipeline.deduplicate.shingles import SHORT_WORDS
from pipeline.deduplicate.similarity import Compared, similarities
from pipeline.rows.text_hash import text_hash
from pipeline.rows.turns import Turn

WORDS = ["word" + "".join(chr(ord("a") + int(digit)) for digit in str(i)) for i in range(400)]
"""No digits: another number would be another text."""


def talk(prompt: str, reply: str) -> list[Turn]:
    return [("user", prompt), ("assistant", reply)]


def similarity(a: list[Turn], b: list[Turn], threshold: float = 0.8) -> tuple[float, float, float]:
    """Of the whole, of the prompts, of the replies."""
    both = Compared(HashedWords.of([a, b]), threshold)
    whole, prompt, reply = similarities(both, np.array([0]), both, np.array([1]))
    return float(whole[0]), float(prompt[0]), float(reply[0])


def duplicate(a: list[Turn], b: list[Turn]) -> bool:
    both = Compared(HashedWords.of([a, b]), 0.8)
    return bool(duplicates(both, np.array([0]), both, np.array([1]), 0.8, 0.4)[1][0])


def hashes_of(text: str) -> Words:
    hashed = HashedWords.of([[("user", text)]])
    return Words(hashed.words, hashed.traits)


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
    c = talk(
        form.format(passage=passage.replace(f"{WORDS[7]} ", ""), question="does the harbour freeze in winter"), "Yes"
    )
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
        ("red fox sea oak", "red fox sea oak", True),
        ("red fox sea oak", "red fox and sea oak", True),
        ("red fox sea", "red fox sea and then a whole other sentence", True),
        ("it is fine here", "it is nice here", True),
        ("say ann bob cat dan now", "say eve fay gus hal now", False),
        ("x a b c d e f y", "x b c d e f g y", True),
        ("the k l m n just too", "a k l m n only also", False),
        ("the k l m n o just too", "a k l m n o only also", True),
        ("", "red fox sea oak", True),
    ],
    ids=[
        "equal",
        "a word more",
        "a sentence more",
        "a word changed",
        "a passage changed",
        "ends changed",
        "7 of 19 in common",
        "9 of 21",
        "empty",
    ],
)
def test_an_edit_is_told_from_another_content(a: str, b: str, same: bool) -> None:
    assert same_but_for_an_edit(hashes_of(a), hashes_of(b), 0.4) is same
    assert same_but_for_an_edit(hashes_of(b), hashes_of(a), 0.4) is same


@pytest.mark.parametrize("words", [SHORT_WORDS - 1, SHORT_WORDS, SHORT_WORDS + 1, SHORT_WORDS + 10])
def test_an_edit_that_crosses_the_length_classes_is_still_a_near_duplicate(words: int) -> None:
    a = talk(" ".join(WORDS[:words]), "yes indeed")
    b = talk(" ".join([*WORDS[:50], "inserted", *WORDS[50:words]]), "yes indeed")
    assert similarity(a, b)[0] > 0.9
    assert duplicate(a, b)


def test_the_similarity_has_four_digits() -> None:
    # "red", "fox", "red fox" and "yes" are shared, of 12 words and pairs
    both = Compared(HashedWords.of([talk("red fox sea", "yes"), talk("red fox oak", "yes indeed sir")]), 0.8)
    whole = duplicates(both, np.array([0]), both, np.array([1]), 0.8, 0.4)[0]
    assert whole.tolist() == [round(4 / 12, 4)] != [4 / 12]


def test_the_shared_cases() -> None:
    path = Path(os.environ.get("PARLANCE_SHARED_DATA", "../shared/data")).parent / "cases" / "duplicates.jsonl"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    for line in path.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        a, b = talk(*case["a"]), talk(*case["b"])
        assert (text_hash(a) == text_hash(b) or duplicate(a, b)) is case["duplicate"], case
