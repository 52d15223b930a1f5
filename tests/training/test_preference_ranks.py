"""Ranks, ZeRO stages and interruptions do not change what is learned of pairs."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.jobs import small_job
from training.launcher import launch

CASES = [*(f"all weights, ZeRO {stage}" for stage in (0, 1, 2, 3)), "LoRA, ZeRO 1", "LoRA, ZeRO 3"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Any]]:
    """What one rank and two saw of each case; the global batch is the same."""
    folder = tmp_path_factory.mktemp("preferences")
    train = {
        "objective": "dpo",
        "steps": 6,
        "batch_tokens": 4 * 128,
        "learning_rate": 2e-3,
        "warmup_steps": 0,
        "min_learning_rate_share": 1.0,
    }
    seen = {}
    for ranks in (1, 2):
        job = small_job(folder, train, {"ranks": ranks, "micro_batch": 2})
        path = folder / f"job-{ranks}.json"
        path.write_text(job.model_dump_json())
        launch(path, job.launch, folder, Path(__file__).with_name("preference_ranks.py"))
        seen[ranks] = json.loads((folder / f"found-{ranks}.json").read_text())
    return seen


@pytest.mark.parametrize("case", CASES)
def test_two_ranks_see_the_losses_and_margins_of_one(found: dict[int, dict[str, Any]], case: str) -> None:
    one, two = (found[ranks][case] for ranks in (1, 2))
    for name in ("steps", "after"):
        np.testing.assert_allclose(two[name], one[name], rtol=1e-5, atol=1e-6)


def test_the_zero_stage_changes_nothing(found: dict[int, dict[str, Any]]) -> None:
    for first, *others in (CASES[:4], CASES[4:]):
        for case in others:
            np.testing.assert_allclose(found[2][case]["steps"], found[2][first]["steps"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_training_begins_at_a_tie_and_comes_to_prefer_what_was_chosen(
    found: dict[int, dict[str, Any]], case: str
) -> None:
    before, after = found[2][case]["before"], found[2][case]["after"]
    assert before == pytest.approx([math.log(2), 0.5, 0, 0, 0], abs=1e-6)
    loss, accuracy, margin, chosen, rejected = after
    assert loss < 0.6
    assert accuracy > 0.9
    assert margin == pytest.approx(chosen - rejected, abs=1e-5)
    assert margin > 0.1


@pytest.mark.parametrize("case", CASES)
def test_a_resumed_run_sees_the_same_and_finds_the_reference_made(found: dict[int, dict[str, Any]], case: str) -> None:
    for ranks in (1, 2):
        seen = found[ranks][case]
        assert seen["resumed"] == seen["steps"][3:]
        assert seen["files"] == 2  # of the training and of the validation split
        assert seen["kept"]
