"""Prompts of the test split: the turns before a reply, and the reply a human gave."""

import hashlib
import heapq
from dataclasses import dataclass

import pyarrow.compute as pc

from eval.generate import Message
from pipeline.contract.artifact import Artifact

OVERSAMPLING = 4
"""Conversations looked at for each prompt wanted, as some have no turn before a reply."""


@dataclass(frozen=True)
class Prompt:
    """All turns before the last assistant turn of a conversation; that turn's text is the reference."""

    row_id: str
    messages: list[Message]
    reference: str


def attributes_of(balance: Artifact, split: str) -> dict[str, tuple[str, str]]:
    """row_id to (source, topic) of a split."""
    table = balance.read().to_table(columns=["row_id", "source", "topic"], filter=pc.field("split") == split)
    columns = (table.column(name).to_pylist() for name in ("row_id", "source", "topic"))
    return {row_id: (source or "unknown", topic or "unknown") for row_id, source, topic in zip(*columns, strict=True)}


def choose_prompts(balance: Artifact, row_ids: list[str], wanted: int, seed: int) -> list[Prompt]:
    """At most `wanted` prompts of the conversations `row_ids`, in the order of a seeded hash of their ids.

    The choice does not depend on the order or the number of files, and a conversation added elsewhere
    moves none of the others.
    """
    order = heapq.nsmallest(wanted * OVERSAMPLING, row_ids, key=lambda row_id: _rank(seed, row_id))
    table = balance.read().to_table(columns=["row_id", "messages"], filter=pc.field("row_id").isin(order))
    rows = zip(table.column("row_id").to_pylist(), table.column("messages").to_pylist(), strict=True)
    prompts = {row_id: prompt for row_id, messages in rows if (prompt := last_prompt(row_id, messages))}
    return [prompts[row_id] for row_id in order if row_id in prompts][:wanted]


def last_prompt(row_id: str, messages: list[Message]) -> Prompt | None:
    """What the last assistant turn replies to; None when no user turn comes before it."""
    last = max((i for i, m in enumerate(messages) if m["role"] == "assistant"), default=0)
    before = messages[:last]
    if not any(m["role"] == "user" for m in before):
        return None
    return Prompt(row_id, before, messages[last]["content"])


def _rank(seed: int, row_id: str) -> bytes:
    return hashlib.sha256(f"{seed}:{row_id}".encode()).digest()
