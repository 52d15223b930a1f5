"""Validation: the mean loss over learned tokens, or pairs, of held-out sequences."""

import numpy as np
import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine
from numpy.typing import NDArray

from training.data import PackedSequences, on_device
from training.job_config import JobConfig
from training.sequence_parallel import part_of


def measured(data: PackedSequences, most: int) -> NDArray[np.int64]:
    """Indices of at most `most` sequences, evenly spaced."""
    count = min(most, len(data))
    return np.arange(count) * len(data) // max(1, count)


def validation_figures(engine: DeepSpeedEngine, data: PackedSequences, job: JobConfig) -> list[float]:
    """Mean cross-entropy (nats) over all learned tokens of at most train.validation_sequences, evenly spaced.

    Of pairs, the means over pairs of the loss and of training.metrics.PREFERENCES.
    Every rank measures its share, in equally many forward passes; sums are reduced in float64.
    """
    micro_batch, shared = job.micro_batch, job.launch.sequence_parallel
    group, place = divmod(dist.get_rank(), shared)
    chosen = measured(data, job.train.validation_sequences)
    total = torch.zeros((), dtype=torch.float64, device=engine.device)
    engine.eval()
    with torch.no_grad():
        for start in range(0, len(chosen), job.data_ranks * micro_batch):
            mine = chosen[start + group * micro_batch : start + (group + 1) * micro_batch]
            batch = part_of(data.batch(mine, micro_batch), place, shared)
            total = total + engine(**on_device(batch, engine.device)).reshape(-1)
    engine.train()
    dist.all_reduce(total)
    return (total / data.learned(chosen)).tolist()
