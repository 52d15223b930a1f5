"""Seconds of every stage of the run."""

import math
from dataclasses import dataclass

from configs.evaluate import REPLIES_AT_ONCE
from configs.flops import flops_per_token
from configs.model import Architecture
from configs.profile import Profile
from pipeline.contract.stages import STAGES
from pipeline.planning.hardware import Machines, table
from pipeline.planning.history import FORWARD
from pipeline.planning.rates import Rate
from pipeline.planning.training import Training
from pipeline.planning.workload import Workload

"""As eval/evaluate.py generates."""

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
    local = machines.local_cores
    text = {
        "acquire": work.text["acquire"],
        "score": work.text["acquire"],
        "clean": work.text["score"],
        "deduplicate": work.text["clean"],
        "annotate": work.text["deduplicate"],
        "balance": work.text["deduplicate"],
        "tokenise": work.text["balance"],
    }
    found = []
    for name in STAGES:
        rate = rates.get(name, Rate("none", 0.0, 0.0, "not measured"))
        if name in text:
            units = text[name] / 1e6
            found.append(
                StageTime(name, units, "MB of text", rate.seconds(units, machines.effective_cores), rate.origin)
            )
        elif name == "embed":
            found.append(_embed(work, machines, rate, local))
        elif name == "index":
            units = work.points / 1e3
            found.append(StageTime(name, units, "thousand vectors", rate.seconds(units, local), rate.origin))
        elif name == "train":
            found.append(StageTime(name, training.tflop, "TFLOP", training.seconds, training.origin))
        elif name == "evaluate":
            found.append(_evaluate(profile, work, machines, rate, local, architecture))
        else:
            found.append(StageTime(name, 0.0, "", rate.start, rate.origin))
    return found


def _embed(work: Workload, machines: Machines, rate: Rate, cores: float) -> StageTime:
    units = work.segments / 1e3
    if machines.gpu is None or rate.origin.startswith(("measured", "plan.rates")):
        return StageTime("embed", units, "thousand segments", rate.seconds(units, cores), rate.origin)
    encoder = table()["encoder"]
    seconds = rate.start + work.segments / encoder["segments_a_second"]
    return StageTime("embed", units, "thousand segments", seconds, f"one GPU, {encoder['source']}")


def _evaluate(
    profile: Profile, work: Workload, machines: Machines, rate: Rate, cores: float, architecture: Architecture
) -> StageTime:
    """Losses of the whole test split and greedy replies, in one process.

    On a GPU: forward FLOP at the MFU of training, and each decoding step reads all weights once.
    """
    replies = profile.evaluate.generations
    units = (work.test_tokens + replies * profile.evaluate.max_new_tokens) / 1e3
    gpu = machines.gpu
    if gpu is None or rate.origin.startswith("plan.rates"):
        return StageTime("evaluate", units, "thousand tokens", rate.seconds(units, cores), rate.origin)
    forward = flops_per_token(architecture, profile.tokenise.sequence_length) * FORWARD
    reading = work.test_tokens * forward / (gpu.flops * gpu.mfu)
    weights = 2 * architecture_parameters(architecture)
    step = weights / (gpu.bandwidth * profile.plan.deployment.bandwidth_share)
    writing = math.ceil(replies / REPLIES_AT_ONCE) * profile.evaluate.max_new_tokens * step
    origin = "one GPU: forward FLOP at the MFU of training, decoding by memory bandwidth"
    return StageTime("evaluate", units, "thousand tokens", rate.start + reading + writing, origin)


def architecture_parameters(architecture: Architecture) -> int:
    """Parameters of an architecture whose vocabulary is set."""
    from configs.size import parameters

    assert architecture.vocab_size is not None
    return parameters(architecture, architecture.vocab_size)
