"""AdamW, with weight decay on matrices only."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from configs.train import Train


def adamw(model: nn.Module, train: Train, fused: bool) -> torch.optim.AdamW:
    """The optimiser. A tied embedding is one parameter and is decayed once.

    Vectors (the weights of RMSNorm) are not decayed: decay would pull their gain to zero.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": train.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=train.learning_rate,
        betas=(train.beta1, train.beta2),
        eps=1e-8,
        fused=fused,
    )


@contextmanager
def without_update(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """The optimizer's next step moves nothing; what DeepSpeed does around it, it does."""
    optimizer.step = lambda *_, **__: None  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        del optimizer.step
