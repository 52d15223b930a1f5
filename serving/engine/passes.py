"""Passes of a model over rows of its cache: prompts in pieces, and one token of every reply.

Shapes: B rows, Q tokens of a row in this pass, K positions that are shown, V vocabulary.
"""

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from configs.errors import UserError
from serving.engine.attention import use_rows
from serving.engine.cache import BLOCK, RowCache
from serving.engine.graphs import DecodeGraphs

log = logging.getLogger("parlance.serving")


class Passes:
    """One model, and keys and values of the rows under way.

    rows: at most. room: tokens of the cache, positions of the longest row times rows. graphs: on a GPU, one token of
    every row is a single launch (serving/engine/graphs.py).
    """

    def __init__(self, model: Any, rows: int, room: int, graphs: bool) -> None:
        config = model.config.get_text_config()
        self._model, self._rows, self._room = model, rows, room
        self._window = _windows(config)
        self._cache = RowCache(config.num_hidden_layers)
        graphs = graphs and model.device.type == "cuda" and use_rows(model)
        self._graphs = DecodeGraphs(self._cache, self._decoded, model.device) if graphs else None

    def reserve(self, rows: int, positions: int) -> None:
        """Before a reply joins: so many rows, of which the longest gets so many positions, are under way."""
        self._cache.reserve(rows, positions, self._rows, self._room, ample=self._graphs is not None)

    def move(self, source: int, target: int) -> None:
        """Row `target` is what `source` was."""
        self._cache.move(source, target)

    def idle(self) -> None:
        """Nothing is under way: memory is given back, but for what graphs refer to, until `release`."""
        if not self._graphs:
            self._cache.drop()

    def release(self) -> None:
        """Nothing was under way for a while: all of it is given back."""
        if self._graphs:
            self._graphs.drop()
            self._cache.drop()
            torch.cuda.empty_cache()

    def __call__(self, rows: list[int], starts: list[int], given: Sequence[list[int]]) -> Tensor:
        """Logits [B, V] after the tokens `given` of these rows, which have `starts` tokens in the cache.

        Shorter ones are filled up; what that writes lies after their ends, where what is written next takes its place.
        """
        sizes = [len(ids) for ids in given]
        if self._graphs and max(sizes) == 1 and rows == list(range(len(rows))):
            try:
                return self._graphs([ids[0] for ids in given], starts)
            except torch.cuda.OutOfMemoryError as error:
                log.warning("serving.embedded: no memory for a graph of %d replies: %s", len(rows), error)
            except Exception as error:  # of whichever library
                log.warning("serving.embedded.cuda_graphs: kernels are launched one by one: %s", error)
                self._graphs = None
        device, width = self._model.device, max(sizes)
        start_B, size_B = torch.tensor([starts, sizes], device=device)
        places_BQ = start_B[:, None] + torch.arange(width, device=device)
        places_BQ.clamp_(max=self._cache.positions - 1)  # of what rows are filled up with: no reply has a token there
        seen = max(start + size for start, size in zip(starts, sizes, strict=True))
        self._cache.place(rows, places_BQ, seen)
        ids_BQ = torch.tensor([ids + [0] * (width - len(ids)) for ids in given], device=device)
        ends = sorted(set(sizes))
        logits = self._logits(
            ids_BQ,
            torch.minimum(places_BQ, (start_B + size_B - 1)[:, None]),
            self._masks(places_BQ),
            torch.tensor([end - 1 for end in ends], device=device),
        )
        return logits[range(len(rows)), [ends.index(size) for size in sizes]]

    def _decoded(self, ids_B1: Tensor, ends_B: Tensor) -> Tensor:
        none = self._mask(torch.empty(1, 1, 0, device=ids_B1.device), None)  # an attention that took it would not fit
        masks = dict.fromkeys(self._window, none)
        windowed = any(self._window.values())
        return self._logits(ids_B1, ends_B[:, None], masks, 1, ends=ends_B, windowed=windowed)[:, 0]

    def _masks(self, places_BQ: Tensor) -> dict[str, Tensor]:
        distance_BQK = places_BQ[:, :, None] - torch.arange(self._cache.seen, device=places_BQ.device)
        return {kind: self._mask(distance_BQK, window) for kind, window in self._window.items()}

    def _logits(
        self, ids_BQ: Tensor, positions_BQ: Tensor, masks: dict[str, Tensor], keep: Tensor | int, **more: Any
    ) -> Tensor:
        return self._model(
            input_ids=ids_BQ,
            position_ids=positions_BQ,
            attention_mask=masks if len(masks) > 1 else next(iter(masks.values())),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=keep,
            **more,
        ).logits

    def _mask(self, distance_BQK: Tensor, window: int | None) -> Tensor:
        """What is added to the scores, [B, 1, Q, K]."""
        hidden = distance_BQK < 0
        if window:
            hidden |= distance_BQK >= window
        mask = torch.zeros(hidden.shape, dtype=self._model.dtype, device=hidden.device)
        return mask.masked_fill_(hidden, torch.finfo(mask.dtype).min)[:, None]


def padded(positions: int) -> int:
    """Positions of a row that may need so many."""
    return -(-positions // BLOCK) * BLOCK


def _windows(config: Any) -> dict[str, int | None]:
    """Positions that each kind of layer sees; None for all. Raises UserError for layers without keys and values."""
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    window = getattr(config, "sliding_window", None)
    if others := kinds - {"full_attention", "sliding_attention"}:
        raise UserError(
            f"{config.model_type}: layers of the kind {', '.join(sorted(others))} are not served here; "
            "serve the folder with vLLM and name its address under serving.engines"
        )
    if kinds == {"full_attention"} and window and getattr(config, "use_sliding_window", True):
        return {"full_attention": window}
    return {kind: window if kind == "sliding_attention" else None for kind in sorted(kinds)}
