"""Which micro-batch `launch.micro_batch: auto` comes to."""

import psutil

from configs.errors import UserError
from configs.hostfile import ranks_a_machine, world_size
from configs.memory import largest_micro_batch
from configs.model import Architecture
from configs.profile import Profile
from pipeline.contract.formatting import size
from pipeline.contract.progress import say

MOST_ON_CPU = 4
"""Sequences: larger micro-batches are no faster on CPU (docs/experiments.md)."""


def fitting_micro_batch(profile: Profile, architecture: Architecture, vocabulary: int) -> int:
    """The largest micro-batch whose estimated memory fits and that divides a rank's share of the batch.

    On GPUs the memory is that of this machine's first, and the others are taken to be like it. Raises UserError when
    not even one sequence fits.
    """
    import torch

    train, launch, lora = profile.train, profile.launch, profile.model.lora
    ranks, length = world_size(launch), train.sides * profile.tokenise.sequence_length
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        capacity = torch.cuda.get_device_properties(0).total_memory
    else:
        capacity = psutil.virtual_memory().available // ranks_a_machine(launch)
    share = train.batch_tokens // length // ranks
    most = largest_micro_batch(
        architecture,
        vocabulary,
        ranks,
        launch.zero_stage,
        length,
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
    say(f"train: micro-batch {largest}, of at most {most} that fit {size(capacity)} a rank")
    return largest
