"""Packed sequences, memory-mapped, and their parts of a batch."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, concatenate_datasets
from datasets.utils.logging import disable_progress_bar
from numpy.typing import NDArray

from pipeline.contract.tokenised import PADDING
from training.job_config import JobConfig
from training.order import Mixture, global_batch

disable_progress_bar()

COLUMNS = ("document_ids", "input_ids", "learned")

Batch = dict[str, Any]
"""What training.loss.SummedLoss.forward takes, by name: see `packed_batch`."""


class PackedSequences:
    """The sequences of one split, read from memory-mapped Arrow files."""

    COUNTED = "learned_tokens"
    """The column of what the summed loss is divided by to be a mean."""

    def __init__(self, folder: Path) -> None:
        parts = [Dataset.from_file(str(p)) for p in sorted(folder.glob("*.arrow"))]
        whole = concatenate_datasets(parts) if parts else None
        self._rows = whole.with_format("numpy") if whole else None
        self._learned = whole.data.column(self.COUNTED).to_numpy() if whole else np.zeros(0, np.int32)
        self._source = whole.data.column("source").to_numpy() if whole and "source" in whole.column_names else None
        self._mixture: Mixture | None = None

    def __len__(self) -> int:
        return len(self._rows) if self._rows is not None else 0

    def indices(self, job: JobConfig, step: int) -> NDArray[np.int64]:
        """The sequences of the global batch of a step, of all ranks."""
        mixture = self.mixture(job)
        if mixture:
            return mixture.batch(step, job.batch_sequences)
        return global_batch(step, job.batch_sequences, len(self), job.seed)

    def mixture(self, job: JobConfig) -> Mixture | None:
        """The order of sources that have weights; None where none has, or where the sequences do not tell theirs."""
        if self._mixture is None and job.mix and self._source is not None:
            self._mixture = Mixture(self._source, self._learned, job.mix, job.seed)
        return self._mixture

    def learned(self, indices: NDArray[np.int64]) -> int:
        """How many tokens of the sequences at `indices` are predicted."""
        return int(self._learned[indices].sum())

    def documents(self, index: int) -> list[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
        """(ids, which of them are learned) of each document of the sequence at `index`, in order; no padding."""
        assert self._rows is not None, "a document of a split without sequences"
        row = self._rows[index]
        numbers = np.asarray(row["document_ids"])
        ends = np.flatnonzero(np.diff(numbers)) + 1
        parts = zip(*(np.split(np.asarray(row[name]), ends) for name in COLUMNS), strict=True)
        return [(ids, learned.astype(np.bool_)) for number, ids, learned in parts if number[0] != PADDING]

    def batch(self, indices: NDArray[np.int64], size: int) -> Batch:
        """The sequences at `indices` as a batch of `size`.

        When there are fewer indices than `size`, the last rows repeat a sequence and learn nothing,
        so that all ranks do equal work.
        """
        return packed_batch(*self.rows(indices, size))

    def rows(self, indices: NDArray[np.int64], size: int) -> tuple[NDArray, NDArray, NDArray[np.bool_]]:
        """input_ids, document_ids and learned of the same sequences, each [size, length]."""
        assert self._rows is not None, "a batch of a split without sequences"
        short = size - len(indices)
        rows = self._rows[[int(i) for i in indices] + [0] * short]
        learned = np.array(rows["learned"], np.bool_)
        if short:
            learned[size - short :] = False
        return np.asarray(rows["input_ids"]), np.asarray(rows["document_ids"]), learned


def packed_batch(input_ids: NDArray, document_ids: NDArray, learned: NDArray[np.bool_]) -> Batch:
    """What a forward pass needs to know of B packed sequences of L tokens, all int64 but `boundaries`.

    input_ids, position_ids: [B, L]; positions restart with every document.
    boundaries: int32 [documents + 1], where documents begin in the flattened batch, and its end. Padding,
    whose ids are all −1, counts as one document.
    longest: the length of the longest document, rounded up to 128, a number and no tensor.
    kept: [K], the flattened positions whose next token is learned; a document's first token never is.
    targets: [K], those tokens.

    Worked out on the CPU: on a GPU each of these would make the processor wait for the device.
    """
    size, length = input_ids.shape
    first = np.ones((size, length), np.bool_)
    first[:, 1:] = document_ids[:, 1:] != document_ids[:, :-1]
    starts = np.flatnonzero(first)
    boundaries = np.append(starts, size * length)
    positions = np.arange(size * length) - np.repeat(starts, np.diff(boundaries))
    kept = np.flatnonzero(learned & ~first) - 1
    tokens = input_ids.reshape(-1).astype(np.int64)
    return {
        "input_ids": torch.from_numpy(tokens.reshape(size, length)),
        "position_ids": torch.from_numpy(positions.reshape(size, length)),
        "boundaries": torch.from_numpy(boundaries.astype(np.int32)),
        "longest": -(-int(np.diff(boundaries).max()) // 128) * 128,
        "kept": torch.from_numpy(kept),
        "targets": torch.from_numpy(tokens[kept + 1]),
    }


def on_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on `device`; copies to a GPU go from pinned memory and are not waited for."""
    if device.type == "cpu":
        return batch
    return {
        name: value.pin_memory().to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value
        for name, value in batch.items()
    }


def micro_batches(indices: NDArray[np.int64], rank: int, ranks: int, micro_batch: int) -> list[NDArray[np.int64]]:
    """The part of a global batch that one rank works on, micro-batch by micro-batch."""
    return [
        indices[start : start + micro_batch] for start in range(rank * micro_batch, len(indices), ranks * micro_batch)
    ]
