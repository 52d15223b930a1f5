"""Validation: the mean loss over learned tokens, or pairs, of held-out sequences."""

import numpy as np
import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine
from numpy.typing import NDArray

from training.data import PackedSequences, on_device


def measured(data: PackedSequences, most: int) -> NDArray[np.int64]:
    """Indices of at most `most` sequences, evenly spaced."""
    count = min(most, len(data))
    return np.arange(count) * len(data) // max(1, count)


def validation_figures(engine: DeepSpeedEngine, data: PackedSequences, most: int, micro_batch: int) -> list[float]:
    """Mean cross-entropy (nats) over all learned tokens of at most `most` evenly spaced sequences.

    Of pairs, the means over pairs of the loss and of training.metrics.PREFERENCES.
    Every rank measures its share, in equally many forward passes; sums are reduced in float64.
    """
    rank, ranks = dist.get_rank(), dist.get_world_size()
    chosen = measured(data, most)
    total = torch.zeros((), dtype=torch.float64, device=engine.device)
    engine.eval()
    with torch.no_grad():
        for start in range(0, len(chosen), ranks * micro_batch):
            mine = chosen[start + rank * micro_batch : start + (rank + 1) * micro_batch]
            batch = data.batch(mine, micro_batch)
            total = total + engine(**on_device(batch, engine.device)).reshape(-1)
    engine.train()
    dist.all_reduce(total)
    return (total / data.learned(chosen)).tolist()
