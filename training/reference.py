"""What the starting weights think of every pair: computed once, before the first step, and kept.

The reference of DPO is the model that training starts from. Its log-probabilities never change, so no second model is
held while training runs, and no step pays for one.
"""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine
from numpy.typing import NDArray

from pipeline.contract.atomic_write import replacing
from pipeline.contract.finished import Finished
from pipeline.contract.progress import Progress
from training.data import on_device
from training.engine import precision
from training.job_config import JobConfig
from training.pairs import PairSequences

PART = 128
"""Sequences whose figures are one file: what a killed attempt loses at most."""


def reference_log_probabilities(
    engine: DeepSpeedEngine,
    job: JobConfig,
    device: torch.device,
    data: PairSequences,
    used: NDArray[np.int64],
    split: str,
) -> NDArray[np.float64]:
    """[pairs, 2], in the order of the pairs; not a number for those of other sequences than `used`, ascending.

    All ranks share the work on what no earlier attempt has left. The engine must hold the starting weights. Files lie
    by precision, since another gives other figures.
    """
    folder = job.checkpoints / "reference" / precision(job, device) / split
    parts = [used[start : start + PART] for start in range(0, len(used), PART)]
    files = [folder / f"part-{number:05d}.npy" for number in range(len(parts))]
    first = dist.get_rank() == 0
    finished = Finished(folder / "journal", folder)
    missing: list[list[int]] = [[]]
    if first:
        folder.mkdir(parents=True, exist_ok=True)
        missing = [[number for number, file in enumerate(files) if not finished.has(file)]]
    dist.broadcast_object_list(missing)
    total = len(data.pairs_of(used))
    left = sum(len(data.pairs_of(parts[number])) for number in missing[0])
    with Progress(f"train: reference, {split}", total, "pairs") if first and left else nullcontext() as progress:
        if progress:
            progress.resume_at(total - left)
        for number in missing[0]:
            logp_P2 = _measured(engine, data, parts[number], job.micro_batch)
            if progress:
                _write(files[number], logp_P2)
                finished.add(files[number])
                progress.advance(len(logp_P2))
    dist.barrier()
    every = np.full((data.pairs, 2), np.nan)
    for part, file in zip(parts, files, strict=True):
        every[data.pairs_of(part)] = np.load(file)
    return every


def _measured(
    engine: DeepSpeedEngine, data: PairSequences, sequences: NDArray[np.int64], micro_batch: int
) -> NDArray[np.float64]:
    """[pairs of these sequences, 2], on every rank. Each measures its share, in equally many forward passes."""
    rank, ranks = dist.get_rank(), dist.get_world_size()
    logp_P2 = torch.zeros(len(data.pairs_of(sequences)), 2, dtype=torch.float64, device=engine.device)
    engine.eval()
    with torch.no_grad():
        for number in range(0, len(sequences), ranks * micro_batch):
            start = number + rank * micro_batch
            mine = sequences[start : start + micro_batch]
            found_P2 = engine(**on_device(data.batch(mine, micro_batch), engine.device))
            before = len(data.pairs_of(sequences[:start]))
            logp_P2[before : before + len(found_P2)] = found_P2
    engine.train()
    dist.all_reduce(logp_P2)
    return logp_P2.cpu().numpy()


def _write(file: Path, logp_P2: NDArray[np.float64]) -> None:
    with replacing(file, durable=True) as partial, partial.open("wb") as stream:
        np.save(stream, logp_P2)
