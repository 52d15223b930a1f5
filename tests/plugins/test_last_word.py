"""A failed task's log ends with what was wrong."""

import logging

import pytest
from airflow.sdk.exceptions import AirflowFailException

from dags.pipeline_tasks import DEFAULTS
from plugins.last_word import say_last


def test_the_last_line_is_the_error_outside_of_every_fold(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        say_last({"exception": AirflowFailException("train.steps: must be\n  above 0")})
    assert caplog.messages[-2:] == ["::endgroup::", "error: train.steps: must be above 0"]


def test_a_task_that_was_ended_from_outside_says_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        say_last({})
    assert caplog.messages == []


@pytest.mark.parametrize("when", ["on_failure_callback", "on_retry_callback"])
def test_every_task_of_the_dags_says_it(when: str) -> None:
    said = DEFAULTS[when]
    assert say_last in (said if isinstance(said, list) else [said])
