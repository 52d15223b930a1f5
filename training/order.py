"""The order of training, which follows from seed and step alone. Imports no torch."""

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from math import lcm

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


class Mixture:
    """The order in which sources share the learned tokens by their weights, from the first step to any.

    source_N: of each sequence the place of its source in the weights. learned_N: its learned tokens.
    weights: source to weight; a source without a learned token has no share.

    Fair queueing of packets (Bennett and Zhang 1996, WF²Q: Worst-case Fair Weighted Fair Queueing, theorem 1): the next
    sequence is, of the sources that are not ahead of their share, of the one that would have been through with its
    sequence first, had all gone on side by side. So no source is ever behind its share by more than the longest
    sequence, nor ahead by more than its own longest, in learned tokens. Reckoned in whole numbers, so it is the same on
    every machine. Each epoch of a source is a permutation of its sequences.

    Costs about a microsecond a sequence and source, also for the steps before the first that is asked for.
    """

    def __init__(
        self, source_N: NDArray[np.integer], learned_N: NDArray[np.integer], weights: Mapping[str, float], seed: int
    ) -> None:
        exact = [Fraction(str(weight)) for weight in weights.values()]
        present = [of if learned_N[of := np.flatnonzero(source_N == n)].any() else of[:0] for n in range(len(exact))]
        whole = sum(weight for weight, of in zip(exact, present, strict=True) if len(of))
        assert whole, "a mixture of sources without a sequence"
        shares = [weight / whole if len(of) else Fraction(0) for weight, of in zip(exact, present, strict=True)]
        parts = lcm(*(share.denominator for share in shares))  # a share is so many of these parts
        paces = lcm(*(int(share * parts) for share in shares if share))
        self._queues = [
            _Queue(of, learned_N, paces // int(share * parts) if share else 0, [seed, n])
            for n, (of, share) in enumerate(zip(present, shares, strict=True))
        ]
        self._going = [queue for queue in self._queues if queue.pace]
        self._parts, self._paces, self._total, self._drawn = parts, paces, 0, 0
        self._weights, self._shares = weights, shares

    def batch(self, step: int, size: int) -> NDArray[np.int64]:
        """Indices of the sequences of step 1, 2, …; cheap when steps are asked for in order."""
        first = (step - 1) * size
        if first < self._drawn:
            self._total = self._drawn = 0
            for queue in self._going:
                queue.begin()
        while self._drawn < first:
            self._next()
        return np.array([self._next() for _ in range(size)], np.int64)

    def facts(self, steps: int, size: int) -> dict[str, dict[str, float]]:
        """Source to what training took of it in so many steps: its `weight`; the share of the learned tokens that it
        was to have (`asked`) and had (`seen`); its `sequences`, how often it went through them (`epochs`), and the
        share of them that it never came to (`unseen`)."""
        if steps:
            self.batch(steps, size)
        found = {}
        for (source, weight), share, queue in zip(self._weights.items(), self._shares, self._queues, strict=True):
            sequences = len(queue.indices)
            epochs = queue.drawn / sequences if sequences else 0.0
            found[source] = {
                "weight": weight,
                "asked": round(float(share), 6),
                "seen": round(queue.tokens / max(1, self._total), 6),
                "sequences": sequences,
                "epochs": round(epochs, 4),
                "unseen": round(max(0.0, 1 - epochs), 4),
            }
        return found

    def _next(self) -> int:
        due = self._paces * self._total
        queue = min((q for q in self._going if q.start * self._parts <= due), key=lambda q: q.finish)
        index, tokens = queue.draw()
        self._total += tokens
        self._drawn += 1
        return index


class _Queue:
    """The sequences of one source in their order, epoch by epoch.

    tokens: learned ones drawn so far. pace: how much later it is for the source with every token of its own. start,
    finish: when its next sequence begins and ends, were all sources to go on side by side.
    """

    def __init__(self, indices: NDArray[np.int64], learned_N: NDArray[np.integer], pace: int, seed: list[int]) -> None:
        self.indices, self.pace = indices, pace
        self._learned_N, self._seed = learned_N, seed
        self.begin()

    def begin(self) -> None:
        """Goes back to the first sequence of the first epoch."""
        self.tokens = self.drawn = 0
        if self.pace:
            self._look()

    def draw(self) -> tuple[int, int]:
        """The next sequence, and its learned tokens."""
        index, tokens = self._index, self._size
        self.tokens += tokens
        self.drawn += 1
        self._look()
        return index, tokens

    def _look(self) -> None:
        epoch, place = divmod(self.drawn, len(self.indices))
        if not place:
            generator = np.random.Generator(np.random.PCG64([*self._seed, epoch]))
            self._order = self.indices[generator.permutation(len(self.indices))]
        self._index = int(self._order[place])
        self._size = int(self._learned_N[self._index])
        self.start, self.finish = self.tokens * self.pace, (self.tokens + self._size) * self.pace
