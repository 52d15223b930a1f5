"""One of two ranks: the gradients of training's own step, for every ZeRO stage, against plain torch.

With plain gradient descent at a learning rate of 1, a step changes the weights by the gradient.
"""

import json
import sys
from pathlib import Path

import deepspeed
import torch
import torch.distributed as dist

from training.data import PackedSequences
from training.engine import deepspeed_config, start_distributed
from training.launcher import report_failure
from training.loss import SummedLoss, learned_tokens
from training.model import build_model
from training.order import global_batch
from training.plan import Plan
from training.weights import gather
from training.worker import optimiser_step

STEPS = 2


def main() -> None:
    plan = Plan.model_validate_json(Path(sys.argv[-1]).read_text())
    device = start_distributed(plan)
    data = PackedSequences(plan.sequences / "train")
    found = {}
    expected, losses, norms = plain_torch(plan, data)
    for stage in (0, 1, 2, 3):
        staged = plan.model_copy(update={"launch": plan.launch.model_copy(update={"zero_stage": stage})})
        model = build_model(staged, device)
        config = deepspeed_config(staged, device) | {"zero_allow_untested_optimizer": True}
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        engine, *_ = deepspeed.initialize(model=SummedLoss(model), optimizer=optimizer, config=config)
        steps = [optimiser_step(engine, staged, data, step) for step in range(1, STEPS + 1)]
        weights = gather(model, partitioned=stage == 3)
        if dist.get_rank() == 0:
            found[stage] = {
                "difference": max(float((weights[n] - w).abs().max()) for n, w in expected.items()),
                "loss": max(abs(step[0] - loss) for step, loss in zip(steps, losses, strict=True)),
                "norm": max(abs(step[1] - norm) for step, norm in zip(steps, norms, strict=True)),
            }
        engine.destroy()
    if dist.get_rank() == 0:
        (plan.out / "found.json").write_text(json.dumps({"stages": found, "norms": norms}))
    dist.barrier()
    dist.destroy_process_group()


def plain_torch(plan: Plan, data: PackedSequences) -> tuple[dict[str, torch.Tensor], list[float], list[float]]:
    """Weights after the steps, and loss and gradient norm of each, on one process, in one batch."""
    model = SummedLoss(build_model(plan, torch.device("cpu")))
    losses, norms = [], []
    for step in range(1, STEPS + 1):
        indices = global_batch(step, plan.batch_sequences, len(data), plan.seed)
        batch = data.batch(indices, len(indices))
        model.zero_grad()
        loss = model(**batch) / learned_tokens(batch["labels"])
        loss.backward()
        parameters = list(model.parameters())
        norms.append(float(torch.stack([p.grad.norm() for p in parameters if p.grad is not None]).norm()))
        losses.append(loss.item())
        with torch.no_grad():
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.sub_(parameter.grad)
    return {name: p.detach() for name, p in model.model.named_parameters()}, losses, norms


if __name__ == "__main__":
    try:
        main()
    except BaseException as error:
        report_failure(0, error)
        raise
