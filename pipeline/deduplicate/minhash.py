"""MinHash signatures, cut into the bands of a locality-sensitive hash."""

import numpy as np

from pipeline.deduplicate.shingles import Sets
from pipeline.rows.splitmix import chained, mix

SEED = 1
"""Fixed, not the run's seed: a signature must mean the same in every run."""

ROWS_AT_ONCE = 512
"""Keeps a block of shingles in the processor's cache while all permutations pass over it."""


def bands_of(sets: Sets, permutations: int, bands: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, hashes): the conversations whose set is not empty, and their band hashes, uint64 [len(rows), bands].

    Two sets of Jaccard similarity s share at least one band with probability 1 - (1 - s^r)^b, where b is
    `bands` and r is `permutations` / `bands` (Broder 1997; Leskovec et al., Mining of Massive Datasets,
    3.4). Permutations are linear, a·x + b modulo 2^32 with odd a (Bohman, Cooper and Frieze, Min-wise
    independent linear permutations, 2000) of shingles that are hashes already. A signature depends only
    on the set: not on order, repetition or the batch.
    """
    rows = np.flatnonzero(np.diff(sets.bounds))
    random = mix(np.arange(2 * permutations, dtype=np.uint64) + np.uint64(SEED << 32)).astype(np.uint32)
    factors, terms = random[:permutations] | np.uint32(1), random[permutations:]
    signatures = np.empty((permutations, len(rows)), np.uint32)
    first = sets.bounds[rows]
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        begin, end = first[start], sets.bounds[rows[min(start + ROWS_AT_ONCE, len(rows)) - 1] + 1]
        values = mix(sets.values[begin:end]).astype(np.uint32)
        bounds = first[part] - begin
        changed = np.empty_like(values)
        for number in range(permutations):
            np.multiply(values, factors[number], out=changed)
            np.add(changed, terms[number], out=changed)
            np.minimum.reduceat(changed, bounds, out=signatures[number, part])
    hashes = np.empty((len(rows), bands), np.uint64)
    for band, block in enumerate(signatures.reshape(bands, permutations // bands, len(rows))):
        hash_of_band = np.full(len(rows), band, np.uint64)
        for minima in block:
            hash_of_band = chained(hash_of_band, minima)
        hashes[:, band] = hash_of_band
    return rows, hashes
