"""Two ranks with different data compute the gradient of one, whatever the ZeRO stage."""

import json
from pathlib import Path

from configs.load import load_architecture
from tests.training.tokenised import begin_run
from training.arrow import arrow_copy
from training.launcher import launch
from training.plan import Plan


def test_two_ranks_have_the_gradient_of_plain_torch_for_every_zero_stage(tmp_path: Path) -> None:
    raw = tmp_path / "raw.jsonl"
    raw.write_text("{}\n")
    run = begin_run(tmp_path / "root", ["train.gradient_clipping=1e9"], raw)
    profile, tokenised = run.profile, run.artifact("tokenise")
    arrow_copy(tokenised.path / "packed" / "train", tmp_path / "sequences" / "train", 64, lambda: None)
    plan = Plan(
        train=profile.train.model_copy(
            update={"learning_rate": 1.0, "warmup_steps": 0, "min_learning_rate_share": 1.0}
        ),
        launch=profile.launch,
        seed=1,
        architecture=load_architecture("tiny").model_copy(update={"num_hidden_layers": 2}),
        pretrained=None,
        vocabulary=512,
        sequence_length=64,
        world_size=2,
        tokenizer=tokenised.path / "tokenizer",
        sequences=tmp_path / "sequences",
        out=tmp_path,
        checkpoints=tmp_path / "checkpoints",
    )
    assert plan.accumulation == 2
    path = tmp_path / "plan.json"
    path.write_text(plan.model_dump_json())
    launch(path, plan.launch, tmp_path, Path(__file__).with_name("gradient_ranks.py"))
    found = json.loads((tmp_path / "found.json").read_text())
    assert min(found["norms"]) > 0.1
    assert sorted(found["stages"]) == ["0", "1", "2", "3"]
    for stage, measured in found["stages"].items():
        assert measured["difference"] < 1e-5, f"ZeRO {stage}: {measured}"
        assert measured["loss"] < 1e-5, f"ZeRO {stage}: {measured}"
        assert measured["norm"] < 1e-4, f"ZeRO {stage}: {measured}"
