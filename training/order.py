"""The order of training, which follows from seed and step alone. Imports no torch."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def global_batch(step: int, size: int, sequences: int, seed: int) -> NDArray[np.int64]:
    """Indices of the sequences of step 1, 2, …: each epoch is a permutation of all, none is left out.

    Does not depend on the number of ranks.
    """
    numbers = np.arange((step - 1) * size, step * size)
    epochs = numbers // sequences
    picked = np.empty(size, np.int64)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        picked[here] = _permutation(int(epoch), sequences, seed)[numbers[here] % sequences]
    return picked


@lru_cache(maxsize=2)
def _permutation(epoch: int, sequences: int, seed: int) -> NDArray[np.int64]:
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(sequences)
