"""Reads packed sequences: what tokenise wrote and training learned from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.contract.artifact import Artifact
from pipeline.contract.progress import Progress
from pipeline.contract.tokenised import PADDING, UNLEARNED


@dataclass(frozen=True)
class PackedBatch:
    """B sequences of L tokens. All arrays are int64 of shape (B, L); see docs/artifacts.md."""

    input_ids: np.ndarray
    labels: np.ndarray
    position_ids: np.ndarray
    document_ids: np.ndarray
    row_ids: list[list[str]]
    """The conversation of each document, by sequence."""

    @property
    def learned(self) -> np.ndarray:
        """Bool (B, L): token t counts in the loss, predicted from the tokens before it in its document.

        A document's first token has nothing before it and never counts.
        """
        learned_BL = (self.labels != UNLEARNED) & (self.document_ids != PADDING)
        learned_BL[:, 0] = False
        learned_BL[:, 1:] &= self.document_ids[:, 1:] == self.document_ids[:, :-1]
        return learned_BL


def sequence_count(tokenise: Artifact, split: str) -> int:
    """Packed sequences of a split."""
    return tokenise.read(f"packed/{split}").count_rows()


def sequence_length(tokenise: Artifact) -> int:
    """Tokens of a packed sequence."""
    return tokenise.manifest["config"]["tokenise"]["sequence_length"]


def read_packed(tokenise: Artifact, split: str, sequences: int) -> Iterator[PackedBatch]:
    """The packed sequences of a split in their order, at most `sequences` at once."""
    columns = ["input_ids", "labels", "position_ids", "document_ids", "row_ids"]
    for batch in tokenise.read(f"packed/{split}").to_batches(columns=columns, batch_size=sequences):
        if batch.num_rows:
            input_ids, labels, positions, documents = (_matrix(batch.column(name)) for name in columns[:4])
            yield PackedBatch(input_ids, labels, positions, documents, batch.column("row_ids").to_pylist())


def learned_token_counts(batches: Iterable[PackedBatch], vocabulary: int, progress: Progress) -> np.ndarray:
    """How often each token id is learned, int64 (vocabulary,)."""
    counts_V = np.zeros(vocabulary, dtype=np.int64)
    for batch in batches:
        counts_V += np.bincount(batch.input_ids[batch.learned], minlength=vocabulary)
        progress.advance(len(batch.input_ids))
    return counts_V


def _matrix(column: pa.ListArray) -> np.ndarray:
    return column.flatten().to_numpy(zero_copy_only=False).astype(np.int64).reshape(len(column), -1)
