"""One of two ranks: LoRA with dropout, resumed from its own checkpoint in a new engine: resume_ranks.py JOB."""

import json
from pathlib import Path

import torch.distributed as dist
from deepspeed import DeepSpeedEngine

from tests.training.ranks import on_ranks
from training.checkpoint import State, load_newest, save_checkpoint
from training.communication import CommunicationClock
from training.data import PackedSequences
from training.engine import build_engine, start_distributed
from training.job_config import JobConfig
from training.prefetch import rank_batch
from training.step import optimiser_step
from training.worker import trainable

HALF = 3


def main(job: JobConfig) -> None:
    device = start_distributed(job)
    clock, data = CommunicationClock(device), PackedSequences(job.sequences / "train")
    found = {}

    def losses(engine: DeepSpeedEngine, this: JobConfig, steps: range) -> list[float]:
        return [optimiser_step(engine, this, rank_batch(this, data, s, dist.get_rank()), clock).loss for s in steps]

    for stage in (0, 1, 2, 3):
        this = job.model_copy(update={"launch": job.launch.model_copy(update={"zero_stage": stage})})
        folder = job.checkpoints / str(stage)
        engine, _ = build_engine(this, device)
        first = losses(engine, this, range(1, HALF + 1))
        save_checkpoint(engine, folder, State(step=HALF), Path(__file__), {}, keep=1)
        second = losses(engine, this, range(HALF + 1, 2 * HALF + 1))
        engine.destroy()
        engine, _ = build_engine(this, device)
        state = load_newest(engine, folder, {})
        resumed = losses(engine, this, range(state.step + 1, 2 * HALF + 1))
        found[stage] = {"first": first, "second": second, "resumed": resumed, "trainable": trainable(engine)}
        engine.destroy()
    if dist.get_rank() == 0:
        (job.out / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    on_ranks(main)
