"""One of two ranks: the gradients of training's own step, for every ZeRO stage, against plain torch.

With plain gradient descent at a learning rate of 1, a step changes the weights by the gradient.
"""

import json
from typing import Any, NamedTuple

import deepspeed
import torch
import torch.distributed as dist

from configs.model import Lora
from tests.training.ranks import on_ranks
from training.communication import CommunicationClock
from training.data import PackedSequences
from training.engine import deepspeed_config, loss_of, start_distributed
from training.job_config import JobConfig
from training.layers import prepare_layers
from training.loss import SummedLoss
from training.model import build_model
from training.order import global_batch
from training.prefetch import rank_batch
from training.step import optimiser_step
from training.weights import gather

STEPS = 2
LORA, TOKENS = Lora(rank=2, alpha=8), (5, 500)


class Case(NamedTuple):
    """micro_batch: accumulation is 4 over it, in a global batch of 8 sequences. shared: ranks that share each sequence.
    tokens: those whose rows are trained beside adapters. recomputed: train.activation_checkpointing.
    """

    micro_batch: int
    lora: Lora | None = None
    layers: str = "plain"
    shared: int = 1
    tokens: tuple[int, ...] = ()
    recomputed: str = "none"
    stages: tuple[int, ...] = (0, 1, 2, 3)

    def __str__(self) -> str:
        weights = f"LoRA and {len(self.tokens)} rows" if self.lora else "all weights"
        return f"{weights}, {self.layers}, recomputed {self.recomputed}, sequences shared by {self.shared}"


CASES = [
    Case(4),
    Case(1),
    Case(2, LORA, tokens=TOKENS),
    Case(2, LORA, "fused", tokens=TOKENS),
    Case(4, shared=2),
    Case(4, LORA, "fused", shared=2, tokens=TOKENS),
    Case(4, layers="fused", stages=(1, 3)),
    Case(1, layers="fused", recomputed="full", stages=(1, 3)),
    Case(1, LORA, "fused", recomputed="selective", stages=(1, 3)),
]

SMALL = {
    "stage3_max_reuse_distance": 0,
    "stage3_param_persistence_threshold": 1000,
    "stage3_prefetch_bucket_size": 87_000,
    "stage3_max_live_parameters": 150_000,
}
"""ZeRO-3 keeps parameters of up to 100,000 elements, and what is used again within 10⁹: all of so small a model.
With these, its matrices come and go as those of a large one do."""


def main(job: JobConfig) -> None:
    device = start_distributed(job)
    data = PackedSequences(job.sequences / "train")
    clock = CommunicationClock(device)
    found = []
    for case in CASES:
        changed = {"micro_batch": case.micro_batch, "layers": case.layers, "sequence_parallel": case.shared}
        this = job.model_copy(
            update={
                "launch": job.launch.model_copy(update=changed),
                "train": job.train.model_copy(update={"activation_checkpointing": case.recomputed}),
                "lora": case.lora,
                "new_tokens": case.tokens,
            }
        )
        expected = plain_torch(this, data)
        for stage in case.stages:
            name = f"ZeRO {stage}, accumulation {this.accumulation}, {case}"
            found.append({"case": name} | measured(this, stage, data, device, clock, expected))
    if dist.get_rank() == 0:
        (job.out / "found.json").write_text(json.dumps(found))


def measured(
    job: JobConfig,
    stage: int,
    data: PackedSequences,
    device: torch.device,
    clock: CommunicationClock,
    expected: tuple[dict[str, torch.Tensor], list[float], list[float]],
) -> dict[str, Any]:
    """Largest differences of one case from plain torch."""
    changed = {"zero_stage": stage, "deepspeed": {"zero_optimization": SMALL if stage == 3 else {}}}
    staged = job.model_copy(update={"launch": job.launch.model_copy(update=changed)})
    model = build_model(staged, device)
    prepare_layers(model, staged, device, fp8=False)
    config = deepspeed_config(staged, device, {}) | {"zero_allow_untested_optimizer": True}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    engine, *_ = deepspeed.initialize(model=loss_of(model, staged), optimizer=optimizer, config=config)
    steps = range(1, STEPS + 1)
    outcomes = [optimiser_step(engine, staged, rank_batch(staged, data, s, dist.get_rank()), clock) for s in steps]
    found = gather(model, partitioned=stage == 3)
    weights, losses, norms = expected
    engine.destroy()
    return {
        "difference": max((float((found[n] - w).abs().max()) for n, w in weights.items() if n in found), default=0.0),
        "weights": len(found),
        "loss": max(abs(o.loss - loss) for o, loss in zip(outcomes, losses, strict=True)),
        "norm": max(abs(o.gradient_norm - norm) for o, norm in zip(outcomes, norms, strict=True)),
        "smallest_norm": min(norms),
        "communication_seconds": sum(o.communication_seconds() for o in outcomes),
    }


def plain_torch(job: JobConfig, data: PackedSequences) -> tuple[dict[str, torch.Tensor], list[float], list[float]]:
    """Weights after the steps, and loss and gradient norm of each, on one process, in one batch."""
    model = SummedLoss(build_model(job, torch.device("cpu")))
    parameters = [p for p in model.parameters() if p.requires_grad]
    losses, norms = [], []
    for step in range(1, STEPS + 1):
        indices = global_batch(step, job.batch_sequences, len(data), job.seed)
        batch = data.batch(indices, len(indices))
        model.zero_grad()
        loss = model(**batch) / len(batch["targets"])
        loss.backward()
        gradients = [p.grad for p in parameters if p.grad is not None]
        assert len(gradients) == len(parameters)
        norms.append(float(torch.stack([g.norm() for g in gradients]).norm()))
        losses.append(loss.item())
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(gradient)
    return {name: p.detach() for name, p in model.model.named_parameters()}, losses, norms


if __name__ == "__main__":
    on_ranks(main)
