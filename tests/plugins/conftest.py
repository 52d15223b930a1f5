"""A run to operate on, a home for Airflow that is nobody's own, and what an operator's context holds."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

from configs.load import load_profile
from pipeline.contract.run import Run
from pipeline.contract.stages import stages_of
from tests import artifacts

COMMIT = """
import sys
from pathlib import Path
from pipeline.contract.run import Run
from tests.plugins.conftest import commit
commit(Run(Path(sys.argv[1])), sys.argv[2])
"""


class Store:
    """The part of the context's task_state_store that operators use."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def set(self, key: str, value: Any) -> None:
        json.dumps(value)
        self.values[key] = value


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run over one file of three conversations."""
    turns = [{"role": "user", "content": "How are you?"}, {"role": "assistant", "content": "I am well, thank you."}]
    data = tmp_path / "conversations.jsonl"
    data.write_text("".join(json.dumps({"messages": turns, "number": i}) + "\n" for i in range(3)))
    return Run.begin(
        load_profile("scratch", [f"storage.root={tmp_path / 'root'}", "spark.driver_memory=1g"], str(data))
    )


@pytest.fixture
def context() -> Callable[..., Any]:
    """context(**more) is what Airflow would hand to an operator, as far as ours look at it."""
    return lambda **more: {"task_state_store": Store(), **more}


def commit(run: Run, task: str, rows: int = 3) -> None:
    """Makes the artifacts of a task by hand, without its engine, and records them as made by the run."""
    from datetime import UTC, datetime

    for stage in stages_of(task):
        artifacts.commit(run, stage.name, rows)
        run.record(stage.name, run.fingerprint(stage.name), False, 0.0, datetime.now(UTC))
