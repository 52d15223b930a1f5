"""One rank of training. Started by training/launcher.py as: worker.py job.json"""

import json
import shutil
from contextlib import suppress
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine

from configs.errors import RestartError, UserError
from pipeline.contract.atomic_write import write_text
from pipeline.contract.metrics_file import METRICS, read_metrics
from pipeline.contract.tokenizer import saved_tokenizer
from training.background_checkpoint import BackgroundCheckpoints
from training.checkpoint import NoneWholeError, State, layout_of, load_newest, saved_states
from training.checksums import checksums
from training.communication import CommunicationClock
from training.data import PackedSequences
from training.engine import build_engine, precision, start_distributed
from training.job_config import JobConfig
from training.metrics import curve, while_training
from training.notice import Notice
from training.objective import before_and_best, sequences
from training.pace import Pace
from training.prefetch import Prefetch
from training.profiler import Trace
from training.rank import on_rank
from training.replies import Replies
from training.reporter import Reporter
from training.spikes import RollbackError, Spikes
from training.step import Outcome, optimiser_step
from training.validation import validation_figures
from training.watchdog import Watchdog
from training.weights_folder import ADAPTER_FOLDER, kept_weights, weights_of


def run(job: JobConfig) -> None:
    """Trains, from the newest checkpoint if there is one, and leaves model/ and training.json.

    Raises RestartError on all ranks once a notice to stop has been followed.
    """
    device = start_distributed(job)
    layout = layout_of(job, precision(job, device))
    engine, parameters = build_engine(job, device)
    data = Data(*(sequences(engine, job, device, split) for split in ("train", "validation")))
    engine, state = resumed(engine, job, device, layout)
    clock = CommunicationClock(device)
    while True:
        try:
            train(engine, job, data, state, layout, clock)
            break
        except RollbackError as back:
            engine, state = resumed(engine, job, device, layout, begun=True)
            state.skipped = back.skipped
    if dist.get_rank() == 0:
        facts = layout | {"parameters": parameters, "trainable_parameters": trainable(engine)}
        if mixture := data.training.mixture(job):
            facts["mix"] = mixture.facts(state.step, job.batch_sequences)
        finish(job, state, facts)
    dist.barrier()


class Data(NamedTuple):
    """What is trained on, and what is held out."""

    training: PackedSequences
    validation: PackedSequences


def train(
    engine: DeepSpeedEngine,
    job: JobConfig,
    data: Data,
    state: State,
    layout: dict[str, Any],
    clock: CommunicationClock,
) -> None:
    """From the state to the last step. Raises RollbackError when training is to go back."""
    rank, device, replies = dist.get_rank(), engine.device, Replies(job, data.validation)
    with (
        Reporter(job, state, device, engine.module.model.config) as report,
        Prefetch(job, data.training, state.step + 1, rank, device) as batches,
        Trace(job, rank, state.step, device) as trace,
        BackgroundCheckpoints(engine, job, layout) as checkpoints,
        Watchdog(rank, job.launch.hang_seconds, job.traces / "stacks") as watchdog,
    ):
        notice, pace, spikes = Notice(job.traces, rank), Pace(rank, job.world_size), Spikes(job, state, data.training)
        before: Outcome | None = None

        def through(outcome: Outcome) -> None:
            spikes.seen(outcome)
            report.step(outcome)  # raises when the loss is not a number: such weights are never kept

        if job.train.prefers and not state.step and len(data.validation):
            figures = validation_figures(engine, data.validation, job)
            report.validation(figures, replies=None)
            report.resumes()
        for batch in batches:
            if state.without_improvement >= job.train.patience:
                break
            trace.begins(batch.step)
            outcome = optimiser_step(engine, job, batch, clock, batches.take_waited(), spikes.refusal(batch.step))
            trace.ended(batch.step)
            if before:  # the device is through with it by now, and busy with the step just begun
                through(before)
            if job.train.checkpoint_every < job.train.steps:
                checkpoints.prepare()
            checkpoints.advance()
            state.step, before = batch.step, outcome
            last = state.step == job.train.steps
            stops = notice.stops_after(state.step) and not last
            validates = state.step % job.train.validation_every == 0 or last
            saves = (state.step % job.train.checkpoint_every == 0 and not last) or stops
            if validates or saves or not outcome.waits_for_device:
                through(outcome)
                before = None
            pace.step(state.step, outcome.communication_seconds)
            watchdog.beats(f"step {state.step}")
            if validates:
                validate(engine, job, data.validation, replies, state, report, checkpoints)
            if saves:
                checkpoints.save(report.clocked(), job.out / METRICS)
            if stops:
                stop(checkpoints, report.clocked(), job)
            if validates or saves:
                report.resumes()
                pace.resumes()
                watchdog.beats(f"what followed step {state.step}")
        report.clocked()


