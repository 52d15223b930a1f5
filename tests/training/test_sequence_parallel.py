"""Two ranks that share each sequence have the losses and gradients of one that holds it whole."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.errors import UserError
from configs.load import load_profile
from pipeline.contract.metrics_file import METRICS, read_metrics
from tests.training.jobs import small_job
from training.data import packed_batch
from training.job_config import JobConfig, check
from training.launcher import launch
from training.sequence_parallel import part_of

TRAIN = {"batch_tokens": 8 * 64, "steps": 6, "warmup_steps": 1, "validation_every": 3, "checkpoint_every": 4}


def made(folder: Path, launch: dict[str, Any], **train: Any) -> JobConfig:
    folder.mkdir(exist_ok=True)
    return small_job(folder, TRAIN | train, {"micro_batch": 4} | launch)


def trained(job: JobConfig, script: Path | None = None) -> Path:
    path = job.out / "job.json"
    path.write_text(job.model_dump_json())
    launch(path, job.launch, job.checkpoints, *([script] if script else []))
    return job.out


def test_every_token_is_held_and_learned_once() -> None:
    random = np.random.default_rng(1)
    documents = np.repeat([[0, 1, 2, -1]], 3, 0).repeat([5, 6, 4, 1], 1)
    batch = packed_batch(random.integers(0, 50, (3, 16)), documents, (random.random((3, 16)) < 0.6) & (documents >= 0))
    parts = [part_of(batch, place, 4) for place in range(4)]
    for name in ("input_ids", "position_ids"):
        assert np.concatenate([part[name] for part in parts], 1).tolist() == batch[name].tolist()
    held = [(int(k) // 4, place * 4 + int(k) % 4) for place, part in enumerate(parts) for k in part["kept"]]
    learned = dict(zip(held, np.concatenate([part["targets"] for part in parts]).tolist(), strict=True))
    expected = zip([divmod(int(k), 16) for k in batch["kept"]], batch["targets"].tolist(), strict=True)
    assert learned == dict(expected)
    assert all(part["boundaries"] is batch["boundaries"] for part in parts)
    assert part_of(batch, 0, 1) is batch


def test_training_and_validation_have_the_losses_of_one_rank(tmp_path: Path) -> None:
    figures = []
    for name, settings in {"one": {"ranks": 1}, "two": {"ranks": 2, "sequence_parallel": 2}}.items():
        lines = read_metrics(trained(made(tmp_path / name, settings)) / METRICS)
        figures.append([line[kind] for line in lines for kind in ("loss", "validation_loss") if kind in line])
    assert len(figures[0]) == 6 + 2
    assert figures[1] == pytest.approx(figures[0], abs=1e-5)


def test_a_conversation_of_32768_tokens(tmp_path: Path) -> None:
    job = made(tmp_path, {"ranks": 2, "sequence_parallel": 2})
    assert job.architecture is not None
    small = {
        "num_hidden_layers": 1,
        "hidden_size": 32,
        "num_attention_heads": 4,
        "head_dim": 8,
        "intermediate_size": 64,
    }
    architecture = job.architecture.model_copy(update=small | {"max_position_embeddings": 32_768})
    folder = trained(job.model_copy(update={"architecture": architecture}), Path(__file__).with_name("long_ranks.py"))
    found = json.loads((folder / "found.json").read_text())
    shared, whole = found["loss"]
    assert found["learned"] > 16_000
    assert shared == pytest.approx(whole, rel=1e-6)
    assert len(found["worst"]) == 11
    assert max(found["worst"].values()) < 1e-4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["launch.ranks=3"], "2 does not divide the 3 of ranks"),
        (
            ["tokenise.sequence_length=129", "launch.micro_batch=1"],
            "2 does not divide the 129 of tokenise.sequence_length",
        ),
        (["train.objective=dpo"], "pairs are not shared by ranks"),
        (
            ["launch.sequence_parallel=4", "launch.ranks=4"],
            "4 does not divide the 6 heads and 2 key and value heads of tiny",
        ),
    ],
)
def test_what_cannot_be_shared_is_refused(settings: list[str], message: str) -> None:
    with pytest.raises(UserError, match=rf"launch\.sequence_parallel: {message}"):
        check(load_profile("scratch", ["launch.sequence_parallel=2", *settings]))
