"""One token of every reply as one CUDA graph: a few hundred kernels are launched by one call.

Such a pass keeps a GPU busy for less time than Python takes to launch its kernels. A graph holds the addresses of what
it reads and writes, so there is one for each number of rows (`ROWS`), captured when it is needed first. Rows that it is
filled up with may be of prompts that are not read yet: there it writes to the last position, which a reply writes
itself before it sees it.
PyTorch's documentation, "CUDA semantics", section "CUDA Graphs".
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from serving.engine.cache import RowCache

ROWS = (1, 2, 4, 8, 16, *range(32, 1025, 32))
WARM = 2
"""Passes before the capture: what libraries do at their first call cannot be captured."""


class DecodeGraphs:
    """forward: (tokens [B, 1], the last position that each sees [B]) to logits [B, V]; the cache shows where the tokens
    are written."""

    def __init__(self, cache: RowCache, forward: Callable[[Tensor, Tensor], Tensor], device: Any) -> None:
        self._cache, self._forward = cache, forward
        self._given = torch.zeros(3, ROWS[-1], dtype=torch.long, device=device)
        self._rows = torch.arange(ROWS[-1], device=device)[:, None]
        self._graphs: dict[int, tuple[torch.cuda.CUDAGraph, Tensor]] = {}
        self._of = 0
        self._pool = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream()  # one: cuBLAS keeps memory for each that it was called on

    def drop(self) -> None:
        """Gives their memory back."""
        self._graphs.clear()

    def __call__(self, tokens: list[int], places: list[int]) -> Tensor:
        """Logits [B, V] of row i's token at its place. They hold until the next call. Raises what a library does for
        a model whose pass cannot be captured."""
        cache, count = self._cache, len(tokens)
        rows = min(ROWS[bisect_left(ROWS, count)], cache.capacity)
        none, last = [0] * (rows - count), [cache.positions - 1] * (rows - count)
        self._given[:, :rows].copy_(torch.tensor([tokens + none, places + last, places + none]))
        if self._of != cache.allocated:
            self._graphs.clear()
            self._pool = torch.cuda.graph_pool_handle()  # that of graphs which are gone cannot be captured into
            self._of = cache.allocated
        if rows not in self._graphs:
            self._graphs[rows] = self._captured(rows)
        graph, logits_BV = self._graphs[rows]
        graph.replay()
        return logits_BV[:count]

    def _captured(self, rows: int) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        ids_B, places_B, ends_B = self._given[:, :rows]
        given = ids_B[:, None], ends_B
        self._cache.show(self._rows[:rows], places_B[:, None], slice(0, rows), self._cache.positions)
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            for _ in range(WARM):
                self._forward(*given)
        torch.cuda.current_stream().wait_stream(self._stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
            logits_BV = self._forward(*given)
        return graph, logits_BV
