"""Points that a store must find again once it is filled."""

import numpy as np

from configs.errors import UserError
from pipeline.index.points import Block
from pipeline.index.store import VectorStore

SAMPLES = 16


class Samples(list[tuple[str, np.ndarray]]):
    """A point of each of the first blocks: its id, and its vector."""

    def add(self, block: Block) -> None:
        if len(self) < SAMPLES:
            first = block.first()
            self.extend(zip(first.ids, first.vectors_ND, strict=True))


def verify(store: VectorStore, points: int, samples: Samples) -> None:
    """The store holds every point and no other, and finds points by their own vectors."""
    held = store.count()
    if held != points:
        raise UserError(
            f"index: the store holds {held:,} points instead of {points:,}; delete the collection or the partial "
            "folder and run the stage again"
        )
    for point, vector_D in samples:
        nearest = store.search(vector_D, 1)
        if not nearest or nearest[0].score < 0.999:
            raise UserError(f"index: point {point} is not found by its own vector; delete the store and run again")
