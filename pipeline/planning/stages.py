"""Seconds of every stage of the run."""

import math
from dataclasses import dataclass

from configs.evaluate import REPLIES_AT_ONCE
from configs.flops import flops_per_token
from configs.model import Architecture
from configs.profile import Profile
from configs.size import parameters
from pipeline.contract.stage import lookup
from pipeline.contract.stages import STAGES, conversations_into
from pipeline.planning.hardware import Gpu, Machines, table
from pipeline.planning.history import FORWARD
from pipeline.planning.rates import Rate, cores_of
from pipeline.planning.training import Training
from pipeline.planning.workload import Workload

UNITS = {
    "none": "",
    "text": "MB of text",
    "segments": "thousand segments",
    "points": "thousand vectors",
    "forward": "TFLOP",
    "tflop": "TFLOP",
}
"""A stage's unit of work, in words."""

PROCESS_SECONDS = 2.0
"""From the start of a task's process to its stage: Python and imports."""


@dataclass(frozen=True)
class StageTime:
    """One stage: the work that goes in, in the unit of its rate, and how long it takes."""

    stage: str
    units: float
    unit: str
    seconds: float
    origin: str


def stage_times(
    profile: Profile,
    work: Workload,
    machines: Machines,
    rates: dict[str, Rate],
    training: Training,
    architecture: Architecture,
) -> list[StageTime]:
    """Every stage in order. The wait for a human's review is not counted."""
    amounts = {
        "none": 0.0,
        "segments": work.segments / 1e3,
        "points": work.points / 1e3,
        "forward": _evaluated(profile, work) * _forward(profile, architecture) / 1e12,
        "tflop": training.tflop,
    }
    found = []
    for name, stage in STAGES.items():
        unit, rate = stage.work.unit, rates[name]
        if stage.work.needs and not lookup(profile, stage.work.needs):
            found.append(StageTime(name, 0.0, UNITS[unit], 0.0, f"nothing to do without {stage.work.needs}"))
            continue
        units = work.text.get(conversations_into(name), 0.0) / 1e6 if unit == "text" else amounts[unit]
        seconds, origin = rate.seconds(units, cores_of(name, profile, machines)), rate.origin
        if unit == "tflop":
            seconds, origin = training.seconds, training.origin
        elif unit == "segments" and machines.gpu and not rate.origin.startswith(("measured", "plan.rates")):
            seconds, origin = _embed_on_gpu(work, rate)
        elif unit == "forward" and machines.gpu and not rate.origin.startswith("plan.rates"):
            seconds, origin = _evaluate_on_gpu(profile, work, machines.gpu, rate, architecture)
        found.append(StageTime(name, units, UNITS[unit], seconds, origin))
    return found


def _embed_on_gpu(work: Workload, rate: Rate) -> tuple[float, str]:
    encoder = table()["encoder"]
    return rate.start + work.segments / encoder["segments_a_second"], f"one GPU, {encoder['source']}"


def _evaluated(profile: Profile, work: Workload) -> float:
    """Tokens that are read, the whole test split, or written, the greedy replies."""
    return work.test_tokens + profile.evaluate.generations * profile.evaluate.max_new_tokens


def _forward(profile: Profile, architecture: Architecture) -> float:
    """FLOP of a token that is read or written."""
    return flops_per_token(architecture, profile.tokenise.sequence_length) * FORWARD


def _evaluate_on_gpu(
    profile: Profile, work: Workload, gpu: Gpu, rate: Rate, architecture: Architecture
) -> tuple[float, str]:
    """Forward FLOP at the MFU of training, and each decoding step reads all weights once, in one process."""
    assert architecture.vocab_size is not None
    reading = work.test_tokens * _forward(profile, architecture) / (gpu.flops * gpu.mfu)
    weights = 2 * parameters(architecture, architecture.vocab_size)
    step = weights / (gpu.bandwidth * profile.plan.deployment.bandwidth_share)
    writing = math.ceil(profile.evaluate.generations / REPLIES_AT_ONCE) * profile.evaluate.max_new_tokens * step
    origin = "one GPU: forward FLOP at the MFU of training, decoding by memory bandwidth"
    return rate.start + reading + writing, origin
