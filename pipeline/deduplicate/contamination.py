"""Conversations that repeat an evaluation set: by n-ngrams, by whole short turns, by whole short exchanges.

Following Brown et al. 2020, Language Models are Few-Shot Learners, appendix C: an overlap is a run of 13
words, case and punctuation left aside, or of as many words as a shorter text has, and of 8 at the least.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from pipeline.deduplicate.exchanges import exchange_hashes
from pipeline.deduplicate.hashed_words import HashedWords, ngrams, starts
from pipeline.rows.ranges import Range
from pipeline.rows.turns import turns_of

GRAM_WORDS, LEAST_WORDS = 13, 8
EXCHANGE = 0
"""The key of whole exchanges in the index; the other keys are numbers of words."""


@dataclass(frozen=True)
class EvaluationIndex:
    """What evaluation conversations are recognised by.

    keys: length in words (EXCHANGE: a whole exchange) to ascending uint64 hashes and the evaluation row,
    by place in `rows`, that each comes from. rows: (evaluation set, row_id). Memory: 12 bytes for each
    word of the evaluation sets.
    """

    keys: dict[int, tuple[np.ndarray, np.ndarray]]
    rows: list[tuple[str, str]]

    def overlaps(self, hashed: HashedWords) -> dict[int, str]:
        """Conversation to evidence, for those that repeat an evaluation row: the longest match, the first of them."""
        evidence_of: dict[int, str] = {}
        hashed = hashed.plain
        row_of_turn, turn = hashed.row_of_turns(), hashed.turn_of_words()
        for words in sorted(self.keys, reverse=True):
            if words == EXCHANGE:
                rows, hashes = exchange_hashes(hashed, LEAST_WORDS, 1)
                hashes = hashes.view(np.uint64)
            else:
                hashes = ngrams(hashed.words, words)
                inside = np.flatnonzero(turn[: len(hashes)] == turn[words - 1 :]) if len(hashes) else np.zeros(0, int)
                rows, hashes = row_of_turn[turn[inside]], hashes[inside]
            known, owners = self.keys[words]
            place = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
            for hit in np.flatnonzero(known[place] == hashes):
                if int(rows[hit]) not in evidence_of:
                    name, row_id = self.rows[owners[place[hit]]]
                    evidence = {"matched": row_id, "evaluation_set": name}
                    evidence_of[int(rows[hit])] = json.dumps(
                        evidence | ({"words": words} if words else {"exchange": "whole"})
                    )
        return evidence_of

    def digest(self) -> str:
        """What the index is of: sha256 of all in it."""
        found = sha256(json.dumps(self.rows).encode())
        for words, columns in sorted(self.keys.items()):
            found.update(f"{words}/{len(columns[0])}".encode())
            for column in columns:
                found.update(column.tobytes())
        return found.hexdigest()

    def save(self, folder: Path) -> None:
        """Writes the index where every task can map it into memory."""
        folder.mkdir(parents=True, exist_ok=True)
        for words, (known, owners) in self.keys.items():
            np.save(folder / f"{words}.hashes.npy", known)
            np.save(folder / f"{words}.rows.npy", owners)
        (folder / "rows.json").write_text(json.dumps(self.rows))

    @classmethod
    def load(cls, folder: Path) -> "EvaluationIndex":
        """The index in a folder; one that finds nothing when there is none."""
        if not (folder / "rows.json").is_file():
            return cls({}, [])
        lengths = sorted(int(file.name.split(".")[0]) for file in folder.glob("*.hashes.npy"))
        keys = {
            n: (
                np.load(folder / f"{n}.hashes.npy", mmap_mode="r"),
                np.load(folder / f"{n}.rows.npy", mmap_mode="r"),
            )
            for n in lengths
        }
        return cls(keys, [(name, row_id) for name, row_id in json.loads((folder / "rows.json").read_text())])


def index_of(evaluation: Iterable[tuple[str, list[str], HashedWords]]) -> tuple[EvaluationIndex, int]:
    """The index of evaluation sets, and how many of their rows are too short to be recognised.

    evaluation: (name of the set, row ids, conversations).
    """
    pieces: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
    rows: list[tuple[str, str]] = []
    unseen = 0
    for name, row_ids, hashed in evaluation:
        seen = np.zeros(len(row_ids), bool)
        for words, place, hashes in _recognised(hashed):
            pieces.setdefault(words, []).append((hashes, place + len(rows)))
            seen[place] = True
        rows += [(name, row_id) for row_id in row_ids]
        unseen += int((~seen).sum())
    keys = {}
    for words, found in pieces.items():
        hashes, owners = (np.concatenate(parts) for parts in zip(*found, strict=True))
        if not len(hashes):
            continue
        known, first = np.unique(hashes, return_index=True)
        keys[words] = (known, owners[first].astype(np.int32))
    return EvaluationIndex(keys, rows), unseen


def _recognised(hashed: HashedWords) -> Iterable[tuple[int, np.ndarray, np.ndarray]]:
    """(length in words or EXCHANGE, row of each hash, hashes)."""
    hashed = hashed.plain
    row_of_turn, turn = hashed.row_of_turns(), hashed.turn_of_words()
    whole = ngrams(hashed.words, GRAM_WORDS)
    inside = np.flatnonzero(turn[: len(whole)] == turn[GRAM_WORDS - 1 :]) if len(whole) else np.zeros(0, int)
    yield GRAM_WORDS, row_of_turn[turn[inside]], whole[inside]
    first = starts(hashed.turns)
    for words in range(LEAST_WORDS, GRAM_WORDS):
        short = np.flatnonzero(hashed.turns == words)
        if len(short):
            yield words, row_of_turn[short], ngrams(hashed.words, words)[first[short]]
    rows, hashes = exchange_hashes(hashed, LEAST_WORDS, 1)
    yield EXCHANGE, rows, hashes.view(np.uint64)


def conversations(ranges: Iterable[Range]) -> Iterable[tuple[str, list[str], HashedWords]]:
    """The evaluation rows of these ranges, as index_of wants them."""
    for part in ranges:
        table = part.read(["row_id", "messages"])
        yield part.corpus.name, table["row_id"].to_pylist(), HashedWords.of(turns_of(table["messages"]))
