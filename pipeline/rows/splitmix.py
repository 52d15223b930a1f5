"""splitmix64 (Steele, Lea and Flood, OOPSLA 2014) over arrays: what every hash here that must be quick is made of."""

import numpy as np

GAMMA = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio, odd: the generator's step."""


def mix(x: np.ndarray) -> np.ndarray:
    """A bijection of 64-bit numbers that looks random: the generator's finaliser. uint64, any shape."""
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def chained(found: np.ndarray, following: np.ndarray) -> np.ndarray:
    """The hash of N sequences that go on: of all before, uint64 [N], and of the integers that follow, [N].

    Sequences of several lengths start from theirs: after 0 a 0 leaves no trace.
    """
    with np.errstate(over="ignore"):
        return mix(found * GAMMA + following)
