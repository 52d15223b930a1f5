"""Killed before any of its calls of the file system, a stage that runs again leaves what it would have left."""

from pipeline.contract.run import Run
from tests.kills import killed_and_run_again


def test_a_stage_that_takes_over_what_it_finished_may_be_killed_before_any_call(run: Run) -> None:
    found = killed_and_run_again(run, "toy", samples=24)
    assert found["trials"] == 24
    assert found["calls"] > 30
    assert found["differing"] == []
