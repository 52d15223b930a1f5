"""Jobs that a test starts itself."""

import json
from pathlib import Path
from typing import Any

from configs.load import load_architecture
from tests.training.tokenised import begin_run
from training.arrow import arrow_copy
from training.job_config import JobConfig
from training.launcher import launch
from training.pair_packing import packed_pairs

Leg = tuple[int, str, bool, str]
"""ZeRO stage, precision, whether adapters are trained, launch.layers."""

Losses = dict[str, list[float]]


def small_job(folder: Path, train: dict[str, Any], launch: dict[str, Any]) -> JobConfig:
    """Two small layers, 200 packed conversations in sequences of 64 tokens, or pairs in such of 128, these settings."""
    raw = folder / "raw.jsonl"
    raw.write_text("{}\n")
    run = begin_run(folder / "root", [f"train.objective={train.get('objective', 'sft')}", "launch.micro_batch=1"], raw)
    profile, tokenised = run.profile, run.artifact("tokenise")
    kind, copy, length = ("pairs", packed_pairs, 128) if profile.train.prefers else ("packed", arrow_copy, 64)
    for split in ("train", "validation"):
        copy(tokenised.path / kind / split, folder / "sequences" / split, length, lambda: None)
    architecture = {"num_hidden_layers": 2, "hidden_size": 96, "intermediate_size": 128}
    return JobConfig(
        train=profile.train.model_copy(update=train),
        launch=profile.launch.model_copy(update={"micro_batch": 2} | launch),
        seed=1,
        architecture=load_architecture("tiny").model_copy(update=architecture),
        pretrained=None,
        vocabulary=512,
        sequence_length=64,
        world_size=launch.get("ranks", 2),
        tokenizer=tokenised.path / "tokenizer",
        sequences=folder / "sequences",
        tokenised=tokenised.path,
        out=folder,
        checkpoints=folder / "checkpoints",
        traces=folder / "traces",
    )


def losses_of(folder: Path, job: JobConfig, steps: tuple[int, int], runs: dict[str, Leg]) -> Losses:
    """The losses of the first to the last of the steps, by run, that relay_ranks.py finds on the job's ranks."""
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps({"steps": steps, "runs": runs}))
    path = folder / "job.json"
    path.write_text(job.model_copy(update={"out": folder}).model_dump_json())
    launch(path, job.launch, folder, Path(__file__).with_name("relay_ranks.py"))
    return json.loads((folder / "found.json").read_text())
