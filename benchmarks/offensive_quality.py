"""How well the offensiveness score separates labelled tweets: one JSON line a threshold, and the kinds of error.

    python benchmarks/offensive_quality.py [offensive_tweets.csv.gz]

Hate and offensive against neither (Davidson et al. 2017), on a fifth drawn with seed 20. The
classifier was trained on tweets of the same set, so its share is flattered; the lexicon's is not.

`quoted` counts tweets labelled neither that hold a word of severity ABUSE or above: inoffensive use, as in
quotation, reclaimed words and counter-speech, and what share of them is flagged. `missed` counts offensive
tweets without any word that the lexicon calls VULGAR or worse, which no threshold above 0.5 finds.
"""

import csv
import gzip
import html
import json
import random
from pathlib import Path

from benchmarks.arguments import argument, shared_data
from pipeline.clean.scores.lexicon import ABUSE, VULGAR
from pipeline.clean.scores.offensive import offensiveness
from pipeline.clean.scores.offensive_words import severity

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
NEITHER = "2"
QUOTATION = ("&#8220;", "&quot;", '"', "“", "&#8221;")


def labelled_tweets(path: Path) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    """(text, whether it is hateful or offensive) of the tweets: the fifth that is measured, and the others."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = [(html.unescape(row["tweet"]), row["class"] != NEITHER) for row in csv.DictReader(file)]
    chosen = set(random.Random(20).sample(range(len(rows)), len(rows) // 5))
    return [rows[n] for n in sorted(chosen)], [row for n, row in enumerate(rows) if n not in chosen]


def f1(flags: list[bool], labels: list[bool]) -> dict[str, float]:
    """{precision, recall, f1} of the flags."""
    hits = sum(f and y for f, y in zip(flags, labels, strict=True))
    precision, recall = hits / max(sum(flags), 1), hits / max(sum(labels), 1)
    harmonic = 2 * precision * recall / max(precision + recall, 1e-9)
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(harmonic, 4)}


def main() -> None:
    path = argument(__doc__, "tweets", Path, shared_data() / "labelled/offensive_tweets.csv.gz", "labelled tweets")
    assert path is not None
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows = random.Random(20).sample(rows, len(rows) // 5)
    scores = offensiveness([row["tweet"] for row in rows])
    labels = [row["class"] != NEITHER for row in rows]
    for threshold in THRESHOLDS:
        measured = f1([score >= threshold for score in scores], labels)
        print(json.dumps({"threshold": threshold, "tweets": len(rows), **measured}))
    print(json.dumps(errors([row["tweet"] for row in rows], scores, labels)))


def errors(texts: list[str], scores: list[float], labels: list[bool]) -> dict[str, object]:
    """{quoted {tweets, flagged at each threshold}, quotation_marks likewise, missed {tweets, of}}."""
    judged = list(zip(texts, map(severity, texts), scores, labels, strict=True))
    harmless = [(text, score) for text, worst, score, offensive in judged if not offensive and worst >= ABUSE]
    marked = [(text, score) for text, score in harmless if any(mark in text for mark in QUOTATION)]
    coarse = [worst for _, worst, _, offensive in judged if offensive]
    return {
        "quoted": {"tweets": len(harmless), **_flagged([score for _, score in harmless])},
        "in_quotation_marks": {"tweets": len(marked), **_flagged([score for _, score in marked])},
        "missed": {"tweets": sum(worst < VULGAR for worst in coarse), "of": len(coarse)},
    }


def _flagged(scores: list[float]) -> dict[str, float]:
    return {str(t): round(sum(score >= t for score in scores) / max(len(scores), 1), 4) for t in THRESHOLDS}


if __name__ == "__main__":
    main()
