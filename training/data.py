"""Packed sequences, memory-mapped, and their parts of a batch."""

from pathlib import Path

import numpy as np
import torch
from datasets import Dataset, concatenate_datasets
from datasets.utils.logging import disable_progress_bar
from numpy.typing import NDArray

UNLEARNED = -100

disable_progress_bar()


class PackedSequences:
    """The sequences of one split, read from memory-mapped Arrow files."""

    def __init__(self, folder: Path) -> None:
        parts = [Dataset.from_file(str(p)) for p in sorted(folder.glob("*.arrow"))]
        self._rows = concatenate_datasets(parts).with_format("numpy") if parts else None

    def __len__(self) -> int:
        return len(self._rows) if self._rows is not None else 0

    def batch(self, indices: NDArray[np.int64], size: int) -> dict[str, torch.Tensor]:
        """The sequences at `indices` as int64 tensors of shape [size, sequence length].

        input_ids, position_ids, document_ids, labels. When there are fewer indices than `size`,
        the last rows repeat a sequence and learn nothing, so that all ranks do equal work.
        """
        assert self._rows is not None, "a batch of a split without sequences"
        short = size - len(indices)
        rows = self._rows[[int(i) for i in indices] + [0] * short]
        input_ids = torch.from_numpy(np.asarray(rows["input_ids"]).astype(np.int64))
        document_ids = torch.from_numpy(np.asarray(rows["document_ids"]).astype(np.int64))
        learned = torch.from_numpy(np.asarray(rows["learned"]).astype(np.bool_))
        labels = torch.where(learned, input_ids, UNLEARNED)
        if short:
            labels[size - short :] = UNLEARNED
        return {
            "input_ids": input_ids,
            "position_ids": positions(document_ids),
            "document_ids": document_ids,
            "labels": labels,
        }


def positions(document_ids: torch.Tensor) -> torch.Tensor:
    """Position inside its document of each token. document_ids: [batch, length], constant on a document."""
    index = torch.arange(document_ids.shape[1]).expand_as(document_ids)
    first = torch.ones_like(document_ids, dtype=torch.bool)
    first[:, 1:] = document_ids[:, 1:] != document_ids[:, :-1]
    return index - torch.where(first, index, 0).cummax(dim=1).values


def micro_batches(indices: NDArray[np.int64], rank: int, ranks: int, micro_batch: int) -> list[NDArray[np.int64]]:
    """The part of a global batch that one rank works on, micro-batch by micro-batch."""
    return [
        indices[start : start + micro_batch] for start in range(rank * micro_batch, len(indices), ranks * micro_batch)
    ]
