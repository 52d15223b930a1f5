"""One rank of training. Started by the deepspeed launcher as: worker.py plan.json"""

import json
import math
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine
from transformers import AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from configs.errors import UserError
from pipeline.fingerprint import write_atomically
from training.checkpoint import State, load_newest, save_checkpoint, saved_states
from training.data import PackedSequences, micro_batches
from training.engine import build_engine, precision, start_distributed
from training.launcher import end_with_stdin, report_failure
from training.loss import learned_tokens
from training.metrics import METRICS, curve, read_metrics
from training.order import global_batch
from training.plan import Plan
from training.report import Reporter
from training.schedule import learning_rate
from training.validation import validation_loss
from training.weights import forget_weights, save_weights, weights_of


def run(plan: Plan) -> None:
    """Trains, from the newest checkpoint if there is one, and leaves model/ and training.json."""
    device = start_distributed(plan)
    engine, parameters = build_engine(plan, device)
    layout = {"ranks": plan.world_size, "zero_stage": plan.launch.zero_stage, "precision": precision(plan, device)}
    state = load_newest(engine, plan.checkpoints, layout)
    training, validation = (PackedSequences(plan.sequences / split) for split in ("train", "validation"))
    with Reporter(plan, state, device) as report:
        while state.step < plan.train.steps and state.without_improvement < plan.train.patience:
            state.step += 1
            report.step(*optimiser_step(engine, plan, training, state.step))
            if state.step % plan.train.validation_every == 0 or state.step == plan.train.steps:
                validate(engine, plan, validation, state, report)
            if state.step % plan.train.checkpoint_every == 0 and state.step < plan.train.steps:
                save_checkpoint(engine, plan.checkpoints, report.clocked(), layout, plan.launch.keep_checkpoints)
    if dist.get_rank() == 0:
        finish(plan, report.clocked(), layout | {"parameters": parameters})
    dist.barrier()


def optimiser_step(engine: DeepSpeedEngine, plan: Plan, data: PackedSequences, step: int) -> tuple[float, float, float]:
    """One step over the global batch: (mean loss of its learned tokens, gradient norm, learning rate).

    DeepSpeed divides the gradient by ranks and by accumulation; multiplying by both and dividing by
    the learned tokens of the global batch makes it the gradient of that mean, not of a mean of means.
    """
    rank, ranks, size = dist.get_rank(), plan.world_size, plan.launch.micro_batch
    indices = global_batch(step, plan.batch_sequences, len(data), plan.seed)
    batches = [data.batch(mine, size) for mine in micro_batches(indices, rank, ranks, size)]
    learned = torch.tensor(sum(learned_tokens(b["labels"]) for b in batches), device=engine.device)
    dist.all_reduce(learned)
    scale = ranks * plan.accumulation / max(1, int(learned))
    rate = learning_rate(step, plan.train)
    for group in engine.optimizer.param_groups:
        group["lr"] = rate
    total = torch.zeros((), dtype=torch.float64, device=engine.device)
    for batch in batches:
        loss = engine(**{name: tensor.to(engine.device, non_blocking=True) for name, tensor in batch.items()})
        engine.backward(loss * scale)
        norm = local_gradient_norm(engine)
        engine.step()
        total += loss.detach()
    dist.all_reduce(total)
    mean = float(total) / max(1, int(learned))
    if not math.isfinite(mean):
        raise UserError(
            f"train: the loss of step {step} is {mean}; lower train.learning_rate or raise train.warmup_steps"
        )
    return mean, float(engine.get_global_grad_norm() or norm), rate


def local_gradient_norm(engine: DeepSpeedEngine) -> float:
    """The norm of the reduced gradient where DeepSpeed keeps none: without ZeRO, in fp32. 0 elsewhere."""
    if hasattr(engine.optimizer, "_global_grad_norm") or not engine.is_gradient_accumulation_boundary():
        return 0.0
    return float(torch.nn.utils.get_total_norm([p.grad for p in engine.parameters() if p.grad is not None]))


def validate(engine: DeepSpeedEngine, plan: Plan, data: PackedSequences, state: State, report: Reporter) -> None:
    """Measures the validation loss; keeps the weights when it is the best so far.

    Without validation data the last weights count as the best.
    """
    if len(data):
        loss = validation_loss(engine, data, plan.train.validation_sequences, plan.launch.micro_batch)
        report.validation(loss)
        if state.best_loss is not None and loss >= state.best_loss:
            state.without_improvement += 1
            return
        state.best_loss = loss
    elif state.step < plan.train.steps:
        return
    state.best_step, state.without_improvement = state.step, 0
    save_weights(engine, plan.checkpoints, state.step)
    if dist.get_rank() == 0:
        forget_weights(plan.checkpoints, {state.step} | {s.best_step for s in saved_states(plan.checkpoints)})


def finish(plan: Plan, state: State, facts: dict[str, Any]) -> None:
    """Leaves the best weights and the tokenizer in model/, and training.json. Rank 0 only."""
    model = plan.out / "model"
    shutil.copytree(weights_of(plan.checkpoints, state.best_step), model, dirs_exist_ok=True)
    AutoTokenizer.from_pretrained(plan.tokenizer).save_pretrained(model)
    lines = read_metrics(plan.out / METRICS)
    tokens = state.step * plan.train.batch_tokens
    summary = facts | {
        "steps": state.step,
        "tokens": tokens,
        "tokens_per_second": round(tokens / state.seconds, 1),
        "seconds": round(state.seconds, 1),
        "best_step": state.best_step,
        "stopped_early": state.step < plan.train.steps,
        "train_loss": curve(lines, "loss"),
        "validation_loss": curve(lines, "validation_loss"),
    }
    write_atomically(plan.out / "training.json", json.dumps(summary, indent=1))


def main() -> None:
    """Reads the plan and trains. A failure is told in one line, which the launching stage looks for."""
    disable_progress_bar()
    plan = Plan.model_validate_json(Path(sys.argv[-1]).read_text(encoding="utf-8"))
    if plan.launch.hostfile is None:
        end_with_stdin()
    try:
        run(plan)
    except BaseException as error:
        traceback.print_exc()
        report_failure(int(os.environ["RANK"]), error)
        os._exit(1)  # a rank that waits for another would never come to the end of the interpreter
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
