"""Why a written row is not kept: a rule of clean, another subject than asked for, or what the corpus says already."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from configs.clean import Clean
from configs.deduplicate import Deduplicate
from pipeline.clean.rules.rules import evidence, first_failures
from pipeline.clean.score import batch_scorer
from pipeline.contract.artifact import Artifact
from pipeline.deduplicate.hashed_words import HashedWords
from pipeline.deduplicate.minhash import bands_of
from pipeline.deduplicate.similarity import Compared, similarities
from pipeline.embed.encoder import Encoder
from pipeline.generate.wanted import Target
from pipeline.people.mentions import mentions
from pipeline.rows.schema import CONVERSATIONS
from pipeline.rows.turns import Turn, turns_of

Reason = tuple[str, str]
"""(rule, evidence as JSON)."""


class CleanRules:
    """Repairs, masks and scores rows as those of the corpus were, and judges them by the same rules."""

    def __init__(self, clean: Clean) -> None:
        self._rules = clean.rules
        text = clean.text.model_copy(update={"rare_words": "keep"})  # a handful of rows cannot say what is rare
        self._score = batch_scorer(text, clean.pii, clean.translation, None, clean.rules.max_chars)

    def __call__(self, rows: list[dict[str, Any]]) -> tuple[pa.Table, list[Reason | None]]:
        """The rows with their scores, and why each fails."""
        batch = pa.RecordBatch.from_pylist(rows, schema=CONVERSATIONS)
        table = pa.Table.from_batches(list(self._score([batch])))
        failed = first_failures(table, self._rules)
        gone = table.filter(failed.is_valid())
        proofs = iter(evidence(gone, failed.drop_null(), self._rules))
        return table, [(name, next(proofs)) if name else None for name in failed.to_pylist()]


class Subjects:
    """Whether a row is about what was asked for: its nearest topic by the encoder, its groups by the word lists."""

    def __init__(self, topics: dict[str, tuple[str, ...]], encoder: Encoder) -> None:
        """topics: name to the phrases that describe it."""
        self._names = [name for name in sorted(topics) for _ in topics[name]]
        self._encoder = encoder
        self._phrases_PD = encoder.encode_texts([phrase for name in sorted(topics) for phrase in topics[name]])

    def __call__(self, conversations: list[list[Turn]], target: Target) -> tuple[list[str], list[Reason | None]]:
        """The topic of each, and why it is not about the target."""
        texts = ["\n".join(content for _, content in turns) for turns in conversations]
        nearest = (self._encoder.encode_texts(texts) @ self._phrases_PD.T).argmax(axis=1) if texts else []
        topics = [self._names[number] for number in nearest]
        reasons: list[Reason | None] = []
        for text, topic in zip(texts, topics, strict=True):
            if target.kind == "topic":
                off = ("off_topic", {"wanted": target.name, "topic": topic}) if topic != target.name else None
            else:
                off = ("group_not_mentioned", {"wanted": target.name}) if target.name not in mentions(text) else None
            reasons.append((off[0], json.dumps(off[1])) if off else None)
        return topics, reasons


def repeated(conversations: list[list[Turn]], corpus: Artifact, limits: Deduplicate) -> dict[int, Reason]:
    """Place of each conversation that is a near duplicate of a row of the corpus, in whatever split, or of an earlier
    one among them, to the reason.

    By MinHash bands, then by Jaccard similarity, as deduplicate compares; the whole corpus is read once, by one core.
    """
    if not conversations:
        return {}
    mine = Compared(HashedWords.of(conversations), limits.jaccard)
    buckets = _buckets(mine, limits)
    found: dict[int, Reason] = {}
    for a, b in _candidates(buckets, _bands(mine, limits)):
        if a < b and a not in found and (similarity := _similarity(mine, a, mine, b)) >= limits.jaccard:
            found.setdefault(b, ("near_duplicate", json.dumps({"of": "a generated row", "jaccard": similarity})))
    for row_ids, turns in _batches(corpus):
        theirs = Compared(HashedWords.of(turns), limits.jaccard)
        for a, b in _candidates(buckets, _bands(theirs, limits)):
            if a not in found and (similarity := _similarity(mine, a, theirs, b)) >= limits.jaccard:
                found[a] = ("near_duplicate", json.dumps({"of": row_ids[b], "jaccard": similarity}))
    return found


def _similarity(a: Compared, row_a: int, b: Compared, row_b: int) -> float:
    whole, _, _ = similarities(a, np.array([row_a]), b, np.array([row_b]))
    return round(float(whole[0]), 3)


def _bands(compared: Compared, limits: Deduplicate) -> Iterable[tuple[int, np.ndarray]]:
    """(row, band hashes) of each kind of shingles that the row has."""
    for sets in (compared.short, compared.long):
        rows, hashes = bands_of(sets, limits.permutations, limits.bands)
        yield from zip(rows.tolist(), hashes, strict=True)


def _buckets(compared: Compared, limits: Deduplicate) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for row, hashes in _bands(compared, limits):
        for value in hashes.tolist():
            found.setdefault(value, set()).add(row)
    return found


def _candidates(buckets: dict[int, set[int]], bands: Iterable[tuple[int, np.ndarray]]) -> list[tuple[int, int]]:
    """(row of the buckets, row of the bands) of each pair that shares a band."""
    pairs = {(mine, row) for row, hashes in bands for value in hashes.tolist() for mine in buckets.get(value, ())}
    return sorted(pairs, key=lambda pair: (pair[1], pair[0]))


def _batches(corpus: Artifact) -> Iterable[tuple[list[str], list[list[Turn]]]]:
    for file in sorted(corpus.parquet().glob("*.parquet")):
        for batch in pq.ParquetFile(file).iter_batches(4_000, columns=["row_id", "messages"]):
            yield batch["row_id"].to_pylist(), turns_of(batch["messages"])
