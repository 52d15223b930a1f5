"""What a rank says while it trains: the line under the progress bar, and metrics.jsonl."""

import math
import resource
import time
from typing import Any

import torch
import torch.distributed as dist

from configs.flops import flops_per_token, peak_flops
from configs.size import architecture_of
from pipeline.contract.formatting import percent
from pipeline.contract.metrics_file import METRICS
from pipeline.contract.progress import Progress, say
from training.checkpoint import State, checkpoint_of
from training.job_config import JobConfig
from training.metrics import PREFERENCES, MetricsLog, replies_seconds
from training.overfitting import overfitting_since, widening
from training.replies import Measured, in_one_line
from training.step import Outcome


def peak_memory_gib(device: torch.device) -> float:
    """Largest memory of this rank so far: of the GPU, or of the process on CPU (GiB)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


class Reporter:
    """Says how training goes: progress, metrics.jsonl, and the clock. Only rank 0 speaks.

    Shares are of the time since the line before: data is waiting for batches, communication what
    CommunicationClock says, both of rank 0. Validation and checkpoints are not part of that time.
    """

    def __init__(self, job: JobConfig, state: State, device: torch.device, config: Any) -> None:
        self._job, self._state, self._device = job, state, device
        self._speaks = dist.get_rank() == 0
        self._started = self._last = time.monotonic()
        self._before, self._resumed = state.seconds, state.step
        self._steps: list[Outcome] = []
        self._seconds = 0.0
        self._note = ""
        shape = architecture_of(config.get_text_config())
        flops = flops_per_token(shape, job.sequence_length, frozen=job.lora is not None)
        peak = peak_flops(torch.cuda.get_device_name(device)) if device.type == "cuda" else None
        self._mfu_per_token = flops / peak if peak else None

    def __enter__(self) -> "Reporter":
        if self._speaks:
            if self._state.step:
                say(f"train: resumes after step {self._state.step}")
            kept = checkpoint_of(self._job.checkpoints, self._state.step) / METRICS if self._state.step else None
            self._log = MetricsLog(self._job.out / METRICS, kept)
            self._progress = Progress("train", self._job.train.steps, "steps").__enter__()
            self._progress.resume_at(self._state.step)
        return self

    def __exit__(self, *error: Any) -> None:
        if self._speaks:
            self._progress.__exit__(*error)
            self._log.close()

    def clocked(self) -> State:
        """The state, with the seconds that training has taken."""
        self._state.seconds = self._before + time.monotonic() - self._started
        return self._state

    def step(self, outcome: Outcome) -> None:
        """A step is done; waits until it is. Raises UserError on all ranks when its loss is not a number."""
        if not outcome.left_out:
            _ = outcome.loss
        if not self._speaks:
            return
        if outcome.left_out:
            self._log.write(step=outcome.step, left_out=1)
            return
        now = time.monotonic()
        self._seconds += now - self._last
        self._last = now
        self._steps.append(outcome)
        if outcome.step % self._job.launch.log_every == 0 or outcome.step == self._job.train.steps:
            values = self._values()
            self._log.write(step=outcome.step, **values)
            self._note = note(values)
            self._steps, self._seconds = [], 0.0
        self._progress.update(outcome.step, self._note)

    def _values(self) -> dict[str, float | None]:
        """Of the steps since the last line: means over them; gradient norm and learning rate of the last."""
        steps, last = self._steps, self._steps[-1]
        seconds = max(self._seconds, 1e-9)
        tokens = len(steps) * self._job.train.batch_tokens / seconds
        each = tokens / self._job.world_size
        done = (time.monotonic() - self._started) / (last.step - self._resumed)
        learned = max(1, sum(s.learned for s in steps))
        others = zip(*([mean * s.learned for mean in s.others] for s in steps), strict=True)
        return {
            "loss": sum(s.loss * s.learned for s in steps) / learned,
            **{name: sum(sums) / learned for name, sums in zip(PREFERENCES, others, strict=False)},
            "learning_rate": last.rate,
            "gradient_norm": last.gradient_norm,
            "tokens_per_second": tokens,
            "tokens_per_second_per_rank": each,
            "mfu": each * self._mfu_per_token if self._mfu_per_token else None,
            "memory_gib": peak_memory_gib(self._device),
            "data_share": sum(s.data_seconds for s in steps) / seconds,
            "communication_share": sum(s.communication_seconds() for s in steps) / seconds,
            "seconds_left": done * (self._job.train.steps - last.step),
        }

    def validation(self, figures: list[float], replies: Measured | None) -> None:
        """A validation is done. figures: the loss in nats a token; of pairs the loss and training.metrics.PREFERENCES.
        replies: what the model answered, where it did."""
        if not self._speaks:
            return
        loss, *others = figures
        values: dict[str, Any] = {"validation_loss": loss}
        values |= {f"validation_{name}": value for name, value in zip(PREFERENCES, others, strict=False)}
        told = f"validation loss {loss:.4f}, perplexity {math.exp(min(loss, 700)):,.2f}"
        if others:
            told = f"validation loss {loss:.4f}, {percent(others[0])} of pairs right, reward margin {others[1]:.4f}"
        if replies:
            share = (replies_seconds(self._log.lines) + replies.seconds) / self.clocked().seconds
            values |= reply_values(replies) | {"replies_share": share}
            told += (
                f"; BLEU {replies.bleu:.2f}, ROUGE-L {replies.rouge_l:.3f} of {replies.count} replies, which took "
                f"{replies.seconds:.1f} s ({percent(share)} of training so far)"
            )
        points = widening([*self._log.lines, {"step": self._state.step, **values}])
        if points:
            values |= {"train_validation_gap": points[-1].gap, "overfitting": int(points[-1].overfitting)}
        self._log.write(step=self._state.step, **values)
        say(f"train: step {self._state.step}: {told}")
        if (since := overfitting_since(points)) is not None:
            say(
                f"train: step {self._state.step}: overfitting since step {since}: training loss falls on, validation "
                f"loss no longer does and is {points[-1].gap:.4f} above it"
            )
        for sample in replies.samples if replies else []:
            reply, reference = (in_one_line(sample[side]) for side in ("reply", "reference"))
            say(f"train:   {sample['prompt']} → {reply or '(nothing)'} (reference: {reference})")

    def resumes(self) -> None:
        """Training goes on after a validation or a checkpoint, whose time is not that of a step."""
        self._last = time.monotonic()


def note(values: dict[str, float | None]) -> str:
    """What stands beside the progress. Tokens count padding too; MFU is left out where the peak is not known."""
    mfu = "" if values["mfu"] is None else f"MFU {percent(values['mfu'])}  "
    right = f"right {percent(values['preference_accuracy'])}  " if "preference_accuracy" in values else ""
    return (
        f"loss {values['loss']:.4f}  {right}lr {values['learning_rate']:.2e}  grad {values['gradient_norm']:.2f}  "
        f"{values['tokens_per_second_per_rank']:,.0f} tokens/s a rank  {mfu}{values['memory_gib']:.1f} GiB  "
        f"data {percent(values['data_share'])}  communication {percent(values['communication_share'])}"
    )


def reply_values(replies: Measured) -> dict[str, Any]:
    """What metrics.jsonl holds of replies."""
    return {
        "validation_bleu": replies.bleu,
        "validation_rouge_l": replies.rouge_l,
        "validation_replies": replies.count,
        "validation_samples": replies.samples,
        "replies_seconds": replies.seconds,
    }
