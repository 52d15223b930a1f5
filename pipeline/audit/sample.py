"""The statements that the audit compares, as arrays: all of them, or of each frequent group a sample of conversations.

A sample is drawn by conversation: of a group with more than MOST statements those conversations whose number, drawn by
their id, is below MOST over its statements. So rare groups are whole, frequent ones are as exact as they need be (the
error of a mean of 200,000 is a thousandth of a standard deviation or two), and memory stays below some GB for any
corpus.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.audit.statements import NUMBER, about_persons
from pipeline.contract.artifact import Artifact
from pipeline.sentiment.emotions import EMOTIONS

MOST = 200_000
TONES = ("sentiment", "offensive", *EMOTIONS)
LENGTHS = (60, 120, 240)
"""Characters at which the strata of length begin."""
REPEATED = 5
EXAMPLES = 3
FEW = 50_000
"""Numbers that are sorted sooner than counted."""
REST = ""
"""Key of Sample.rates for what mentions another group or none."""


@dataclass
class Sample:
    """N statements of C conversations.

    number_N: of each statement in its conversation. said_N: hash of its masked text. cluster_N: numbers of what is
    drawn as one: a conversation, or a sentence that is said REPEATED times or more. unit_N: of what counts as one:
    a conversation, and of such a sentence its first REPEATED. conversation_N, source_N, role_N, topic_N, length_N:
    numbers. persons_N: whether each is about persons. tone_NT: TONES. place_N: the number in 0 to 1 that each
    statement's conversation has drawn. groups, acts, acted_on: tag to the numbers of its statements. word_W, of_W:
    numbers of words and of the statements that they stand in, which ascend. statements: tag to how many are in the
    whole corpus. rates: tag to the share of its conversations that are in.
    """

    row_ids: list[str]
    number_N: np.ndarray
    said_N: np.ndarray
    conversation_N: np.ndarray
    cluster_N: np.ndarray
    unit_N: np.ndarray
    source_N: np.ndarray
    role_N: np.ndarray
    topic_N: np.ndarray
    length_N: np.ndarray
    persons_N: np.ndarray
    tone_NT: np.ndarray
    place_N: np.ndarray
    groups: dict[str, np.ndarray]
    acts: dict[str, np.ndarray]
    acted_on: dict[str, np.ndarray]
    word_W: np.ndarray
    of_W: np.ndarray
    vocabulary: list[str]
    statements: dict[str, int] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.conversation_N)

    def of(self, tags: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the statements that mention all of these groups, and of those that do not."""
        inside, rest_N = self.inside(tags), self.rest_N
        rest_N[inside] = False
        return inside[self.place_N[inside] < max(self.rates[tag] for tag in tags)], np.flatnonzero(rest_N)

    def inside(self, tags: tuple[str, ...]) -> np.ndarray:
        """Numbers of all statements that mention these groups, those among them that are drawn for another's sake."""
        return np.flatnonzero(np.all([self._has(tag) for tag in tags], axis=0))

    def examples(self, statements: np.ndarray) -> dict[str, list[Any]]:
        """`examples`, the ids of the first three conversations of these statements, no two of which say the same, and
        `sentences`, the number of the statement in each."""
        found: dict[int, int] = {}
        said = set()
        for at in statements[: 100 * EXAMPLES].tolist():
            if self.conversation_N[at] not in found and self.said_N[at] not in said and len(found) < EXAMPLES:
                found[self.conversation_N[at]] = int(self.number_N[at])
                said.add(self.said_N[at])
        return {"examples": [self.row_ids[row] for row in found], "sentences": list(found.values())}

    @cached_property
    def _word_ends(self) -> np.ndarray:
        """[N + 1]: where the words of each statement begin in word_W, and end."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.of_W, minlength=len(self)))])

    def words(self, statements: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of each word of these statements, the statement and the place in word_W."""
        begins, counts = self._word_ends[statements], np.diff(self._word_ends)[statements]
        of = np.repeat(np.arange(len(statements)), counts)
        return statements[of], np.arange(len(of)) + (begins - np.cumsum(counts) + counts)[of]

    @property
    def rest_N(self) -> np.ndarray:
        """Whether each statement is one of those that groups are compared with."""
        return self.place_N < self.rates[REST]

    def _has(self, tag: str) -> np.ndarray:
        found = np.zeros(len(self), bool)
        found[self.groups[tag]] = True
        return found


def sample(source: Artifact, most: int = MOST) -> Sample:
    """Of annotate's mentions/ and others/. Reads them twice, batch by batch."""
    statements: Counter[str] = Counter()
    total = 0
    for batch in _batches(source, ["groups"]):
        statements.update(pc.list_flatten(batch["groups"]).to_pylist())
        total += batch.num_rows
    rates = {tag: min(1.0, most / count) for tag, count in statements.items()}
    rates[REST] = min(1.0, 2 * most / max(total, 1))
    found = _Growing()
    for batch in _batches(source):
        found.add(batch, rates)
    return found.sample(dict(sorted(statements.items())), rates)


