"""Continuous batching: each step gives every reply under way its next token; others join and leave between steps.

Yu et al. 2022 (Orca, OSDI), section 3.2. Prompts are read in pieces between the steps (Agrawal et al. 2023, Sarathi,
section 4), so that a long one does not hold up the replies.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from configs.errors import UserError
from serving.engine.cache import BLOCK, RowCache
from serving.engine.sampling import Sampling, next_tokens

Finish = Literal["stop", "length"]


@dataclass
class Reply:
    """One request. tokens: of the prompt, then also of the reply; read: how many are in the cache."""

    id: int
    tokens: list[int]
    most: int
    stop: frozenset[int]
    sampling: Sampling
    prompt: int = field(init=False)
    read: int = 0

    def __post_init__(self) -> None:
        self.prompt = len(self.tokens)

    @property
    def positions(self) -> int:
        """Of its row at most."""
        return -(-(self.prompt + self.most) // BLOCK) * BLOCK


@dataclass(frozen=True)
class Said:
    """One token of one reply. token: None when it ends without one, as a stop token is not said."""

    id: int
    token: int | None
    finish: Finish | None


class Batch:
    """The replies under way on one model. One thread's.

    rows: replies at once. prefill: tokens of prompts read in a step. room: tokens in the cache, longest row times rows.
    """

    def __init__(self, model: Any, rows: int, prefill: int, room: int) -> None:
        config = model.config.get_text_config()
        self._model, self._rows, self._prefill, self._room = model, rows, prefill, room
        self._window = _windows(config)
        self._cache = RowCache(config.num_hidden_layers)
        self._waiting: deque[Reply] = deque()
        self._under_way: list[Reply] = []  # reply i has row i

    def add(self, reply: Reply) -> None:
        """Queues a reply. Raises UserError when it can never fit."""
        if reply.positions > self._room:
            raise UserError(f"the reply takes {reply.positions} tokens of cache, and there are {self._room}")
        self._waiting.append(reply)

    @torch.inference_mode()
    def cancel(self, number: int) -> None:
        """Forgets a reply; nothing more is computed for it."""
        self._waiting = deque(reply for reply in self._waiting if reply.id != number)
        self._remove([row for row, reply in enumerate(self._under_way) if reply.id == number])

    @property
    def busy(self) -> bool:
        return bool(self._waiting or self._under_way)

    @property
    def load(self) -> tuple[int, int]:
        """(replies under way, replies that wait)."""
        return len(self._under_way), len(self._waiting)

    @torch.inference_mode()
    def step(self) -> list[Said]:
        """Reads some of the prompts, and gives each reply whose prompt is read its next token."""
        self._admit()
        said = self._read_prompts()
        self._leave(said)
        if any(reply.read == len(reply.tokens) - 1 for reply in self._under_way):
            decoded = self._decode()
            self._leave(decoded)
            said += decoded
        if not self._under_way:
            self._cache.drop()
        return said

    def _leave(self, said: list[Said]) -> None:
        """Frees the rows of replies that have ended."""
        finished = {each.id for each in said if each.finish}
        self._remove([row for row, reply in enumerate(self._under_way) if reply.id in finished])

    def _admit(self) -> None:
        """First come, first served, as long as rows and cache are left."""
        while self._waiting and len(self._under_way) < self._rows:
            longest = max(reply.positions for reply in (*self._under_way, self._waiting[0]))
            if longest * (len(self._under_way) + 1) > self._room:
                break
            self._under_way.append(self._waiting.popleft())

    def _read_prompts(self) -> list[Said]:
        """The oldest first, several at once where they are short. A prompt that is read whole gives the first token."""
        chosen: list[tuple[int, Reply, int]] = []
        width = 0
        for row, reply in enumerate(self._under_way):
            size = min(reply.prompt - reply.read, self._prefill)
            if size > 0 and max(width, size) * (len(chosen) + 1) <= self._prefill:
                chosen.append((row, reply, size))
                width = max(width, size)
        if not chosen:
            return []
        rows, replies, sizes = (list(each) for each in zip(*chosen, strict=True))
        logits = self._pass(rows, replies, sizes)
        for reply, size in zip(replies, sizes, strict=True):
            reply.read += size
        whole = [number for number, reply in enumerate(replies) if reply.read == reply.prompt]
        return self._say([replies[number] for number in whole], logits[whole])

    def _decode(self) -> list[Said]:
        """The next token of every reply whose prompt is read. Rows between them are computed too, and what is written
        to them is overwritten when their prompts are read."""
        ready = [row for row, reply in enumerate(self._under_way) if reply.read == len(reply.tokens) - 1]
        first = self._under_way[: ready[-1] + 1]
        logits = self._pass(list(range(len(first))), first, [1] * len(first))
        chosen = [first[row] for row in ready]
        for reply in chosen:
            reply.read += 1
        return self._say(chosen, logits if len(ready) == len(first) else logits[ready])

    def _pass(self, rows: list[int], replies: list[Reply], sizes: list[int]) -> Tensor:
        """Logits [B, vocabulary] after the next `sizes` tokens of these replies.

        Shorter ones are filled up; what that writes lies after their ends, where what is written next takes its place.
        """
        device, width = self._model.device, max(sizes)
        starts = torch.tensor([reply.read for reply in replies], device=device)
        size = torch.tensor(sizes, device=device)
        steps = torch.arange(width, device=device)
        places_BQ = starts[:, None] + steps
        seen = max(reply.read + size for reply, size in zip(replies, sizes, strict=True))
        self._cache.place(rows, places_BQ, seen, max(reply.read for reply in replies) + width - 1)
        given = [reply.tokens[reply.read : reply.read + size] for reply, size in zip(replies, sizes, strict=True)]
        ids_BQ = torch.tensor([ids + [0] * (width - len(ids)) for ids in given], device=device)
        distance_BQK = places_BQ[:, :, None] - torch.arange(seen, device=device)
        masks = {kind: self._mask(distance_BQK, window)[:, None] for kind, window in self._window.items()}
        ends = sorted(set(sizes))
        output = self._model(
            input_ids=ids_BQ,
            position_ids=torch.minimum(places_BQ, (starts + size - 1)[:, None]),
            attention_mask=masks if len(masks) > 1 else next(iter(masks.values())),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=torch.tensor([end - 1 for end in ends], device=device),
        )
        return output.logits[range(len(rows)), [ends.index(size) for size in sizes]]

    def _mask(self, distance_BQK: Tensor, window: int | None) -> Tensor:
        """What is added to the scores, [B, Q, K]."""
        hidden = distance_BQK < 0
        if window:
            hidden |= distance_BQK >= window
        mask = torch.zeros(hidden.shape, dtype=self._model.dtype, device=hidden.device)
        return mask.masked_fill_(hidden, torch.finfo(mask.dtype).min)

    def _say(self, replies: list[Reply], logits_BV: Tensor) -> list[Said]:
        """The next token of each."""
        if not replies:
            return []
        tokens = next_tokens(logits_BV, [reply.sampling for reply in replies])
        return [self._said(reply, token) for reply, token in zip(replies, tokens, strict=True)]

    def _said(self, reply: Reply, token: int) -> Said:
        if token in reply.stop:
            return Said(reply.id, None, "stop")
        reply.tokens.append(token)
        return Said(reply.id, token, "length" if len(reply.tokens) - reply.prompt >= reply.most else None)

    def _remove(self, rows: Sequence[int]) -> None:
        """Each freed row takes the last one's reply."""
        for row in sorted(rows, reverse=True):
            last = len(self._under_way) - 1
            if row < last:
                self._cache.move(last, row)
                self._under_way[row] = self._under_way[last]
            self._under_way.pop()


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
