"""A person's words are recognised where no row names them, and nobody else's are."""

from serving.erasure.words import ERASED, Words

SAID = "My zyzzyva collection lives in the attic of the old mill"
MINE = "a" * 32
OTHER = "b" * 32
WORDS = Words([SAID, "zyzzyva!", "hello"], [MINE])


def test_six_words_in_a_row_are_theirs_wherever_they_stand() -> None:
    assert WORDS.within(f"prompt: {SAID.upper()}?")
    assert WORDS.within("… lives in the attic of the old …")
    assert not WORDS.within("the attic of the old house")


def test_what_is_short_is_theirs_only_alone() -> None:
    assert WORDS.within("Hello.")
    assert not WORDS.within("hello there")


def test_an_entry_that_is_theirs_keeps_its_numbers_and_ids_only() -> None:
    samples = [
        {"prompt": [{"role": "user", "content": SAID}], "reference": "So I heard.", "reply": "Ok", "row_id": MINE},
        {"prompt": [{"role": "user", "content": "Good day"}], "reference": "Good day!", "row_id": OTHER},
    ]
    erased, kept = WORDS.scrubbed(samples)
    assert erased["row_id"] == MINE
    assert [erased["prompt"][0]["content"], erased["reference"], erased["reply"]] == [ERASED] * 3
    assert erased["prompt"][0]["role"] == "user"
    assert kept == samples[1]


def test_what_lies_around_an_entry_stays() -> None:
    evaluation = {
        "signature": "v1",
        "items": [[MINE, 3, "reply"], [OTHER, 4, "reply"]],
        "said": {MINE: "x", OTHER: "y"},
        "asked": [[MINE, 3, "x"], [OTHER, 1, "y"]],
    }
    assert WORDS.scrubbed(evaluation) == {
        "signature": "v1",
        "items": [[MINE, 3, ERASED], [OTHER, 4, "reply"]],
        "said": {MINE: ERASED, OTHER: "y"},
        "asked": [[MINE, 3, ERASED], [OTHER, 1, "y"]],
    }


def test_lines_of_a_log_go() -> None:
    assert WORDS.scrubbed_text(f"step 1\n{SAID}\nstep 2\n") == f"step 1\n{ERASED}\nstep 2\n"
