"""Validation: the mean loss over learned tokens of held-out sequences."""

import numpy as np
import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine

from training.data import PackedSequences, on_device


def validation_loss(engine: DeepSpeedEngine, data: PackedSequences, most: int, micro_batch: int) -> float:
    """Mean cross-entropy (nats) over all learned tokens of at most `most` evenly spaced sequences.

    Every rank measures its share, in equally many forward passes; sums are reduced in float64.
    """
    rank, ranks = dist.get_rank(), dist.get_world_size()
    count = min(most, len(data))
    chosen = np.arange(count) * len(data) // count
    total = torch.zeros(2, dtype=torch.float64, device=engine.device)
    engine.eval()
    with torch.no_grad():
        for start in range(0, count, ranks * micro_batch):
            mine = chosen[start + rank * micro_batch : start + (rank + 1) * micro_batch]
            batch = data.batch(mine, micro_batch)
            total[1] += len(batch["targets"])
            total[0] += engine(**on_device(batch, engine.device))
    engine.train()
    dist.all_reduce(total)
    return float(total[0] / total[1])
