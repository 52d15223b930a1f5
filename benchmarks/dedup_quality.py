"""Recall and precision of near-duplicate detection on real rows with injected edits, by length.

python benchmarks/dedup_quality.py [DATA] prints one JSON line a length class, and one for rows that share
a long passage. DATA is a folder with corpora/ (default: PARLANCE_SHARED_DATA or ../shared/data). Each of
`rows` real exchanges gets a copy with one word changed and a copy with two; changed words are replaced by a
word of another row, dropped or doubled with one. All pairs of rows are compared to know the truth.

recall: of all pairs with Jaccard 0.8 or above (true, all pairs compared), the share found.
precision: of the pairs found, the share whose word edit distance is at most a fifth of the longer row,
  or two words: a judgement that does not rest on shingles.
cluster_precision: the same of every dropped row and the row that stays for it, after clustering: chains count.
edits_found: of the injected copies, the share found, with one and with two words changed. Short rows
  with an edit fall below Jaccard 0.8, and then they are not duplicates by definition.

shared_passage: real BoolQ rows with another question about the same passage (their answers put to the
  same value, so that only the question tells them apart). kept_apart: of the pairs of such rows with
  Jaccard 0.8 or above whose questions differ by more than two words, and not by additions alone, the
  share that is no duplicate.
  recall: of each row and its copy with one or two words changed, at Jaccard 0.8 or above, the share found.
"""

import csv
import gzip
import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa

from benchmarks.arguments import argument, shared_data
from configs.deduplicate import Deduplicate
from pipeline.deduplicate.candidate_pairs import buckets_of, candidate_pairs
from pipeline.deduplicate.connected_components import components_in_memory
from pipeline.deduplicate.hashed_words import HashedWords
from pipeline.deduplicate.near_duplicates import WORDS_OF_ROWS, duplicates, verify
from pipeline.deduplicate.representatives import MEMBERS, represent
from pipeline.deduplicate.similarity import Compared, similarities

CLASSES = {"8-15": (8, 15), "16-40": (16, 40), "41-": (41, 400)}
Exchange = tuple[str, str]


