"""What fits: the system prompt, what is remembered, the last turns, and nothing cut within."""

import pytest

from serving.api_error import ApiError
from serving.dialogue.context import ABOUT, fitting
from tests.serving.dialogue.conftest import words


def turns(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]


def test_all_of_it_when_it_fits() -> None:
    said = turns("a b", "c", "d")
    assert fitting("Be kind.", [], said, words, 100) == ([{"role": "system", "content": "Be kind."}, *said], 0)


def test_whole_exchanges_go_from_the_front_until_it_fits() -> None:
    said = turns("one two three", "four five six", "seven", "eight", "nine")
    messages, left_out = fitting("Be kind.", [], said, words, 3 + 2 + 2 + 2)
    assert ([m["content"] for m in messages], left_out) == (["Be kind.", "seven", "eight", "nine"], 2)
    messages, left_out = fitting("Be kind.", [], said, words, 3 + 2 + 2 + 1)
    assert ([m["content"] for m in messages], left_out) == (["Be kind.", "nine"], 4)


@pytest.mark.parametrize("budget", range(5, 60))
def test_never_more_than_the_budget_and_never_less_than_would_fit(budget: int) -> None:
    said = turns(*(f"turn {n} " + "x " * (n % 5) for n in range(21)))
    messages, left_out = fitting(None, [], said, words, budget)
    assert words(messages) <= budget
    assert messages == said[left_out:]
    assert left_out == 0 or words(said[left_out - 2 :]) > budget


def test_a_message_that_cannot_fit_is_refused_with_the_figures() -> None:
    with pytest.raises(ApiError, match="this message takes 5 tokens with the system prompt, and 4 fit") as refused:
        fitting("Be", [], turns("a b"), words, 4)
    assert (refused.value.status, refused.value.code) == (400, "context_length_exceeded")


def test_what_is_remembered_takes_a_quarter_at_most_the_weightiest_first() -> None:
    facts = ["They want to be called ABC.", "They said: " + "word " * 40, "They said: I live in Ghent"]
    messages, _ = fitting("Be kind.", facts, turns("Hi"), words, 80)
    assert messages[0]["content"] == f"Be kind.\n\n{ABOUT}\n- {facts[0]}\n- {facts[2]}"
    messages, _ = fitting("Be kind.", facts, turns("Hi"), words, 8)
    assert messages[0]["content"] == "Be kind."
