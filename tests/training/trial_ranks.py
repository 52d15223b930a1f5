"""The trial of micro-batches, on a machine where four sequences at once are slow."""

import time
from typing import Any

from training import micro_batch_trial
from training.rank import on_rank
from training.step import Outcome, optimiser_step


def slower(engine: Any, job: Any, *arguments: Any) -> Outcome:
    if job.micro_batch == 4:
        time.sleep(0.5)
    return optimiser_step(engine, job, *arguments)


if __name__ == "__main__":
    vars(micro_batch_trial)["optimiser_step"] = slower
    on_rank(micro_batch_trial.measure)
