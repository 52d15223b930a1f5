"""What balance drops, and why, found in this process: the same rows as decided_by_spark's, where none goes for what it
means."""

from collections.abc import Sequence
from functools import cache
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.balance import Balance, Cap
from pipeline.balance.bounds import Bound, cap_bounds, columns_of, flags, topic_bounds, topic_counts
from pipeline.contract.execute import StageContext
from pipeline.rows.parquet import read_columns
from pipeline.rows.to_json import to_json
from pipeline.spark.draw import uniforms

DROPPED = pa.schema([(name, pa.string()) for name in ("row_id", "rule", "evidence")])


def decided_here(context: StageContext) -> pa.Table:
    """DROPPED of those that go."""
    config: Balance = context.config("balance")
    seed: int = context.config("seed")
    rows = _read(context, config.caps)
    remove = context.inputs["review"].json("decision.json").get("remove") or {}

    removed = _removed(rows, remove.get("topics", []), remove.get("sources", []))
    rows = _less(rows, removed)
    found = rows.group_by(["split", "topic"]).aggregate([([], "count_all")])
    counts = topic_counts(zip(*(found[name].to_pylist() for name in ("split", "topic", "count_all")), strict=True))
    context.metrics["topics_before"] = counts
    train = rows.filter(pc.equal(rows["split"], "train"))
    bounds = topic_bounds(counts, config.max_topic_share, context.metrics)
    over = _beyond(train["row_id"], train["topic"], bounds, seed)
    return pa.concat_tables([removed, over, _over_caps(_less(train, over), config.caps, seed)])


def _read(context: StageContext, caps: list[Cap]) -> pa.Table:
    """row_id, source and split; what annotate says of them, and whether it does."""
    rows = read_columns(context.inputs["deduplicate"].parquet(), ["row_id", "source", "split"])
    source = context.inputs["annotate"].parquet()
    there = pq.read_schema(min(source.glob("*.parquet"))).names
    names = ["topic", *(columns_of(caps, there) if caps else [])]
    about = read_columns(source, ["row_id", *names])
    at = pc.index_in(rows["row_id"], value_set=about["row_id"].combine_chunks())
    for name in names:
        rows = rows.append_column(name, about[name].take(at))
    return rows.append_column("annotated", pc.is_valid(at))


def _removed(rows: pa.Table, topics: list[str], sources: list[str]) -> pa.Table:
    """DROPPED of the rows whose topic or source the review removed."""
    by_topic, by_source = (
        pc.is_in(rows[name], value_set=pa.array(values, pa.string()))
        for name, values in (("topic", topics), ("source", sources))
    )
    source = pc.if_else(by_source, rows["source"], None)
    topic = pc.if_else(by_topic, rows["topic"], None)
    gone = pc.or_(by_topic, by_source)
    evidence = cache(lambda source, topic: to_json({"source": source, "topic": topic}))
    said = [evidence(*pair) for pair in zip(*(of.filter(gone).to_pylist() for of in (source, topic)), strict=True)]
    return _dropped(rows["row_id"].filter(gone), "removed_by_review", pa.array(said, pa.string()))


def _dropped(row_ids: pa.ChunkedArray, rule: str, evidence: pa.Array) -> pa.Table:
    return pa.table([row_ids, pa.repeat(rule, len(row_ids)), evidence], schema=DROPPED)


def _less(rows: pa.Table, gone: pa.Table) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows["row_id"], value_set=gone["row_id"].combine_chunks())))


def _over_caps(train: pa.Table, caps: list[Cap], seed: int) -> pa.Table:
    """DROPPED of the training rows above a cap, of those that annotate knows."""
    if not caps:
        return DROPPED.empty_table()
    train = train.filter(train["annotated"])

    def condition(name: str, value: str) -> np.ndarray:
        if name == "group":
            return _mention(train["mentions"].combine_chunks(), value)
        return pc.equal(train[name], value).fill_null(False).to_numpy()

    bits = flags(caps, condition, np.ones(train.num_rows, bool))
    kinds = pc.binary_join_element_wise(*(pc.if_else(pa.array(bit), "1", "0") for bit in bits), "")
    counts = {found["values"]: found["counts"] for found in kinds.value_counts().to_pylist()}
    return _beyond(train["row_id"], kinds, cap_bounds(counts, caps), seed)


def _mention(mentions: pa.ListArray, group: str) -> np.ndarray:
    """bool [N]: whether lists of groups hold one."""
    found = np.zeros(len(mentions), bool)
    found[pc.list_parent_indices(mentions).filter(pc.equal(pc.list_flatten(mentions), group)).to_numpy()] = True
    return found


def _beyond(
    row_ids: pa.ChunkedArray, kinds: pa.Array | pa.ChunkedArray, bounds: Sequence[Bound], seed: int
) -> pa.Table:
    """DROPPED of what goes of rows of these kinds. Bounds of one kind follow one another."""
    found = [DROPPED.empty_table()]
    for kind, limits in groupby(bounds, lambda bound: bound.kind):
        its = row_ids.filter(pc.equal(kinds, kind))
        drawn = pa.table({"draw": uniforms(seed, its.to_numpy()), "row_id": its})
        placed = its.take(pc.sort_indices(drawn, [("draw", "ascending"), ("row_id", "ascending")]))
        for bound in limits:
            gone = placed.slice(bound.low, bound.high - bound.low)
            found.append(_dropped(gone, bound.rule, pa.repeat(bound.evidence, len(gone))))
    return pa.concat_tables(found)
