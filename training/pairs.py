"""Packed preference pairs, memory-mapped, and their parts of a batch. How they are packed: training/pair_packing.py."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from training.data import Batch, PackedSequences, packed_batch


class PairSequences(PackedSequences):
    """The pairs of one split, packed, and the log-probabilities of their sides by the reference, where known."""

    COUNTED = "pairs"

    def __init__(self, folder: Path, reference: NDArray[np.float64] | None = None) -> None:
        super().__init__(folder)
        self._first = np.concatenate([[0], np.cumsum(self._learned, dtype=np.int64)])
        self.reference = reference

    @property
    def pairs(self) -> int:
        return int(self._first[-1])

    def pairs_of(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the pairs in the sequences at `indices`, in their order."""
        spans = [np.arange(self._first[i], self._first[i + 1]) for i in indices]
        return np.concatenate([np.zeros(0, np.int64), *spans])

    def documents(self, index: int) -> list[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
        """Of the chosen sides only, which alone are examples of what to say."""
        return super().documents(index)[::2]

    def batch(self, indices: NDArray[np.int64], size: int) -> Batch:
        """As PackedSequences.batch, and of the P pairs:

        sides: [K], of each of the positions `kept` the document that it is in, 0 to 2P − 1.
        ends: where each pair's positions end among them; a list of numbers and no tensor.
        lengths: float64 [P, 2], learned tokens of the chosen and of the rejected side.
        reference: float64 [P, 2], log-probabilities of these tokens by the reference; absent where not known.
        """
        input_ids, document_ids, learned = self.rows(indices, size)
        packed = packed_batch(input_ids, document_ids, learned)
        pairs = self.pairs_of(indices)
        before = np.zeros(size, np.int64)
        before[1 : len(indices)] = np.cumsum(self._learned[indices])[:-1]
        numbered = (document_ids + 2 * before[:, None]).reshape(-1)
        sides = numbered[packed["kept"].numpy() + 1]
        lengths = np.bincount(sides, minlength=2 * len(pairs)).reshape(-1, 2)
        packed |= {
            "sides": torch.from_numpy(sides),
            "ends": np.cumsum(lengths.sum(1)).tolist(),
            "lengths": torch.from_numpy(lengths.astype(np.float64)),
        }
        if self.reference is not None:
            packed["reference"] = torch.from_numpy(self.reference[pairs])
        return packed
