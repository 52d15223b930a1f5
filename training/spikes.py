"""A loss that is not a number, or far above those before it: which batch it was, and what becomes of it.

`stop` ends training when the loss is not a number, and tells of a spike. `skip` leaves out the step: its loss is read
before the optimizer moves, for which the host waits in every step. `rollback` reads losses when they are there, goes
back to the newest checkpoint, and leaves out the batch, and some before it, when they come again (Chowdhery et al.
2022, PaLM, section 5.1: with some hundred batches left out, their spikes did not come back).
"""

import json
import math
import statistics
from collections.abc import Callable

import torch.distributed as dist

from configs.errors import UserError
from pipeline.contract.progress import say
from pipeline.contract.spikes import Spike, spikes_of
from training.checkpoint import State
from training.data import PackedSequences
from training.job_config import JobConfig
from training.row_ids import row_ids
from training.step import Outcome

REMEMBERED, FEWEST = 64, 16
"""Losses that a spike is compared with, and how many there must be."""

TOLD = 5
"""Row ids in the log; all of them are in the file."""


class RollbackError(Exception):
    """Training is to go back, and then to leave out these steps."""

    def __init__(self, skipped: list[int]) -> None:
        super().__init__(f"back to the newest checkpoint, then without steps {skipped}")
        self.skipped = skipped


class Spikes:
    """One rank's watch over the losses, which are the same on all."""

    def __init__(self, job: JobConfig, state: State, data: PackedSequences) -> None:
        self._job, self._settings, self._state = job, job.launch.spikes, state
        self._data, self._first = data, dist.get_rank() == 0

    def refusal(self, step: int) -> Callable[[float], bool] | None:
        """What says, of the mean loss, whether a step is left out. None where nobody asks before the update."""
        if step in self._state.skipped:
            return lambda _: True
        return (lambda loss: self._refuses(step, loss)) if self._settings.policy == "skip" else None

    def seen(self, outcome: Outcome) -> None:
        """A step is done. Raises RollbackError, or UserError when too much has been left out, on all ranks."""
        step, loss = outcome.step, outcome.measured
        if outcome.left_out:
            return
        why = self._why(loss)
        self._state.recent = [*self._state.recent, loss][-REMEMBERED:]
        if not why:
            return
        if self._settings.policy == "rollback":
            first = max(1, step - self._settings.batches + 1)
            skipped = sorted({*self._state.skipped, *range(first, step + 1)})
            self._note(step, loss, why, "rolled back")
            self._within_budget(skipped)
            raise RollbackError(skipped)
        self._note(step, loss, why, "kept" if math.isfinite(loss) else "stopped")

    def _refuses(self, step: int, loss: float) -> bool:
        if not (why := self._why(loss)):
            return False
        self._state.skipped = [*self._state.skipped, step]
        self._note(step, loss, why, "left out")
        self._within_budget(self._state.skipped)
        return True

    def _why(self, loss: float) -> str:
        """What is wrong with a loss; empty when nothing is."""
        if not math.isfinite(loss):
            return f"is {loss}"
        if len(recent := self._state.recent) < FEWEST:
            return ""
        mean, deviation = statistics.fmean(recent), statistics.pstdev(recent)
        if loss <= mean + self._settings.deviations * deviation:
            return ""
        above = (loss - mean) / deviation if deviation else math.inf
        return f"is {loss:.4f}, {above:.1f} standard deviations above the {mean:.4f} of the {len(recent)} steps before"

    def _note(self, step: int, loss: float, why: str, action: str) -> None:
        """In the log, and in the run's folder for `parlance explain --spike`."""
        if not self._first:
            return
        rows = row_ids(self._job, self._data.indices(self._job, step))
        file = spikes_of(self._job.traces)
        spike = Spike(step=step, loss=loss if math.isfinite(loss) else None, why=why, action=action, rows=rows)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(spike.model_dump()) + "\n")
        some = f"{', '.join(rows[:TOLD])}{f' and {len(rows) - TOLD} more' if len(rows) > TOLD else ''}"
        say(f"train: step {step}: the loss {why}; {action}; rows {some}: parlance explain --spike {step}")

    def _within_budget(self, skipped: list[int]) -> None:
        if len(skipped) > self._settings.budget:
            raise UserError(
                f"train: {len(skipped)} batches would be left out, launch.spikes.budget is {self._settings.budget}; "
                f"look at their rows (parlance explain --spike {skipped[-1]}), lower train.learning_rate, or raise it"
            )
