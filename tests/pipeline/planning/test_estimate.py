"""What a plan adds up."""

from collections.abc import Callable
from pathlib import Path

import pytest

from configs.profile import Profile
from pipeline.planning.estimate import estimate


def test_preparation_is_every_stage_before_the_training_but_the_waiting_for_a_person(
    demo: Callable[..., Profile], tmp_path: Path
) -> None:
    plan = estimate(demo(), tmp_path / "root")
    seconds = {stage["stage"]: stage["seconds"] for stage in plan["stages"]}
    others = sum(seconds[name] for name in ("review", "train", "evaluate", "promote"))
    prepared = plan["honest"]["preparation_seconds"]
    assert prepared == pytest.approx(sum(seconds.values()) - others)
    assert plan["honest"]["seconds_a_row"] == pytest.approx(prepared / 500)
