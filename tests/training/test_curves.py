"""Neither ranks nor precision change where training goes."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.training.jobs import small_job
from training.launcher import launch

Losses = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def losses(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Losses]:
    """Losses by ranks and precision; the global batch is the same."""
    folder = tmp_path_factory.mktemp("curves")
    found = {}
    for ranks in (1, 2):
        train = {"steps": 200, "learning_rate": 2e-3, "warmup_steps": 10, "batch_tokens": 4 * 64}
        job = small_job(folder, train, {"ranks": ranks, "micro_batch": 2, "zero_stage": 1})
        path = folder / f"job-{ranks}.json"
        path.write_text(job.model_dump_json())
        launch(path, job.launch, folder, Path(__file__).with_name("curve_ranks.py"))
        read = json.loads((folder / f"losses-{ranks}.json").read_text())
        found[ranks] = {precision: np.array(values) for precision, values in read.items()}
    return found


def test_one_rank_and_two_have_the_same_losses_over_50_steps(losses: dict[int, Losses]) -> None:
    one, two = losses[1]["fp32"][:50], losses[2]["fp32"]
    assert one[-1] < 0.5 * one[0]
    np.testing.assert_allclose(two, one, rtol=1e-5)


def test_bf16_follows_fp32_over_200_steps(losses: dict[int, Losses]) -> None:
    """Averaged over ten steps, within 0.02 nats and 2% of fp32's loss, added up; the loss falls from 6.3 to 0.13."""
    fp32, bf16 = (losses[1][precision].reshape(-1, 10).mean(1) for precision in ("fp32", "bf16"))
    assert fp32[-1] < 0.25 * fp32[0]
    np.testing.assert_allclose(bf16, fp32, rtol=0.02, atol=0.02)
