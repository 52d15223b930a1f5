"""Which records a limit keeps: those with the smallest hash of file and position."""

import hashlib
from collections.abc import Iterable

import numpy as np

from pipeline.rows.splitmix import GAMMA, mix

BLOCK = 1 << 12
CHUNK = 1 << 22


def position_hash(file: str, ordinals: np.ndarray) -> np.ndarray:
    """64-bit hash of each position: splitmix64, started from the file's name.

    ordinals: uint64, shape (n,). Returns uint64, shape (n,).
    """
    start = np.frombuffer(hashlib.blake2b(file.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "<u8")
    with np.errstate(over="ignore"):
        return mix(start + (ordinals + np.uint64(1)) * GAMMA)


def threshold(counts: Iterable[tuple[str, int]], limit: int) -> int | None:
    """The largest hash that a limit keeps; None when there are no more records than that.

    counts: (file, records) of each file.
    """
    smallest = np.empty(0, np.uint64)
    total = 0
    for file, records in counts:
        total += records
        for start in range(0, records, CHUNK):
            hashes = position_hash(file, np.arange(start, min(start + CHUNK, records), dtype=np.uint64))
            smallest = np.concatenate([smallest, hashes])
            if len(smallest) > limit:
                smallest = np.partition(smallest, limit - 1)[:limit]
    return int(smallest.max()) if total > limit else None


class Selected:
    """Whether a record of a file is kept: Selected(file, threshold)(ordinal)."""

    def __init__(self, file: str, threshold: int | None) -> None:
        self._file, self._threshold = file, threshold
        self._block = -1
        self._kept = np.empty(0, bool)

    def __call__(self, ordinal: int) -> bool:
        if self._threshold is None:
            return True
        block, place = divmod(ordinal, BLOCK)
        if block != self._block:
            ordinals = np.arange(block * BLOCK, (block + 1) * BLOCK, dtype=np.uint64)
            self._kept = position_hash(self._file, ordinals) <= np.uint64(self._threshold)
            self._block = block
        return bool(self._kept[place])
