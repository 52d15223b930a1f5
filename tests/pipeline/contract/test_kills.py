"""Killed before any of its calls of the file system, a stage that runs again leaves what it would have left."""

import ast
from pathlib import Path

from pipeline.contract.run import Run
from pipeline.contract.stages import TASKS
from tests.kills import killed_and_run_again

TESTS = Path(__file__).resolve().parents[2]


def test_a_stage_that_takes_over_what_it_finished_may_be_killed_before_any_call(run: Run) -> None:
    found = killed_and_run_again(run, toy=24)["toy"]
    assert found["trials"] == 24
    assert found["calls"] > 30
    assert found["differing"] == []


def test_every_task_is_killed_by_a_test() -> None:
    killed = set()
    for file in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "killed_and_run_again":
                killed |= {word.arg for word in node.keywords if ast.literal_eval(word.value)}
    assert killed - {"seed", "toy"} == set(TASKS)
