"""What `train.objective` learns from, and what is told of it at the end."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from deepspeed import DeepSpeedEngine
from numpy.typing import NDArray

from training.data import PackedSequences
from training.job_config import JobConfig
from training.metrics import PREFERENCES, curve
from training.order import global_batch
from training.pairs import PairSequences
from training.reference import reference_log_probabilities
from training.validation import measured


def sequences(engine: DeepSpeedEngine, job: JobConfig, device: torch.device, split: str) -> PackedSequences:
    """What is trained on, or held out. The engine must hold the weights that training starts from."""
    folder: Path = job.sequences / split
    if not job.train.prefers:
        return PackedSequences(folder)
    pairs = PairSequences(folder)
    if job.train.objective == "dpo":
        used = measured(pairs, job.train.validation_sequences) if split == "validation" else visited(job, len(pairs))
        pairs.reference = reference_log_probabilities(engine, job, device, pairs, used, split)
    else:
        pairs.reference = np.zeros((pairs.pairs, 2))  # which the loss does not look at
    return pairs


def visited(job: JobConfig, sequences: int) -> NDArray[np.int64]:
    """Indices of the sequences that some step takes, ascending."""
    every = min(job.train.steps * job.batch_sequences, sequences)
    return np.sort(global_batch(1, every, sequences, job.seed))


def before_and_best(objective: str, lines: list[dict[str, Any]], best_step: int) -> dict[str, Any]:
    """What training.json says of preferences: held-out pairs before training and with the weights that were kept, and
    the curves. lines: of metrics.jsonl."""
    held_out = {line["step"]: line for line in lines if "validation_loss" in line}
    names = ("loss", *PREFERENCES)

    def measured(step: int) -> dict[str, float] | None:
        line = held_out.get(step)
        return {name: line[f"validation_{name}"] for name in names} if line else None

    curves = {f"{kind}{name}": curve(lines, f"{kind}{name}") for name in PREFERENCES for kind in ("", "validation_")}
    return {"objective": objective, "preferences": {"before": measured(0), "best": measured(best_step), **curves}}
