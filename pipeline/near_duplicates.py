"""Near duplicates in Spark: candidates by bands, every pair verified, one representative a cluster."""

import math
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, LongType, StringType, StructField, StructType

from configs.deduplicate import Deduplicate
from pipeline.text.exchanges import exchanges_of
from pipeline.text.minhash import bands_of
from pipeline.text.shingles import Shingles, Turn, shingles_of, similarity

Batches = Iterator[pa.RecordBatch]

JUDGED = "a string, b string, jaccard double, duplicate boolean"
"""A candidate pair, a < b by row_id. b is null in the row that stands for a bucket whose pairs were bounded."""

MATCHED = "row_id string, matched string, jaccard double"


def sign(rows: DataFrame, config: Deduplicate) -> DataFrame:
    """The rows with `bands` array<bigint> (the band hashes of the conversation, each of which is a bucket)
    and `exchanges` array<string> (see text/exchanges.py). The only pass of Python over every text.
    """

    def add(batches: Batches) -> Batches:
        for batch in batches:
            spoken = [_turns(messages) for messages in batch["messages"].to_pylist()]
            sets = [shingles_of(turns, config.jaccard).hashes() for turns in spoken]
            signed = iter(bands_of([h for hashes in sets for h in hashes], config.permutations, config.bands))
            bands = [[band for _ in hashes for band in next(signed)] for hashes in sets]
            exchanges = [exchanges_of(turns, config.overlap_words) for turns in spoken]
            yield pa.RecordBatch.from_arrays(
                [*batch.columns, pa.array(bands, pa.list_(pa.int64())), pa.array(exchanges, pa.list_(pa.string()))],
                names=[*batch.schema.names, "bands", "exchanges"],
            )

    schema = StructType(
        [
            *rows.schema.fields,
            StructField("bands", ArrayType(LongType())),
            StructField("exchanges", ArrayType(StringType())),
        ]
    )
    return rows.mapInArrow(add, schema)


def candidate_pairs(signed: DataFrame, neighbours: int) -> DataFrame:
    """(a, b) with a < b: each row with the `neighbours` rows before it, by row_id, in its bucket.

    signed: row_id, bands. So a bucket of up to neighbours + 1 rows gives all its pairs, and a huge one
    costs linear time and little memory. A bucket with more rows also gives one row (bucket, null).
    """

    def pair(batches: Batches) -> Batches:
        bucket, size = None, 0
        before: deque[str] = deque(maxlen=neighbours)
        for batch in batches:
            a: list[str] = []
            b: list[str | None] = []
            for found, row_id in zip(batch["bucket"].to_pylist(), batch["row_id"].to_pylist(), strict=True):
                if found != bucket:
                    bucket, size = found, 0
                    before.clear()
                elif before and before[-1] == row_id:
                    continue
                a.extend(before)
                b.extend([row_id] * len(before))
                before.append(row_id)
                size += 1
                if size == neighbours + 2:
                    a.append(str(bucket))
                    b.append(None)
            yield pa.record_batch({"a": pa.array(a, pa.string()), "b": pa.array(b, pa.string())})

    bucketed = signed.select(F.explode("bands").alias("bucket"), "row_id")
    placed = bucketed.repartition("bucket").sortWithinPartitions("bucket", "row_id")
    return placed.mapInArrow(pair, "a string, b string").distinct()


