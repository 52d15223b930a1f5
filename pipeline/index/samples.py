"""Points that a store must find again once it is filled."""

import numpy as np

from configs.errors import UserError
from pipeline.index.points import Block
from pipeline.index.store import VectorStore

SAMPLES = 16
ALIKE = 0.999
"""Least cosine of a vector and what a store has made of it."""


class Samples(list[tuple[str, np.ndarray]]):
    """A point of each of the first blocks: its id, and its vector."""

    def add(self, block: Block) -> None:
        if len(self) < SAMPLES:
            first = block.first()
            self.extend(zip(first.ids, first.vectors_ND, strict=True))


def verify(store: VectorStore, points: int, samples: Samples) -> None:
    """The store holds every point and no other, and finds points by their own vectors."""
    verify_held(store, points, samples)
    for point, vector_D in samples:
        nearest = store.search(vector_D, 1)
        if not nearest or nearest[0].score < ALIKE:
            raise UserError(f"index: point {point} is not found by its own vector; delete the store and run again")


def verify_held(store: VectorStore, points: int, samples: Samples) -> None:
    """The same but for the search, which without a graph reads all vectors: points are asked for by their ids."""
    held = store.count()
    if held != points:
        raise UserError(
            f"index: the store holds {held:,} points instead of {points:,}; delete the collection or the partial "
            "folder and run the stage again"
        )
    for point, vector_D in samples:
        found_ND = store.vectors([point])
        if len(found_ND) != 1 or found_ND[0] @ vector_D < ALIKE:
            raise UserError(f"index: point {point} is not what was sent; delete the store and run the stage again")
