"""Keys and values of the replies under way: a row each, of any length, in two tensors a layer."""

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

BLOCK = 128
"""Positions by which the rows grow, and which their number is rounded up to."""
RESERVED = 1024
"""Positions that each row has at least, where they are ample."""
ROWS = 16
"""Rows of RESERVED positions that there are at least, and GROWTH times as many when they do not do, where they are
ample."""
GROWTH = 4


class RowLayer(CacheLayerMixin):
    """One layer's keys and values, [rows, heads, positions, size of a head]."""

    def __init__(self, cache: "RowCache") -> None:
        super().__init__()
        self._cache = cache

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        self.keys, self.values = self._grown(self.keys, key_states), self._grown(self.values, value_states)

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Writes what comes at the cache's place, and gives all that it may see."""
        at = self._cache
        if self.keys is None:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None
        assert self.values is not None
        for kept, new in ((self.keys, key_states), (self.values, value_states)):
            kept[at.rows_B1, :, at.places_BQ] = new.transpose(1, 2)
        return self.keys[at.shown, :, : at.seen], self.values[at.shown, :, : at.seen]

    def move(self, source: int, target: int) -> None:
        """Copies a row over another."""
        for kept in (self.keys, self.values):
            if kept is not None:
                kept[target] = kept[source]

    def resize(self) -> None:
        """Takes the cache's size, with all that fits into it."""
        if self.keys is not None and self.values is not None:
            self.keys, self.values = self._grown(self.keys, self.keys), self._grown(self.values, self.values)

    def drop(self) -> None:
        """Gives the memory back."""
        self.keys = self.values = None

    def _grown(self, kept: Tensor | None, like: Tensor) -> Tensor:
        grown = like.new_zeros(self._cache.capacity, like.shape[1], self._cache.positions, like.shape[3])
        if kept is not None:
            rows, positions = (min(kept.shape[axis], grown.shape[axis]) for axis in (0, 2))
            grown[:rows, :, :positions] = kept[:rows, :, :positions]
        return grown

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:  # noqa: ARG002
        return self._cache.seen, 0

    def get_seq_length(self) -> int:
        return self._cache.seen

    def get_max_length(self) -> int:
        return -1


class RowCache(Cache):
    """What transformers' models read and write. `place` says where, before each pass of the model.

    capacity, positions: of the tensors.
    seen: positions that are shown. allocated: how often their memory has been taken anew.
    """

    def __init__(self, layers: int) -> None:
        self.capacity = self.positions = self.seen = self.allocated = 0
        self.rows_B1 = self.places_BQ = torch.empty(0)
        self.shown: slice | Tensor = slice(0, 0)
        self._own = [RowLayer(self) for _ in range(layers)]
        super().__init__(layers=list(self._own))

    def place(self, rows: list[int], places_BQ: Tensor, seen: int) -> None:
        """Tokens of these rows come, at these positions. seen: positions shown."""
        numbers = torch.tensor(rows, device=places_BQ.device)
        first = rows == list(range(len(rows)))
        self.show(numbers[:, None], places_BQ, slice(0, len(rows)) if first else numbers, seen)

    def show(self, rows_B1: Tensor, places_BQ: Tensor, shown: slice | Tensor, seen: int) -> None:
        """As `place`, of rows and positions that there are."""
        self.rows_B1, self.places_BQ, self.shown, self.seen = rows_B1, places_BQ, shown, seen

    def reserve(self, rows: int, positions: int, most: int, room: int, ample: bool) -> None:
        """Memory for rows of so many positions, `most` rows and `room` tokens at most, in which those asked for fit.

        ample: a power of two of positions, and rows for replies to come, as it costs more than memory when they move.
        """
        if rows <= self.capacity and positions <= self.positions:
            return
        wide = max(RESERVED, 1 << (positions - 1).bit_length()) if ample else max(positions, self.positions)
        self.positions = wide if wide * rows <= room else positions
        if rows > self.capacity:
            least = ROWS if ample and self.positions <= RESERVED else 1
            rows = max(rows, least, (GROWTH if ample else 2) * self.capacity)
        self.capacity = min(most, room // self.positions, max(rows, self.capacity))
        self.allocated += 1
        for layer in self._own:
            layer.resize()

    def move(self, source: int, target: int) -> None:
        """Copies a row over another, in all layers."""
        for layer in self._own:
            layer.move(source, target)

    def drop(self) -> None:
        """Gives the memory back; nothing is under way."""
        self.capacity = self.positions = 0
        for layer in self._own:
            layer.drop()
