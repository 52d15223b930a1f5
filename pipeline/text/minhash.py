"""MinHash signatures, cut into the bands of a locality-sensitive hash."""

from collections.abc import Collection, Sequence

import numpy as np
import xxhash
from rensa import RMinHash

SEED = 1
"""Fixed, not the run's seed: a signature must mean the same in every run."""


def bands_of(sets: Sequence[Collection[int]], permutations: int, bands: int) -> list[list[int]]:
    """For each set of 64-bit hashes the signed 64-bit hashes of its bands.

    Two sets of Jaccard similarity s share at least one band with probability 1 - (1 - s^r)^b, where b is
    `bands` and r is `permutations` / `bands`. The signature (rensa's R-MinHash, after Dahlgaard, Knudsen
    and Thorup, Fast Similarity Sketching, 2017) depends only on the set: not on order or on the batch.
    """
    if not sets:
        return []
    matrix = RMinHash.digest_matrix_from_token_hash_sets([list(s) for s in sets], num_perm=permutations, seed=SEED)
    signatures = np.array(matrix.to_rows(), dtype="<u4")  # [set, permutation]
    width = 4 * permutations // bands
    found = []
    for signature in signatures:
        data = signature.tobytes()
        hashes = (xxhash.xxh64_intdigest(data[i * width : (i + 1) * width], i) for i in range(bands))
        found.append([h - (1 << 64) if h >> 63 else h for h in hashes])
    return found
