"""The hash that files on disk are made with, against the generator's published numbers."""

import numpy as np

from pipeline.rows.splitmix import GAMMA, chained, mix


def test_it_is_splitmix64() -> None:
    """From the state 0, as the generator's reference implementation (Vigna, splitmix64.c) gives them."""
    states = np.arange(1, 4, dtype=np.uint64) * GAMMA
    assert [hex(n) for n in mix(states)] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f"]


def test_a_chain_tells_sequences_apart_by_what_they_hold_in_what_order() -> None:
    def of(*numbers: int) -> int:
        found = np.full(1, len(numbers), np.uint64)
        for number in numbers:
            found = chained(found, np.array([number], np.uint32))
        return int(found[0])

    assert len({of(1, 2), of(2, 1), of(1), of(2), of(1, 2, 0), of(0, 1, 2)}) == 6
    assert of(1, 2) == of(1, 2)
