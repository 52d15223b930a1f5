"""One of two ranks that share a conversation of 32,768 tokens; rank 0 also takes it whole."""

import json
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from tests.training.ranks import on_ranks
from training.data import packed_batch
from training.engine import loss_of, start_distributed
from training.job_config import JobConfig
from training.loss import SummedLoss
from training.model import build_model
from training.sequence_parallel import part_of

LENGTH = 32_768


def main(job: JobConfig) -> None:
    device = start_distributed(job)
    random = np.random.default_rng(1)
    tokens, learned = random.integers(3, job.vocabulary, (1, LENGTH)), random.random((1, LENGTH)) < 0.5
    batch = packed_batch(tokens, np.zeros((1, LENGTH), np.int64), learned)
    model = build_model(job, device)
    shared = loss_of(model, job)
    assert isinstance(shared, SummedLoss)
    found = outcome(shared, part_of(batch, dist.get_rank(), 2))
    for value in found.values():
        dist.all_reduce(value)
    if dist.get_rank() == 0:
        shared.shared = None
        whole = outcome(shared, batch)
        worst = {n: float((found[n] - w).abs().max() / w.abs().max()) for n, w in whole.items() if n != "loss"}
        told = {"loss": [float(found["loss"]), float(whole["loss"])], "worst": worst, "learned": len(batch["kept"])}
        (job.out / "found.json").write_text(json.dumps(told))


def outcome(module: SummedLoss, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The loss, and the gradient of every parameter."""
    module.zero_grad()
    loss = module(**batch)
    loss.backward()
    gradients = {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}
    return {"loss": loss.detach(), **gradients}


if __name__ == "__main__":
    on_ranks(main)
