"""Recall and precision of near-duplicate detection on real rows with injected edits, by length.

python benchmarks/dedup_quality.py [DATA] prints one JSON line a length class. DATA is a folder with
corpora/ (default: PARLANCE_SHARED_DATA or ../shared/data). Each of `rows` real exchanges gets a copy
with one word changed and a copy with two; changed words are replaced by a word of another row, dropped
or doubled with one. All pairs of rows are compared to know the truth.

recall: of all pairs with Jaccard 0.8 or above (true, all pairs compared), the share found.
precision: of the pairs found, the share whose word edit distance is at most a fifth of the longer row,
  or two words: a judgement that does not rest on shingles.
edits_found: of the injected copies, the share found, with one and with two words changed. Short rows
  with an edit fall below Jaccard 0.8, and then they are not duplicates by definition.
"""

import csv
import gzip
import json
import os
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from random import Random

from pyspark.sql import SparkSession

from configs.deduplicate import Deduplicate
from configs.engines import Spark
from pipeline.near_duplicates import candidate_pairs, judge, sign
from pipeline.rows import MESSAGES
from pipeline.session import spark_session
from pipeline.text.shingles import Shingles, shingles_of, similarity

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


def measure(
    spark: SparkSession, originals: list[Exchange], vocabulary: list[str], config: Deduplicate
) -> dict[str, object]:
    """The figures of one length class."""
    random = Random(11)
    rows = {f"{i:05d}-0": exchange for i, exchange in enumerate(originals)}
    for i, exchange in enumerate(originals):
        for changes in (1, 2):
            rows[f"{i:05d}-{changes}"] = edited(exchange, changes, vocabulary, random)
    messages = {n: [("user", p), ("assistant", r)] for n, (p, r) in rows.items()}
    shingles: dict[str, Shingles] = {n: shingles_of(turns, config.jaccard) for n, turns in messages.items()}
    true = {
        pair for pair in combinations(sorted(rows), 2) if similarity(*(shingles[n] for n in pair))[0] >= config.jaccard
    }
    frame = spark.createDataFrame(list(messages.items()), f"row_id string, messages {MESSAGES}")
    judged = judge(candidate_pairs(sign(frame, config), config.neighbours), frame, config).where("b is not null")
    verdicts = {(r["a"], r["b"]): r["duplicate"] for r in judged.collect()}
    found = {pair for pair, duplicate in verdicts.items() if duplicate}
    near = 0
    for pair in found:
        a, b = (" ".join(rows[n]).casefold().split() for n in pair)
        near += edit_distance(a, b) <= max(2, 0.2 * max(len(a), len(b)))
    edits = {k: sum((f"{i:05d}-0", f"{i:05d}-{k}") in found for i in range(len(originals))) for k in (1, 2)}
    return {
        "rows": len(rows),
        "pairs_at_threshold": len(true),
        "candidates": len(verdicts),
        "recall": round(len(true & found) / len(true), 4) if true else None,
        "precision": round(near / len(found), 4) if found else None,
        "other_replies": len({pair for pair in true & verdicts.keys() if not verdicts[pair]}),
        "edits_found": {str(k): round(n / len(originals), 4) for k, n in edits.items()},
    }


def main(data: Path, rows: int = 700) -> None:
    """Prints the figures as JSON lines."""
    config = Deduplicate()
    pool = list(dict.fromkeys(exchanges(data)))
    Random(10).shuffle(pool)
    vocabulary = sorted({word for exchange in pool[:2000] for side in exchange for word in side.split()})
    spark = spark_session(Spark(), "dedup_quality")
    for name, (least, most) in CLASSES.items():
        originals = [e for e in pool if least <= sum(len(side.split()) for side in e) <= most][:rows]
        print(json.dumps({"words": name, **measure(spark, originals, vocabulary, config)}), flush=True)
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PARLANCE_SHARED_DATA", "../shared/data")))
