"""Weights that are spread over the ranks are kept whole, also right after a validation."""

from pathlib import Path

import pytest
import torch

from tests.training.jobs import small_job
from training.communication import CommunicationClock
from training.data import PackedSequences
from training.engine import build_engine
from training.prefetch import rank_batch
from training.step import optimiser_step
from training.validation import validation_figures
from training.weights import save_weights

CPU = torch.device("cpu")

SMALL = {
    "stage3_max_reuse_distance": 100_000,
    "stage3_param_persistence_threshold": 1000,
    "stage3_prefetch_bucket_size": 87_000,
    "stage3_max_live_parameters": 200_000,
}
"""Not all of eight layers of 86,000 parameters is gathered at once, as of billions by DeepSpeed's own limits."""


def test_weights_on_their_way_are_no_obstacle(
    tmp_path: Path,
    one_rank: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The forward passes of a validation fetch weights ahead for a backward pass that never comes."""
    monkeypatch.setenv("RANK", "0")
    launch = {"ranks": 1, "zero_stage": 3, "layers": "fused", "deepspeed": {"zero_optimization": SMALL}}
    job = small_job(tmp_path, {"batch_tokens": 4 * 64}, launch)
    assert job.architecture
    job = job.model_copy(update={"architecture": job.architecture.model_copy(update={"num_hidden_layers": 8})})
    data, held = (PackedSequences(job.sequences / split) for split in ("train", "validation"))
    engine, _ = build_engine(job, CPU)
    clock = CommunicationClock(CPU)
    for step in (1, 2):
        optimiser_step(engine, job, rank_batch(job, data, step, 0), clock)
    before = validation_figures(engine, held, job)
    assert "INFLIGHT" in {p.ds_status.name for p in engine.module.parameters()}
    job.checkpoints.mkdir()
    save_weights(engine, job, 2)
    assert validation_figures(engine, held, job) == before
    optimiser_step(engine, job, rank_batch(job, data, 3, 0), clock)