def judge(pairs: DataFrame, rows: DataFrame, config: Deduplicate) -> DataFrame:
    """JUDGED: the true Jaccard similarity of every pair, and whether it makes a duplicate."""

    def verify(batches: Batches) -> Batches:
        for batch in batches:
            known: dict[str, Shingles] = {}
            jaccards: list[float | None] = []
            duplicates: list[bool | None] = []
            columns = (batch[name].to_pylist() for name in ("a", "b", "messages_a", "messages_b"))
            for a, b, messages_a, messages_b in zip(*columns, strict=True):
                if b is None:
                    jaccards.append(None)
                    duplicates.append(None)
                    continue
                for row_id, messages in ((a, messages_a), (b, messages_b)):
                    if row_id not in known:
                        known[row_id] = shingles_of(_turns(messages), config.jaccard)
                jaccard, duplicate = _compare(known[a], known[b], config)
                jaccards.append(jaccard)
                duplicates.append(duplicate)
            yield pa.record_batch(
                {
                    "a": batch["a"],
                    "b": batch["b"],
                    "jaccard": pa.array(jaccards, pa.float64()),
                    "duplicate": pa.array(duplicates, pa.bool_()),
                }
            )

    first = rows.select(F.col("row_id").alias("a"), F.col("messages").alias("messages_a"))
    second = rows.select(F.col("row_id").alias("b"), F.col("messages").alias("messages_b"))
    return (
        pairs.join(first, "a", "left")
        .join(second, "b", "left")
        .select("a", "b", "messages_a", "messages_b")
        .mapInArrow(verify, JUDGED)
    )


def near_duplicates(members: DataFrame, order: Sequence[str], config: Deduplicate) -> DataFrame:
    """MATCHED: the rows to drop, each with the better row of its component that it duplicates.

    members: component, row_id, messages and the columns of `order`, best row first. The rows of a
    component are visited in that order. A row that duplicates one that stayed is dropped, any other
    stays; so every dropped row is verified against the row that represents it, and a chain of small
    changes never drops a row far from what is kept.
    """

    def represent(batches: Batches) -> Batches:
        component, kept = None, Representatives(config)
        for batch in batches:
            found: list[tuple[str, str, float]] = []
            columns = (batch[name].to_pylist() for name in ("component", "row_id", "messages"))
            for owner, row_id, messages in zip(*columns, strict=True):
                if owner != component:
                    component, kept = owner, Representatives(config)
                match = kept.match_or_keep(row_id, shingles_of(_turns(messages), config.jaccard))
                if match:
                    found.append((row_id, *match))
            yield pa.record_batch(
                {
                    "row_id": pa.array([f[0] for f in found], pa.string()),
                    "matched": pa.array([f[1] for f in found], pa.string()),
                    "jaccard": pa.array([f[2] for f in found], pa.float64()),
                }
            )

    placed = members.repartition("component").sortWithinPartitions("component", *(F.expr(column) for column in order))
    return placed.select("component", "row_id", "messages").mapInArrow(represent, MATCHED)


class Representatives:
    """The rows of one component that stay, found again by a prefix of their shingles.

    Two sets of Jaccard similarity t share an element among the first |x| - ceil(t |x|) + 1 of each, in
    any common order (prefix filter: Chaudhuri et al., ICDE 2006). So the search is exact, and a row is
    compared with few representatives however many there are.
    """

    def __init__(self, config: Deduplicate) -> None:
        self._config = config
        self._kept: list[tuple[str, Shingles]] = []
        self._index: dict[int, list[int]] = defaultdict(list)

    def match_or_keep(self, row_id: str, shingles: Shingles) -> tuple[str, float] | None:
        """The most similar representative that the row duplicates; else None, and the row becomes one."""
        prefix = [h for hashes in shingles.hashes() for h in self._prefix(hashes)]
        best: tuple[float, int] | None = None
        for number in sorted({n for h in prefix for n in self._index.get(h, ())}):
            jaccard, duplicate = _compare(shingles, self._kept[number][1], self._config)
            if duplicate and (best is None or jaccard > best[0]):
                best = jaccard, number
        if best:
            return self._kept[best[1]][0], best[0]
        for h in prefix:
            self._index[h].append(len(self._kept))
        self._kept.append((row_id, shingles))
        return None

    def _prefix(self, hashes: frozenset[int]) -> list[int]:
        need = math.ceil(self._config.jaccard * len(hashes) - 1e-9)
        return sorted(hashes)[: max(len(hashes) - need + 1, 1)]


def _compare(a: Shingles, b: Shingles, config: Deduplicate) -> tuple[float, bool]:
    jaccard, reply = similarity(a, b)
    return round(jaccard, 4), jaccard >= config.jaccard and reply >= config.reply_jaccard


def _turns(messages: list[dict[str, str]]) -> list[Turn]:
    return [(m["role"], m["content"] or "") for m in messages]
