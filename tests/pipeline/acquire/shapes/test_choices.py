"""The options of a question are asked with it."""

import pytest

from tests.pipeline.acquire.shapes.reading import bot, messages, outcomes, talk, user

ASKED = "Which is a fruit?\nA. stone\nB. pear"


@pytest.mark.parametrize(
    "options",
    [
        {"choices": ["stone", "pear"]},
        {"options": ["A. stone", "B. pear"]},
        {"answer_choices": "A. stone\nB. pear"},
        {"choices": {"label": ["A", "B"], "text": ["stone", "pear"]}},
        {"options": {"A": "stone", "B": "pear"}},
        {"choices": [{"label": "A", "text": "stone"}, {"label": "B", "text": "pear"}]},
        {"options": [{"key": "A", "text": "stone"}, {"key": "B", "text": "pear"}]},
        {"A": "stone", "B": "pear", "C": None},
        {"option_a": "stone", "option_b": "pear"},
    ],
)
@pytest.mark.parametrize(
    ("question", "answer"), [("question", "answer"), ("instruction", "output"), ("query", "answerKey")]
)
def test_options_belong_to_the_question(options, question, answer):
    (found,) = outcomes({question: "Which is a fruit?", **options, answer: "B"})
    assert messages(found) == [("user", ASKED), ("assistant", "B")]
    assert found.left_out == ()


@pytest.mark.parametrize(
    ("answer", "said"), [(1, "B. pear"), (0, "A. stone"), ("pear", "pear"), (7, "7"), (True, "Yes")]
)
def test_an_answer_that_counts_the_options_is_the_option(answer, said):
    (found,) = outcomes({"question": "Which is a fruit?", "choices": ["stone", "pear"], "answer": answer})
    assert messages(found)[1] == ("assistant", said)


def test_options_that_the_question_names_itself_are_not_told_twice():
    (found,) = outcomes({"question": ASKED, "choices": ["stone", "pear"], "answer": "B"})
    assert messages(found)[0] == ("user", ASKED)


def test_options_beside_turns_are_counted():
    (found,) = outcomes(talk(user("Which?"), bot("B"), options=["stone", "pear"]))
    assert found.left_out == ("options",)


@pytest.mark.parametrize("column", ["answer_index", "correct_option", "label", "answer_idx", "gold"])
def test_a_column_that_only_counts_the_options_is_the_answer(column):
    (found,) = outcomes({"question": "Which is a fruit?", "choices": ["stone", "pear"], column: 1})
    assert messages(found) == [("user", ASKED), ("assistant", "B. pear")]
