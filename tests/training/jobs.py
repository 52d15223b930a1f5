"""Jobs that a test starts itself."""

from pathlib import Path
from typing import Any

from configs.load import load_architecture
from tests.training.tokenised import begin_run
from training.arrow import arrow_copy
from training.job_config import JobConfig


def small_job(folder: Path, train: dict[str, Any], launch: dict[str, Any]) -> JobConfig:
    """Two small layers, 200 packed conversations in sequences of 64 tokens, and these settings."""
    raw = folder / "raw.jsonl"
    raw.write_text("{}\n")
    run = begin_run(folder / "root", [], raw)
    profile, tokenised = run.profile, run.artifact("tokenise")
    for split in ("train", "validation"):
        arrow_copy(tokenised.path / "packed" / split, folder / "sequences" / split, 64, lambda: None)
    architecture = {"num_hidden_layers": 2, "hidden_size": 96, "intermediate_size": 128}
    return JobConfig(
        train=profile.train.model_copy(update=train),
        launch=profile.launch.model_copy(update=launch),
        seed=1,
        architecture=load_architecture("tiny").model_copy(update=architecture),
        pretrained=None,
        vocabulary=512,
        sequence_length=64,
        world_size=launch.get("ranks", 2),
        tokenizer=tokenised.path / "tokenizer",
        sequences=folder / "sequences",
        out=folder,
        checkpoints=folder / "checkpoints",
        traces=folder / "traces",
    )