def exchanges(data: Path) -> Iterator[Exchange]:
    """Prompt and reply pairs of three corpora: task dialogues, open chat, questions with long answers."""
    corpora = data / "corpora"
    with gzip.open(corpora / "sgd_train.messages.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            turns = [m["content"] for m in json.loads(line)["messages"]]
            yield from zip(turns[0::2], turns[1::2], strict=False)
    with gzip.open(corpora / "topical_chat_valid.sharegpt.json.gz", "rt", encoding="utf-8") as file:
        for dialogue in json.load(file):
            turns = [m["value"] for m in dialogue["conversations"]]
            yield from zip(turns[0::2], turns[1::2], strict=False)
    with gzip.open(corpora / "counsel_chat.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for record in csv.DictReader(file):
            yield record["questionText"] or "", record["answerText"] or ""


def shared_passages(data: Path, rows: int) -> list[tuple[str, str]]:
    """(passage, question) of BoolQ rows whose passage has several questions, in the order of the file."""
    questions: dict[str, list[str]] = {}
    with gzip.open(data / "corpora" / "boolq.columns.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            questions.setdefault(record["passage"], []).append(record["question"])
    several = [(passage, q) for passage, asked in questions.items() if len(asked) > 1 for q in dict.fromkeys(asked)]
    return several[:rows]


def edited(exchange: Exchange, changes: int, vocabulary: list[str], random: Random) -> Exchange:
    """The exchange with `changes` words replaced, dropped or preceded by another."""
    prompt, reply = (side.split() for side in exchange)
    places = random.sample(range(len(prompt) + len(reply)), changes)
    words = [*prompt, *reply]
    for place in places:
        new = random.choice(vocabulary)
        words[place] = random.choice([new, "", f"{new} {words[place]}"])
    return " ".join(words[: len(prompt)]), " ".join(words[len(prompt) :])


def edit_distance(a: list[str], b: list[str]) -> int:
    """Levenshtein distance in words."""
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (word != other))
    return row[-1]


class Found:
    """What the search finds among exchanges: all candidate pairs with their verdicts, and the drops."""

    def __init__(self, rows: list[Exchange], config: Deduplicate) -> None:
        self.hashed = HashedWords.of([[("user", prompt), ("assistant", reply)] for prompt, reply in rows])
        ordinals = np.arange(len(rows))
        keys = np.array([Random(i).getrandbits(64) for i in range(len(rows))], np.uint64)
        features = pa.table({"ordinal": ordinals, "key": keys, **self.hashed.to_arrow()})
        buckets = buckets_of(features, ordinals, config)
        pairs, _ = candidate_pairs(buckets, config.neighbours, len(rows))
        hashed = features.select(WORDS_OF_ROWS.names)
        verified = verify(pairs, hashed, hashed, config).to_pylist()
        self.verdicts = {(pair["a"], pair["b"]): pair["duplicate"] for pair in verified}
        self.pairs = {pair for pair, duplicate in self.verdicts.items() if duplicate}
        a, b = (np.array([pair[i] for pair in sorted(self.pairs)], np.int64) for i in (0, 1))
        vertices, components = components_in_memory(a, b)
        members = hashed.take(pa.array(vertices))
        size = len(vertices)
        columns = {
            "component": components,
            "row_id": pa.array([f"{v:06d}" for v in vertices]),
            "rank": np.full(size, 2, np.int8),
            "chars": np.array([len(rows[v][0]) + len(rows[v][1]) for v in vertices], np.int32),
            "repaired": np.zeros(size, np.int32),
        } | {name: members[name] for name in members.column_names}
        placed = represent(pa.table({name: columns[name] for name in MEMBERS.names}), config).to_pylist()
        self.drops = {(p["ordinal"], p["matched_ordinal"]) for p in placed if p["matched"] is not None}


def alike(a: Exchange, b: Exchange) -> bool:
    """Whether two exchanges differ by few words, by a judgement that does not rest on shingles."""
    x, y = (" ".join(exchange).casefold().split() for exchange in (a, b))
    return edit_distance(x, y) <= max(2, 0.2 * max(len(x), len(y)))


def measure(originals: list[Exchange], vocabulary: list[str], config: Deduplicate) -> dict[str, object]:
    """The figures of one length class."""
    random = Random(11)
    copies = [edited(exchange, changes, vocabulary, random) for exchange in originals for changes in (1, 2)]
    rows = [*originals, *copies]
    found = Found(rows, config)
    compared = Compared(found.hashed, config.jaccard)
    everything = np.array(list(combinations(range(len(rows)), 2)))
    jaccard = similarities(compared, everything[:, 0], compared, everything[:, 1])[0]
    true = set(map(tuple, everything[np.round(jaccard, 4) >= config.jaccard].tolist()))
    near_pairs = sum(alike(rows[a], rows[b]) for a, b in found.pairs)
    near_drops = sum(alike(rows[a], rows[b]) for a, b in found.drops)
    count = len(originals)
    edits = {k: sum((i, count + 2 * i + k - 1) in found.pairs for i in range(count)) for k in (1, 2)}
    return {
        "rows": len(rows),
        "pairs_at_threshold": len(true),
        "candidates": len(found.verdicts),
        "recall": round(len(true & found.pairs) / len(true), 4) if true else None,
        "precision": round(near_pairs / len(found.pairs), 4) if found.pairs else None,
        "cluster_precision": round(near_drops / len(found.drops), 4) if found.drops else None,
        "judged_different": len({pair for pair in true & found.verdicts.keys() if not found.verdicts[pair]}),
        "edits_found": {str(k): round(n / count, 4) for k, n in edits.items()},
    }


def measure_shared_passage(
    asked: list[tuple[str, str]], vocabulary: list[str], config: Deduplicate
) -> dict[str, object]:
    """The figures of rows with another question about the same passage."""
    random = Random(12)
    originals = [(f"{passage}\n\n{question}", "Yes") for passage, question in asked]
    rows = [*originals, *(edited(o, 1 + i % 2, vocabulary, random) for i, o in enumerate(originals))]
    compared = Compared(HashedWords.of([[("user", p), ("assistant", r)] for p, r in rows]), config.jaccard)
    count = len(originals)

    def verdicts(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        a, b = (np.array([pair[i] for pair in pairs], np.int64) for i in (0, 1))
        return duplicates(compared, a, compared, b, config.jaccard, config.side_jaccard)

    def words(i: int) -> set[str]:
        return set(asked[i][1].split())

    others = [
        (i, j) for i, j in combinations(range(count), 2) if asked[i][0] == asked[j][0] and _differ(words(i), words(j))
    ]
    jaccard, apart = verdicts(others)
    close = jaccard >= config.jaccard
    jaccard, copies = verdicts([(i, count + i) for i in range(count)])
    edits = jaccard >= config.jaccard
    return {
        "rows": len(rows),
        "pairs_at_threshold": int(close.sum()),
        "kept_apart": round(float((~apart[close]).mean()), 4) if close.any() else None,
        "edits_at_threshold": int(edits.sum()),
        "recall": round(float(copies[edits].mean()), 4),
    }


def _differ(a: set[str], b: set[str]) -> bool:
    return max(len(a - b), len(b - a)) > 2 and min(len(a - b), len(b - a)) > 0


def main(data: Path, rows: int = 700) -> None:
    """Prints the figures as JSON lines."""
    config = Deduplicate()
    pool = list(dict.fromkeys(exchanges(data)))
    Random(10).shuffle(pool)
    vocabulary = sorted({word for exchange in pool[:2000] for side in exchange for word in side.split()})
    for name, (least, most) in CLASSES.items():
        originals = [e for e in pool if least <= sum(len(side.split()) for side in e) <= most][:rows]
        print(json.dumps({"words": name, **measure(originals, vocabulary, config)}), flush=True)
    asked = shared_passages(data, 2 * rows)
    print(json.dumps({"words": "shared_passage", **measure_shared_passage(asked, vocabulary, config)}), flush=True)


if __name__ == "__main__":
    folder = argument(__doc__, "data", Path, shared_data(), "folder with corpora/")
    assert folder is not None
    main(folder)
