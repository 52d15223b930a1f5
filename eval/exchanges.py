"""Exchanges of the test split: what comes before a reply, and the reply a human gave."""

import hashlib
import heapq
from dataclasses import dataclass

import pyarrow.compute as pc

from eval.generate import Message
from pipeline.contract.artifact import Artifact

OVERSAMPLING = 4
"""Conversations looked at for each exchange wanted, as some have no turn before a reply."""


@dataclass(frozen=True)
class Exchange:
    """The last assistant turn of a conversation and all turns before it."""

    row_id: str
    prompt: list[Message]
    reference: str


def attributes_of(balance: Artifact, split: str) -> dict[str, tuple[str, str]]:
    """row_id to (source, topic) of a split."""
    table = balance.read().to_table(columns=["row_id", "source", "topic"], filter=pc.field("split") == split)
    columns = (table.column(name).to_pylist() for name in ("row_id", "source", "topic"))
    return {row_id: (source or "unknown", topic or "unknown") for row_id, source, topic in zip(*columns, strict=True)}


def choose_exchanges(balance: Artifact, row_ids: list[str], wanted: int, seed: int) -> list[Exchange]:
    """At most `wanted` exchanges of the conversations `row_ids`, in the order of a seeded hash of their ids.

    The choice does not depend on the order or the number of files, and a conversation added elsewhere
    moves none of the others.
    """
    order = heapq.nsmallest(wanted * OVERSAMPLING, row_ids, key=lambda row_id: _rank(seed, row_id))
    table = balance.read().to_table(columns=["row_id", "messages"], filter=pc.field("row_id").isin(order))
    rows = zip(table.column("row_id").to_pylist(), table.column("messages").to_pylist(), strict=True)
    found = {row_id: exchange for row_id, messages in rows if (exchange := last_exchange(row_id, messages))}
    return [found[row_id] for row_id in order if row_id in found][:wanted]


def last_exchange(row_id: str, messages: list[Message]) -> Exchange | None:
    """The exchange that ends with the last assistant turn; None when no user turn comes before it."""
    last = max((i for i, m in enumerate(messages) if m["role"] == "assistant"), default=0)
    prompt = messages[:last]
    if not any(m["role"] == "user" for m in prompt):
        return None
    return Exchange(row_id, prompt, messages[last]["content"])


def _rank(seed: int, row_id: str) -> bytes:
    return hashlib.sha256(f"{seed}:{row_id}".encode()).digest()
