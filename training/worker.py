"""One rank of training. Started by the deepspeed launcher as: worker.py plan.json"""

import json
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any

import torch.distributed as dist
from deepspeed import DeepSpeedEngine
from transformers import AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from pipeline.contract.whole_file import write_text
from training.checkpoint import State, load_newest, save_checkpoint, saved_states
from training.communication import CommunicationClock
from training.data import PackedSequences
from training.engine import build_engine, precision, start_distributed
from training.launcher import end_with_stdin, report_failure
from training.metrics import METRICS, curve, read_metrics
from training.plan import Plan
from training.prefetch import Prefetch
from training.profiler import Trace
from training.reporter import Reporter
from training.step import Outcome, optimiser_step
from training.validation import validation_loss
from training.weights import ADAPTER_FOLDER, forget_weights, save_weights, weights_of


def run(plan: Plan) -> None:
    """Trains, from the newest checkpoint if there is one, and leaves model/ and training.json."""
    device = start_distributed(plan)
    engine, parameters = build_engine(plan, device)
    layout = {"ranks": plan.world_size, "zero_stage": plan.launch.zero_stage, "precision": precision(plan, device)}
    state = load_newest(engine, plan.checkpoints, layout)
    rank, clock = dist.get_rank(), CommunicationClock(device)
    training, validation = (PackedSequences(plan.sequences / split) for split in ("train", "validation"))
    with (
        Reporter(plan, state, device, engine.module.model.config) as report,
        Prefetch(plan, training, state.step + 1, rank, device) as batches,
        Trace(plan, rank, state.step, device) as trace,
    ):
        before: Outcome | None = None
        for batch in batches:
            if state.without_improvement >= plan.train.patience:
                break
            trace.begins(batch.step)
            outcome = optimiser_step(engine, plan, batch, clock, batches.take_waited())
            trace.ended(batch.step)
            if before:  # the device is through with it by now, and busy with the step just begun
                report.step(before)
            state.step, before = batch.step, outcome
            validates = state.step % plan.train.validation_every == 0 or state.step == plan.train.steps
            saves = state.step % plan.train.checkpoint_every == 0 and state.step < plan.train.steps
            if validates or saves or not outcome.waits_for_device:
                report.step(outcome)  # raises when the loss is not a number: such weights are never kept
                before = None
            if validates:
                validate(engine, plan, validation, state, report)
            if saves:
                save_checkpoint(engine, plan.checkpoints, report.clocked(), layout, plan.launch.keep_checkpoints)
            if validates or saves:
                report.resumes()
    if rank == 0:
        finish(plan, report.clocked(), layout | {"parameters": parameters, "trainable_parameters": trainable(engine)})
    dist.barrier()


def trainable(engine: DeepSpeedEngine) -> int:
    """How many parameters training changes. ZeRO-3 keeps a rank's share only, and the whole count beside it."""
    return sum(getattr(p, "ds_numel", p.numel()) for p in engine.module.parameters() if p.requires_grad)


def validate(engine: DeepSpeedEngine, plan: Plan, data: PackedSequences, state: State, report: Reporter) -> None:
    """Measures the validation loss; keeps the weights when it is the best so far.

    Without validation data the last weights count as the best.
    """
    if len(data):
        loss = validation_loss(engine, data, plan.train.validation_sequences, plan.micro_batch)
        report.validation(loss)
        if state.best_loss is not None and loss >= state.best_loss:
            state.without_improvement += 1
            return
        state.best_loss = loss
    elif state.step < plan.train.steps:
        return
    state.best_step, state.without_improvement = state.step, 0
    save_weights(engine, plan, state.step)
    if dist.get_rank() == 0:
        forget_weights(plan.checkpoints, {state.step} | {s.best_step for s in saved_states(plan.checkpoints)})


def finish(plan: Plan, state: State, facts: dict[str, Any]) -> None:
    """Leaves the best weights and the tokenizer in model/, LoRA's in adapter/, and training.json. Rank 0 only."""
    model, best = plan.out / "model", weights_of(plan.checkpoints, state.best_step)
    shutil.copytree(best, model, ignore=shutil.ignore_patterns(ADAPTER_FOLDER), dirs_exist_ok=True)
    if plan.lora:
        shutil.copytree(best / ADAPTER_FOLDER, plan.out / ADAPTER_FOLDER, dirs_exist_ok=True)
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
    write_text(plan.out / "training.json", json.dumps(summary, indent=1))


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
