"""A run whose stages are declared by the tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from configs.load import load_profile
from pipeline.contract.execute import StageContext
from pipeline.contract.run import Run
from pipeline.contract.stage import Stage
from pipeline.contract.stages import STAGES


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of the demo profile over one small file, under tmp_path/root."""
    data = tmp_path / "chat.jsonl"
    data.write_text("{}\n")
    return Run.begin(load_profile("scratch", [f"storage.root={tmp_path / 'root'}"], str(data)), "test")


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Stage]:
    """declare(function, name="trial", **settings) puts a stage into the table for the length of a test."""

    def declare(function: Callable[[StageContext], None], name: str = "trial", **settings: Any) -> Stage:
        stage = Stage(name, entry=f"{function.__module__}:{function.__name__}", **settings)
        monkeypatch.setitem(STAGES, name, stage)
        return stage

    return declare