def stop(checkpoints: BackgroundCheckpoints, state: State, job: JobConfig) -> None:
    """Waits until all ranks have saved this step, and raises RestartError."""
    checkpoints.wait()
    dist.barrier()
    if state.step not in {saved.step for saved in saved_states(job.checkpoints)}:  # the one before was under way
        checkpoints.save(state, job.out / METRICS)
        checkpoints.wait()
        dist.barrier()
    raise RestartError(f"train: told to stop, and saved after step {state.step} of {job.train.steps}")


def resumed(
    engine: DeepSpeedEngine, job: JobConfig, device: torch.device, layout: dict[str, Any], begun: bool = False
) -> tuple[DeepSpeedEngine, State]:
    """The engine, or another, as the newest checkpoint left it, or as training begins; and the state.

    begun: the engine has been trained.
    """
    with suppress(NoneWholeError):
        state = load_newest(engine, job.checkpoints, layout)
        if state.step or not begun:
            return engine, state
    engine.destroy()
    return build_engine(job, device)[0], State()


def trainable(engine: DeepSpeedEngine) -> int:
    """How many parameters training changes. ZeRO-3 keeps a rank's share only, and the whole count beside it."""
    return sum(getattr(p, "ds_numel", p.numel()) for p in engine.module.parameters() if p.requires_grad)


def validate(
    engine: DeepSpeedEngine,
    job: JobConfig,
    data: PackedSequences,
    replies: Replies,
    state: State,
    report: Reporter,
    checkpoints: BackgroundCheckpoints,
) -> None:
    """Measures the validation loss and replies; keeps the weights when the loss is the best so far.

    Without validation data the last weights count as the best.
    """
    if len(data):
        figures = validation_figures(engine, data, job)
        report.validation(figures, replies.measure(engine, state.step))
        loss = figures[0]
        if state.best_loss is not None and loss >= state.best_loss:
            state.without_improvement += 1
            return
        state.best_loss = loss
    elif state.step < job.train.steps:
        return
    state.best_step, state.without_improvement = state.step, 0
    checkpoints.keep_weights(state.step)


def finish(job: JobConfig, state: State, facts: dict[str, Any]) -> None:
    """Leaves the best weights and the tokenizer in model/, LoRA's in adapter/, and training.json. Rank 0 only.

    Raises UserError when the copy is not what was kept of the best step.
    """
    model, adapter, best = job.out / "model", job.out / ADAPTER_FOLDER, weights_of(job.checkpoints, state.best_step)
    for left in (model, adapter):  # by an attempt that was killed here
        shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(best, model)
    if checksums(model) != kept_weights(job.checkpoints, state.best_step):
        raise UserError(f"train: {best} is damaged; run the stage again, it goes on from a checkpoint")
    if job.lora:
        (model / ADAPTER_FOLDER).rename(adapter)
    saved_tokenizer(job.tokenizer).save_pretrained(model)
    lines = read_metrics(job.out / METRICS)
    tokens = state.step * job.train.batch_tokens
    summary = (
        facts
        | {
            "steps": state.step,
            "tokens": tokens,
            "tokens_per_second": round(tokens / state.seconds, 1),
            "seconds": round(state.seconds, 1),
            "best_step": state.best_step,
            "stopped_early": state.step < job.train.steps,
            "train_loss": curve(lines, "loss"),
            "validation_loss": curve(lines, "validation_loss"),
        }
        | while_training(lines, state.best_step)
    )
    if job.train.prefers:
        summary |= before_and_best(job.train.objective, lines, state.best_step)
    write_text(job.out / "training.json", json.dumps(summary, indent=1))


if __name__ == "__main__":
    on_rank(run)
