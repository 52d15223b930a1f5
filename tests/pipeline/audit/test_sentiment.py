"""Sentiment has the right sign, a fixed range, and time that grows with the length only."""

import time

import pytest

from pipeline.audit.sentiment import sentiment


def test_signs():
    assert sentiment(["I love this, it is wonderful!"]) > 0.5
    assert sentiment(["I hate this, it is terrible."]) < -0.5
    assert sentiment(["The table has four legs."]) == 0


def test_a_conversation_is_the_mean_of_its_turns():
    praise, blame = "What a great day!", "That was awful."
    assert sentiment([praise, blame, "  "]) == pytest.approx((sentiment([praise]) + sentiment([blame])) / 2)


def test_nothing_said_is_neutral():
    assert sentiment([]) == sentiment([""]) == 0


def test_a_text_without_spaces_and_a_very_long_one_are_scored_in_linear_time():
    sentiment(["warm up"])
    started = time.process_time()
    assert -1 <= sentiment(["x" * 100_000]) <= 1
    assert sentiment(["good but not bad " * 6_000]) != 0
    assert time.process_time() - started < 20
