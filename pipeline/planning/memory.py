"""Training memory by ZeRO stage, and the largest micro-batch that fits the named GPU."""

from dataclasses import asdict, dataclass
from typing import Any

from configs.memory import OUTSIDE_ALLOCATOR, checkpoint_copy_bytes, largest_micro_batch, memory_estimate
from configs.model import Architecture
from configs.profile import Profile
from pipeline.planning.hardware import Machines


@dataclass(frozen=True)
class StageMemory:
    """One ZeRO stage at the profile's micro-batch: bytes a rank by component.

    fits: on the named GPU; None without one. largest: micro-batch that fits; None without a GPU. copy: bytes of a
    machine's own memory for a checkpoint on its way to the disk.
    """

    zero_stage: int
    chosen: bool
    parts: dict[str, int]
    total: int
    fits: bool | None
    largest: int | None
    copy: int


def memory_plan(profile: Profile, architecture: Architecture, machines: Machines) -> list[StageMemory]:
    """ZeRO 0 to 3, each with the profile's other settings."""
    assert architecture.vocab_size is not None
    launch, lora = profile.launch, profile.model.lora
    on_gpu = machines.gpu is not None
    common: dict[str, Any] = {
        "architecture": architecture,
        "vocabulary": architecture.vocab_size,
        "ranks": machines.ranks,
        "sequence_length": profile.train.sides * profile.tokenise.sequence_length // launch.sequence_parallel,
        "checkpointing": profile.train.activation_checkpointing,
        "precision": profile.train.precision_on(on_gpu),
        "fused": on_gpu,
    }
    adapters: dict[str, Any] = {"lora": lora.rank, "lora_targets": lora.target_modules} if lora else {}
    common |= adapters
    local = -(-machines.ranks // machines.training_machines)
    vocabulary, precision = architecture.vocab_size, common["precision"]
    capacity = machines.gpu.memory if machines.gpu else None
    found = []
    for stage in (0, 1, 2, 3):
        largest = largest_micro_batch(zero_stage=stage, capacity_bytes=capacity, **common) if capacity else None
        micro_batch = launch.micro_batch if isinstance(launch.micro_batch, int) else largest or 1
        estimate = memory_estimate(zero_stage=stage, micro_batch=micro_batch, **common)
        fits = estimate.total + OUTSIDE_ALLOCATOR <= capacity if capacity else None
        chosen, parts = stage == launch.zero_stage, asdict(estimate)
        copy = checkpoint_copy_bytes(architecture, vocabulary, machines.ranks, local, stage, precision, **adapters)
        found.append(StageMemory(stage, chosen, parts, estimate.total, fits, largest, copy))
    return found
