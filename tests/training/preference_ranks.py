"""Learning from pairs on one rank or two: preference_ranks.py JOB writes what rank 0 saw of each case.

A case is resumed half-way from its own checkpoint, in a new engine that must find the reference of the first.
"""

import json
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine

from configs.model import Lora
from tests.training.ranks import on_ranks
from training.checkpoint import State, load_newest, save_checkpoint
from training.communication import CommunicationClock
from training.data import PackedSequences
from training.engine import build_engine, start_distributed
from training.job_config import JobConfig
from training.objective import sequences
from training.prefetch import rank_batch
from training.step import optimiser_step
from training.validation import validation_figures

STEPS = 6
LORA = Lora(rank=4, alpha=8)
CASES: list[tuple[int, Lora | None]] = [(0, None), (1, None), (2, None), (3, None), (1, LORA), (3, LORA)]
"""ZeRO stage, and adapters."""


def main(job: JobConfig) -> None:
    device = start_distributed(job)
    clock = CommunicationClock(device)
    found = {}
    for stage, lora in CASES:
        launch = job.launch.model_copy(update={"zero_stage": stage})
        name = f"{'LoRA' if lora else 'all weights'}, ZeRO {stage}"
        folder = job.checkpoints / str(job.world_size) / name
        case = job.model_copy(update={"launch": launch, "lora": lora, "checkpoints": folder})
        found[name] = measured(case, device, clock)
    if dist.get_rank() == 0:
        (job.out / f"found-{job.world_size}.json").write_text(json.dumps(found))


def measured(job: JobConfig, device: torch.device, clock: CommunicationClock) -> dict[str, Any]:
    """Loss, accuracy, margin and both rewards of each step; the same of the steps after a resume; held-out figures."""

    def steps(engine: DeepSpeedEngine, data: PackedSequences, first: int, last: int) -> list[list[float]]:
        batches = [rank_batch(job, data, step, dist.get_rank()) for step in range(first, last + 1)]
        outcomes = [optimiser_step(engine, job, batch, clock) for batch in batches]
        return [[outcome.loss, *outcome.others] for outcome in outcomes]

    engine, _ = build_engine(job, device)
    data, held_out = (sequences(engine, job, device, split) for split in ("train", "validation"))
    measuring = job.model_copy(update={"train": job.train.model_copy(update={"validation_sequences": 8})})
    before = validation_figures(engine, held_out, measuring)
    figures = steps(engine, data, 1, STEPS // 2)
    save_checkpoint(engine, job.checkpoints, State(step=STEPS // 2), Path(__file__), {}, keep=1)
    figures += steps(engine, data, STEPS // 2 + 1, STEPS)
    after = validation_figures(engine, held_out, measuring)
    engine.destroy()
    made = {file: file.stat().st_mtime_ns for file in job.checkpoints.rglob("*.npy")}
    engine, _ = build_engine(job, device)
    data = sequences(engine, job, device, "train")
    load_newest(engine, job.checkpoints, {})
    resumed = steps(engine, data, STEPS // 2 + 1, STEPS)
    engine.destroy()
    kept = made == {file: file.stat().st_mtime_ns for file in job.checkpoints.rglob("*.npy")}
    return {"steps": figures, "resumed": resumed, "before": before, "after": after, "kept": kept, "files": len(made)}


if __name__ == "__main__":
    on_ranks(main)
