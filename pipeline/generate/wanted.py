"""Which topics and groups have too few rows, how many more are wanted, and the rows that show what is meant."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from configs.audit import OTHER_TOPIC
from configs.balance import Generator
from pipeline.contract.artifact import Artifact
from pipeline.generate.prompt import Exchange, first_exchange
from pipeline.rows.parquet import rows_in

POOL = 64
"""Rows of the corpus that examples are drawn from, for each topic and group."""

LONGEST = 500
"""Characters of a turn of an example: several must fit into a prompt."""


@dataclass(frozen=True)
class Target:
    """kind: topic or group. about: in words. rows: how many more are wanted. pool: (row_id, exchange)."""

    kind: str
    name: str
    about: str
    rows: int
    pool: tuple[tuple[str, Exchange], ...]


def targets(
    settings: Generator,
    topics: dict[str, tuple[str, ...]],
    corpus: Artifact,
    annotated: Artifact,
    removed: dict[str, list[str]],
    seed: int,
) -> list[Target]:
    """What is to be filled up, with at most settings.max_rows rows in all, the scarcest first. Of topics and sources
    that the review removed there is none.

    A share s of the training rows needs m more of n + m of T + m rows: m = (s T - n) / (1 - s).
    """
    table = annotated.read().to_table(columns=["row_id", "source", "split", "topic", "mentions"])
    topics_gone, sources_gone = (pa.array(removed.get(name, []), pa.string()) for name in ("topics", "sources"))
    gone = pc.or_(pc.is_in(table["source"], value_set=sources_gone), pc.is_in(table["topic"], value_set=topics_gone))
    table = table.filter(pc.and_(pc.equal(table["split"], "train"), pc.invert(gone)))
    total = table.num_rows
    of_topic = Counter(table["topic"].to_pylist())
    of_group: Counter[str] = Counter()
    for tags in table["mentions"].to_pylist():
        of_group.update(tags or ())
    shares = [
        ("topic", name, settings.min_topic_share, of_topic[name]) for name in sorted(topics) if name != OTHER_TOPIC
    ]
    shares = [entry for entry in shares if entry[1] not in removed.get("topics", [])]
    shares += [("group", name, share, of_group[name]) for name, share in sorted(settings.groups.items())]
    short = [(kind, name, math.ceil((share * total - n) / (1 - share)), n) for kind, name, share, n in shares]
    short = sorted((entry for entry in short if entry[2] > 0), key=lambda entry: (entry[3], entry[:2]))
    pools = _pools(corpus, table, {(kind, name) for kind, name, _, _ in short}, seed)
    found, left = [], settings.max_rows
    for kind, name, wanted, _ in short:
        people = f"everyday life, in which {name.partition(':')[2]} people appear"
        about = ", ".join(topics[name]) if kind == "topic" else people
        found.append(Target(kind, name, about, min(wanted, left), tuple(pools[kind, name])))
        left -= found[-1].rows
    return [target for target in found if target.rows]


def _pools(
    corpus: Artifact, table: Any, names: set[tuple[str, str]], seed: int
) -> dict[tuple[str, str], list[tuple[str, Exchange]]]:
    """(kind, name) to the first POOL rows, in an order that the seed draws, that are short enough for an example."""
    member: dict[str, list[tuple[str, str]]] = {}
    for row_id, topic, tags in zip(*(table[c].to_pylist() for c in ("row_id", "topic", "mentions")), strict=True):
        mine = [("topic", topic), *(("group", tag) for tag in tags or ())]
        if mine := [name for name in mine if name in names]:
            member[row_id] = mine
    found: dict[tuple[str, str], list[tuple[int, str, Exchange]]] = {name: [] for name in names}
    for file in sorted(corpus.parquet().glob("*.parquet")) if member and rows_in(corpus.parquet()) else []:
        for batch in pq.ParquetFile(file).iter_batches(1 << 13, columns=["row_id", "messages"]):
            for row_id, messages in zip(batch["row_id"].to_pylist(), batch["messages"].to_pylist(), strict=True):
                exchange = first_exchange(messages) if row_id in member else None
                if exchange and max(map(len, exchange)) <= LONGEST:
                    order = xxhash.xxh3_64_intdigest(f"{seed}/{row_id}".encode())
                    for name in member[row_id]:
                        found[name] = sorted([*found[name], (order, row_id, exchange)])[:POOL]
    return {name: [(row_id, exchange) for _, row_id, exchange in pool] for name, pool in found.items()}
