"""Replies that say nothing, or go round in circles."""

from dataclasses import replace

import pytest

from eval.metrics.replies import looping, scores
from tests.eval.test_measures import OUTCOME


@pytest.mark.parametrize(
    "reply",
    [
        "ha ha ha ha ha ha",
        "I don't know. I don't know. I don't know.",
        "I like to read. " * 4,
        "Sure! " + "and then we went home and then we went home " * 3,
        "はははははは",
    ],
)
def test_a_reply_that_repeats_most_of_itself_loops(reply: str) -> None:
    assert looping(reply)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "No, no, no!",
        "Yes, her name is Biscuit.",
        "I like tea, and I like rain, and I like to sit inside with a book.",
        "Do you like cats? Do you like dogs? Do you have a garden at home?",
        "今日は天気がいいですね。",
    ],
)
def test_a_reply_that_says_a_thing_or_two_twice_does_not(reply: str) -> None:
    assert not looping(reply)


def test_each_reply_is_an_item_and_the_figures_are_their_means() -> None:
    replies = ["We met at noon.", "", "so so so so so"]
    references = ["we met at noon", "well", "so it is"]
    found = scores(replace(OUTCOME, replies=replies, references=references, row_ids=["a", "b", "c"]))["replies"]
    assert found["items"] == [["a", 4, 0, 0, 1.0], ["b", 0, 1, 0, 0.0], ["c", 5, 0, 1, 0.25]]
    assert (found["length_mean"], found["bytes_mean"]) == (3, (15 + 0 + 14) / 3)
    assert (found["empty_share"], found["looping_share"]) == (1 / 3, 1 / 3)
