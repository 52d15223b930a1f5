"""How well the offensiveness score tells attacks from what only sounds like one: JSON lines.

    python benchmarks/offensive_quality.py [offensive_tweets.csv.gz]

First our own lines (benchmarks/offensive_lines.py) at the default threshold: precision and recall of all, the share
that is dropped of each kind, and of each group the share of its attacks and of its harmless lines. No line was learned
from. Then labelled tweets (Davidson et al. 2017), hate and offensive against neither, on a fifth drawn with seed 20, at
several thresholds; the classifier has learned from the other tweets of the set.

`words_alone` are tweets labelled neither that hold a word of severity ABUSE or above: quotation, reclaimed words and
counter-speech, and what share of them is dropped at each threshold.
"""

import csv
import gzip
import html
import json
import random
from pathlib import Path

from benchmarks.arguments import argument, shared_data
from benchmarks.offensive_lines import Line, lines
from configs.clean import Rules
from pipeline.clean.scores.lexicon import ABUSE
from pipeline.clean.scores.offensive import offensiveness
from pipeline.clean.scores.offensive_words import severity

THRESHOLDS = (0.25, 0.4, 0.55, 0.65, 0.8)
DEFAULT = Rules().max_offensive
NEITHER = "2"


def main() -> None:
    path = argument(__doc__, "tweets", Path, shared_data() / "labelled/offensive_tweets.csv.gz", "labelled tweets")
    assert path is not None
    for line in by_kind_and_group():
        print(json.dumps(line))
    tweets, _ = labelled_tweets(path)
    scores, labels = offensiveness([text for text, _ in tweets]), [attacks for _, attacks in tweets]
    for threshold in THRESHOLDS:
        measured = f1([score > threshold for score in scores], labels)
        print(json.dumps({"threshold": threshold, "tweets": len(tweets), **measured}))
    alone = [s for (text, attacks), s in zip(tweets, scores, strict=True) if not attacks and severity(text) >= ABUSE]
    shares = {str(t): share([score > t for score in alone]) for t in THRESHOLDS}
    print(json.dumps({"words_alone": len(alone), "dropped": shares}))


def by_kind_and_group() -> list[dict[str, object]]:
    """Of our own lines, at the default threshold: all, by kind, by group, and the widest gap between two groups."""
    every = lines()
    judged = [(line, score > DEFAULT) for line, score in zip(every, scores_of(every), strict=True)]
    found: list[dict[str, object]] = [
        {"lines": len(every), "threshold": DEFAULT, **f1([d for _, d in judged], [line.attacks for line in every])}
    ]
    for kind, attacks in dict.fromkeys((line.kind, line.attacks) for line in every):
        dropped = [drop for line, drop in judged if (line.kind, line.attacks) == (kind, attacks)]
        found.append({"kind": kind, "attacks": attacks, "lines": len(dropped), "dropped": share(dropped)})
    false = {}
    for group in dict.fromkeys(line.group for line in every if line.group):
        of = {a: [drop for line, drop in judged if (line.group, line.attacks) == (group, a)] for a in (True, False)}
        false[group] = share(of[False])
        found.append({"group": group, "attacks_dropped": share(of[True]), "harmless_dropped": false[group]})
    found.append({"harmless_dropped_widest_gap": round(max(false.values()) - min(false.values()), 4)})
    return found


def scores_of(every: list[Line]) -> list[float]:
    return offensiveness([line.text for line in every])


def share(flags: list[bool]) -> float:
    return round(sum(flags) / max(len(flags), 1), 4)


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


if __name__ == "__main__":
    main()
