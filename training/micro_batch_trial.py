"""Measures a few steps with each micro-batch. Started by training/launcher.py as: micro_batch_trial.py job.json"""

import gc
import json
import math
import time

import torch
import torch.distributed as dist

from pipeline.contract.atomic_write import write_text
from training.communication import CommunicationClock
from training.data import PackedSequences
from training.engine import build_engine, start_distributed
from training.job_config import JobConfig
from training.micro_batch import SPEEDS, candidates, with_micro_batch
from training.prefetch import Prefetch
from training.rank import on_rank
from training.step import optimiser_step

WARM_UP, MEASURED = 1, 3
"""Steps of each: a first one compiles, tunes and allocates."""


def measure(job: JobConfig) -> None:
    """Writes micro-batch to tokens a second and rank to the file SPEEDS, anew after each: a later one may not fit.

    A step has as many sequences as all micro-batches divide, so that each exchanges gradients as often.
    """
    device = start_distributed(job)
    clock, sizes = CommunicationClock(device), candidates(job)
    tokens = math.lcm(*sizes) * job.packed_length
    short = {"batch_tokens": tokens * job.data_ranks, "steps": WARM_UP + MEASURED}
    trial = job.model_copy(update={"train": job.train.model_copy(update=short)})
    data = PackedSequences(job.sequences / "train")
    speeds = {}
    for size in sizes:
        speeds[size] = round(
            tokens / job.launch.sequence_parallel / _seconds(with_micro_batch(trial, size), data, device, clock), 1
        )
        if dist.get_rank() == 0:
            write_text(job.checkpoints / SPEEDS, json.dumps(speeds))


def _seconds(job: JobConfig, data: PackedSequences, device: torch.device, clock: CommunicationClock) -> float:
    """The shortest step, on the rank that takes longest."""
    engine, _ = build_engine(job, device)
    took = []
    with Prefetch(job, data, 1, dist.get_rank(), device) as batches:
        for batch in batches:
            dist.barrier()
            began = time.perf_counter()
            outcome = optimiser_step(engine, job, batch, clock)
            _ = outcome.gradient_norm  # waits for the device
            took.append(time.perf_counter() - began)
    engine.destroy()
    del engine, outcome
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    shortest = torch.tensor([min(took[WARM_UP:])], device=device)
    dist.all_reduce(shortest, dist.ReduceOp.MAX)
    return shortest.item()


if __name__ == "__main__":
    on_rank(measure)