def _batches(source: Artifact, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    for name in ("mentions", "others"):
        for file in sorted(source.parquet(name).glob("*.parquet")):
            yield from pq.ParquetFile(file).iter_batches(1 << 14, columns=columns)


class _Growing:
    """Arrays that grow by batches."""

    def __init__(self) -> None:
        self.numbers: dict[str, dict[str, int]] = {name: {} for name in ("row_id", "source", "role", "topic", "words")}
        self.columns: dict[str, list[np.ndarray]] = {}
        self.tags: dict[str, dict[str, list[np.ndarray]]] = {name: {} for name in ("groups", "acts", "acted_on")}
        self.count = 0

    def add(self, batch: pa.RecordBatch, rates: dict[str, float]) -> None:
        place_N = places(batch["row_id"])
        if min(rates.values()) < 1:
            bar_N = np.full(batch.num_rows, rates[REST])
            tags = pc.list_flatten(batch["groups"])
            each = np.array([rates[tag] for tag in tags.to_pylist()], float)
            np.maximum.at(bar_N, pc.list_parent_indices(batch["groups"]).to_numpy(), each)
            batch, place_N = batch.filter(pa.array(place_N < bar_N)), place_N[place_N < bar_N]
        self._put("place", place_N)
        for name in ("row_id", "source", "role", "topic"):
            self._put(name, self._numbered(name, batch[name]))
        self._put("said", batch["said"].to_numpy())
        self._put("number", pc.cast(pc.utf8_slice_codeunits(batch["statement"], -NUMBER), pa.int64()).to_numpy())
        self._put("length", np.searchsorted(LENGTHS, batch["chars"].to_numpy()))
        self._put("tone", _tones(batch))
        self._put("words", self._numbered("words", pc.list_flatten(batch["words"])))
        self._put("of", pc.list_parent_indices(batch["words"]).to_numpy() + self.count)
        for name, tags_of in self.tags.items():
            flat = pc.list_flatten(batch[name]).to_numpy(zero_copy_only=False)
            parents = pc.list_parent_indices(batch[name]).to_numpy()
            for tag in set(flat.tolist()):
                tags_of.setdefault(tag, []).append(parents[flat == tag] + self.count)
        self.count += batch.num_rows

    def sample(self, statements: dict[str, int], rates: dict[str, float]) -> Sample:
        def column(name: str, kind: type = np.int64) -> np.ndarray:
            return np.concatenate(self.columns.get(name) or [np.zeros(0, kind)])

        groups, acts, acted_on = (
            {tag: np.concatenate(found) for tag, found in sorted(self.tags[name].items())}
            for name in ("groups", "acts", "acted_on")
        )
        cluster_N, unit_N = repeated(column("said"), column("row_id"))
        return Sample(
            row_ids=list(self.numbers["row_id"]),
            number_N=column("number"),
            said_N=column("said"),
            conversation_N=column("row_id"),
            cluster_N=cluster_N,
            unit_N=unit_N,
            source_N=column("source"),
            role_N=column("role"),
            topic_N=column("topic"),
            length_N=column("length"),
            persons_N=self._persons(groups),
            tone_NT=column("tone", float).reshape(-1, len(TONES)),
            place_N=column("place", float),
            groups=groups,
            acts=acts,
            acted_on=acted_on,
            word_W=column("words"),
            of_W=column("of"),
            vocabulary=list(self.numbers["words"]),
            statements=statements,
            rates=rates,
        )

    def _persons(self, groups: dict[str, np.ndarray]) -> np.ndarray:
        found_N = np.zeros(self.count, bool)
        said_V = np.array([about_persons([word]) for word in self.numbers["words"]], bool)
        for statements in groups.values():
            found_N[statements] = True
        for words, of in zip(self.columns.get("words", []), self.columns.get("of", []), strict=True):
            found_N[of[said_V[words]]] = True
        return found_N

    def _put(self, name: str, values: np.ndarray) -> None:
        self.columns.setdefault(name, []).append(values)

    def _numbered(self, name: str, values: pa.Array) -> np.ndarray:
        """The number of each value among all that were seen."""
        known, encoded = self.numbers[name], values.dictionary_encode()
        numbers = np.array([known.setdefault(v, len(known)) for v in encoded.dictionary.to_pylist()], np.int64)
        return numbers[encoded.indices.to_numpy()] if len(values) else np.zeros(0, np.int64)


def distinct(numbers: np.ndarray) -> int:
    """How many different numbers there are, none of them negative."""
    return len(np.unique(numbers)) if len(numbers) < FEW else int(np.count_nonzero(np.bincount(numbers)))


def repeated(said_N: np.ndarray, conversation_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sample.cluster_N and unit_N. A line that a source puts under everything is no thousand observations."""
    _, sentence_N, times_S = np.unique(said_N, return_inverse=True, return_counts=True)
    often_N = times_S[sentence_N] >= REPEATED
    order = np.argsort(sentence_N, kind="stable")
    time_N = np.zeros(len(said_N), np.int64)
    time_N[order] = np.arange(len(said_N)) - np.repeat(np.cumsum(times_S) - times_S, times_S)
    first = int(conversation_N.max(initial=0)) + 1
    cluster_N = np.where(often_N, first + sentence_N, conversation_N)
    unit_N = np.where(often_N, first + sentence_N * REPEATED + np.minimum(time_N, REPEATED - 1), conversation_N)
    return cluster_N, unit_N


def places(row_ids: pa.Array) -> np.ndarray:
    """A number in 0 to 1 of each row, drawn by its id: its first 32 bits."""
    heads = pc.utf8_slice_codeunits(row_ids, 0, 8).to_pylist()
    return np.array([int(head, 16) for head in heads], float) / 2**32


def _tones(batch: pa.RecordBatch) -> np.ndarray:
    emotions_NE = pc.list_flatten(batch["emotions"]).to_numpy().reshape(-1, len(EMOTIONS))
    return np.column_stack([batch["sentiment"].to_numpy(), batch["offensive"].to_numpy(), emotions_NE]).astype(float)
