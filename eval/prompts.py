"""Prompts of the test split: the turns before a reply, and the reply a human gave."""

import hashlib
import heapq
from dataclasses import dataclass
from itertools import islice, zip_longest

import pyarrow.compute as pc

from eval.generate import Message
from pipeline.contract.artifact import Artifact

OVERSAMPLING = 4
"""Conversations looked at for each prompt wanted, as some have no turn before a reply."""


@dataclass(frozen=True)
class Prompt:
    """All turns before an assistant turn of a conversation, its `turn`-th; that turn's text is the reference."""

    row_id: str
    turn: int
    messages: list[Message]
    reference: str

    @property
    def key(self) -> tuple[str, int]:
        """Names it among those of all conversations."""
        return self.row_id, self.turn


def attributes_of(balance: Artifact, split: str) -> dict[str, tuple[str, str]]:
    """row_id to (source, topic) of a split."""
    table = balance.read().to_table(columns=["row_id", "source", "topic"], filter=pc.field("split") == split)
    columns = (table.column(name).to_pylist() for name in ("row_id", "source", "topic"))
    return {row_id: (source or "unknown", topic or "unknown") for row_id, source, topic in zip(*columns, strict=True)}


def choose_prompts(balance: Artifact, row_ids: list[str], wanted: int, seed: int) -> list[Prompt]:
    """At most `wanted` prompts of the conversations `row_ids`, in the order of a seeded hash of their ids.

    First what the last reply of each answers; where there are fewer conversations, then another of each, and so on.

    The choice does not depend on the order or the number of files, and a conversation added elsewhere
    moves none of the others.
    """
    order = heapq.nsmallest(wanted * OVERSAMPLING, row_ids, key=lambda row_id: _rank(seed, row_id))
    table = balance.read().to_table(columns=["row_id", "messages"], filter=pc.field("row_id").isin(order))
    rows = dict(zip(table.column("row_id").to_pylist(), table.column("messages").to_pylist(), strict=True))
    of_each = [prompts_of(row_id, rows[row_id], seed) for row_id in order if row_id in rows]
    rounds = (prompt for some in zip_longest(*of_each) for prompt in some if prompt)
    return list(islice(rounds, wanted))


def prompts_of(row_id: str, messages: list[Message], seed: int) -> list[Prompt]:
    """What each assistant turn with a user turn before it answers: the last one's, then the others' in the order of a
    seeded hash of their places."""
    first = next((i for i, m in enumerate(messages) if m["role"] == "user"), len(messages))
    replies = [i for i, m in enumerate(messages) if m["role"] == "assistant" and i > first]
    order = replies[-1:] + sorted(replies[:-1], key=lambda i: _rank(seed, f"{row_id}:{i}"))
    return [Prompt(row_id, i, messages[:i], messages[i]["content"]) for i in order]


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()
