"""Which micro-batch `launch.micro_batch: auto` comes to: the fastest of those that fit."""

import json
from pathlib import Path
from typing import Any

import psutil

from configs.errors import EndedError, UserError
from configs.hostfile import ranks_a_machine, world_size
from configs.memory import largest_micro_batch
from configs.model import Architecture
from configs.profile import Profile
from pipeline.contract.atomic_write import write_text
from pipeline.contract.formatting import size
from pipeline.contract.progress import say
from pipeline.contract.sealed_json import DamagedError, read_sealed, write_sealed
from training.job_config import JobConfig, fitting_micro_batches
from training.launcher import launch

MOST_ON_CPU = 4
"""Sequences: larger micro-batches are no faster on CPU (docs/experiments.md)."""

TRIED = 4
"""Micro-batches that are measured: the largest of those that divide a rank's share."""

SPEEDS, CHOSEN = "micro_batch_speeds.json", "micro_batch.json"
TRIAL = Path(__file__).with_name("micro_batch_trial.py")


def fastest(job: JobConfig, script: Path = TRIAL) -> JobConfig:
    """The job with the fastest of the micro-batches up to its own, as `script` measures them on all ranks.

    An earlier attempt's choice stays, so that a resumed run divides its batch as before. Pairs are not measured: their
    reference is made before the first step, by a pass over all of them.
    """
    sizes = candidates(job)
    if len(sizes) == 1 or job.train.prefers:
        return job
    key = {"sizes": sizes, "ranks": job.world_size, "layers": job.launch.layers, "zero_stage": job.launch.zero_stage}
    chosen = _chosen(job, key)
    if chosen is None:
        speeds = _measured(job, script)
        chosen = max(speeds, key=lambda size: speeds[size])
        write_sealed(job.checkpoints / CHOSEN, {"key": key, "micro_batch": chosen})
        each = ", ".join(f"{size}: {speed:,.0f}" for size, speed in speeds.items())
        say(f"train: micro-batch {chosen}, the fastest of those that fit; tokens/s a rank of {each}")
    return with_micro_batch(job, chosen)


def candidates(job: JobConfig) -> list[int]:
    """Those to measure; the job's own is the largest."""
    return fitting_micro_batches(job.train.batch_tokens, job.data_ranks * job.packed_length, job.micro_batch)[-TRIED:]


def with_micro_batch(job: JobConfig, size: int) -> JobConfig:
    """The same job, divided otherwise."""
    return job.model_copy(update={"launch": job.launch.model_copy(update={"micro_batch": size})})


def _chosen(job: JobConfig, key: dict[str, Any]) -> int | None:
    try:
        found = read_sealed(job.checkpoints / CHOSEN, "the micro-batches are measured again")
    except FileNotFoundError:
        return None
    except DamagedError as error:
        say(f"train: {error}")
        return None
    return found["micro_batch"] if found["key"] == key else None


def _measured(job: JobConfig, script: Path) -> dict[int, float]:
    """Micro-batch to tokens a second and rank. Where one ends the trial, those before it count."""
    path, speeds = job.checkpoints / "trial.json", job.checkpoints / SPEEDS
    speeds.unlink(missing_ok=True)
    write_text(path, job.model_dump_json())
    say(f"train: measures micro-batches {', '.join(map(str, candidates(job)))}")
    try:
        launch(path, job.launch, job.checkpoints, script)
    except (EndedError, UserError, RuntimeError) as error:
        if not speeds.exists():
            raise
        say(f"{error}; larger micro-batches are left out")
    return {int(size): speed for size, speed in json.loads(speeds.read_text(encoding="utf-8")).items()}


def fitting_micro_batch(profile: Profile, architecture: Architecture, vocabulary: int) -> int:
    """The largest micro-batch whose estimated memory fits and that divides a rank's share of the batch; `fastest` looks
    for a better one below it.

    On GPUs the memory is that of this machine's first, and the others are taken to be like it. Raises UserError when
    not even one sequence fits.
    """
    import torch

    train, launch, lora = profile.train, profile.launch, profile.model.lora
    ranks, shared = world_size(launch), launch.sequence_parallel
    length = train.sides * profile.tokenise.sequence_length
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        capacity = torch.cuda.get_device_properties(0).total_memory
    else:
        capacity = psutil.virtual_memory().available // ranks_a_machine(launch)
    share = train.batch_tokens // length // (ranks // shared)
    most = largest_micro_batch(
        architecture,
        vocabulary,
        ranks,
        launch.zero_stage,
        length // shared,
        train.activation_checkpointing,
        train.precision_on(on_gpu),
        capacity,
        lora=lora.rank if lora else None,
        fused=on_gpu,
        most=share if on_gpu else MOST_ON_CPU,
    )
    if not most:
        raise UserError(
            f"launch.micro_batch: not one sequence of {length} tokens fits {size(capacity)} a rank; set "
            f"train.activation_checkpointing=full, a higher launch.zero_stage or a shorter tokenise.sequence_length"
        )
    largest = max(number for number in range(1, min(most, share) + 1) if share % number == 0)
    say(f"train: micro-batches of up to {largest}, of {most} that fit {size(capacity)} a rank")
    return largest
