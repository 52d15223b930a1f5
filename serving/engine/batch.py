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
from serving.engine.passes import Passes, padded
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
        return padded(self.prompt + self.most)


@dataclass(frozen=True)
class Said:
    """One token of one reply. token: None when it ends without one, as a stop token is not said."""

    id: int
    token: int | None
    finish: Finish | None


class Batch:
    """The replies under way on one model. One thread's.

    rows: replies at once. prefill: tokens of prompts read in a step. room: tokens in the cache, longest row times rows.
    graphs: of CUDA, on a GPU.
    """

    def __init__(self, model: Any, rows: int, prefill: int, room: int, graphs: bool = True) -> None:
        self._rows, self._prefill, self._room = rows, prefill, room
        self._passes = Passes(model, rows, room, graphs)
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
        if not self._under_way:
            self._passes.idle()

    def release(self) -> None:
        """Gives all memory back that replies took, where none is under way."""
        if not self.busy:
            self._passes.release()

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
            self._passes.idle()
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
            self._passes.reserve(len(self._under_way), longest)

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
        """Logits [B, vocabulary] after the next `sizes` tokens of these replies."""
        given = [reply.tokens[reply.read : reply.read + size] for reply, size in zip(replies, sizes, strict=True)]
        return self._passes(rows, [reply.read for reply in replies], given)

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
                self._passes.move(last, row)
                self._under_way[row] = self._under_way[last]
            self._under_way.pop()
