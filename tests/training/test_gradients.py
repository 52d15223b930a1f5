"""Two ranks with different data compute the gradient of one, whatever the ZeRO stage."""

import json
from pathlib import Path

from tests.training.jobs import small_job
from training.launcher import launch


def test_two_ranks_have_the_gradient_of_plain_torch_for_every_zero_stage(tmp_path: Path) -> None:
    train = {
        "learning_rate": 1.0,
        "warmup_steps": 0,
        "min_learning_rate_share": 1.0,
        "gradient_clipping": 1e9,
    }
    job = small_job(tmp_path, train, {"ranks": 2})
    path = tmp_path / "job.json"
    path.write_text(job.model_dump_json())
    launch(path, job.launch, tmp_path, Path(__file__).with_name("gradient_ranks.py"))
    found = json.loads((tmp_path / "found.json").read_text())
    assert [case["case"] for case in found] == [
        f"ZeRO {stage}, accumulation {accumulation}, {kind}, sequences shared by {shared}"
        for accumulation, kind, shared, stages in (
            (1, "all weights, plain, recomputed none", 1, (0, 1, 2, 3)),
            (4, "all weights, plain, recomputed none", 1, (0, 1, 2, 3)),
            (2, "LoRA and 2 rows, plain, recomputed none", 1, (0, 1, 2, 3)),
            (2, "LoRA and 2 rows, fused, recomputed none", 1, (0, 1, 2, 3)),
            (2, "all weights, plain, recomputed none", 2, (0, 1, 2, 3)),
            (2, "LoRA and 2 rows, fused, recomputed none", 2, (0, 1, 2, 3)),
            (1, "all weights, fused, recomputed none", 1, (1, 3)),
            (4, "all weights, fused, recomputed full", 1, (1, 3)),
            (4, "LoRA and 0 rows, fused, recomputed selective", 1, (1, 3)),
        )
        for stage in stages
    ]
    for case in found:
        assert case["smallest_norm"] > 0.01, case
        assert case["weights"] > 10, case
        assert case["difference"] < 1e-5, case
        assert case["loss"] < 1e-5, case
        assert case["norm"] < 1e-4, case
        assert case["communication_seconds"] > 0, case
