"""Makes pipeline/clean/scores/offensive_weights.json, the weights of the offensiveness classifier.

    python benchmarks/offensive_weights.py [offensive_tweets.csv.gz]

Logistic regression over the features of pipeline/clean/scores/offensive_features.py. What attacks is learned from
tweets labelled hateful or offensive (Davidson et al. 2017, MIT licence) and from lines of our own
(benchmarks/offensive_training_lines.py); what does not, from the same lines, tweets labelled neither, messages of
the package chitchat-dataset (MIT licence), sentences of CounselChat's counsellors (MIT licence) and of every other
answer of MedQuAD (Ben Abacha and Demner-Fushman 2019, CC BY 4.0) and of every other dialogue of Topical-Chat
(Gopalakrishnan et al. 2019, CDLA-Sharing 1.0), of these those that hold a telling word and no abuse. The fifth of
the tweets that benchmarks/offensive_quality.py measures is left out. Only features of six or more texts count, and
only weights that matter are kept.
"""

import csv
import gzip
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from benchmarks.arguments import argument, shared_data
from benchmarks.corpus import exchanges
from benchmarks.offensive_quality import labelled_tweets
from benchmarks.offensive_training_lines import training_lines
from configs.acquire import Source
from pipeline.clean.scores import offensive_model
from pipeline.clean.scores.lexicon import ABUSE
from pipeline.clean.scores.offensive_features import features, is_candidate, sentences, tokens
from pipeline.clean.scores.offensive_words import severity

WEIGHTS = Path(offensive_model.__file__).with_name(offensive_model.WEIGHTS)
LEAST_TEXTS, LEAST_WEIGHT = 6, 0.04
INVERSE_REGULARISATION = 0.3
CHAT_MESSAGES = 16_000
SHARES = {"tweets": (1.0, 0.3), "chat": (0.5, 0.5), "lines": (4.0, 5.0)}
"""Source to the weight of a harmless text and of one that attacks: 19 of 20 tweets with a telling word are one."""

TAG = re.compile(r"<[^>]*>|&nbsp;")

Example = tuple[frozenset[str], bool, float]
"""(features, whether the text attacks, its weight)."""


def main() -> None:
    path = argument(__doc__, "tweets", Path, shared_data() / "labelled/offensive_tweets.csv.gz", "labelled tweets")
    assert path is not None
    _, tweets = labelled_tweets(path)
    lines = training_lines()
    texts = {"tweets": tweets, "chat": [(text, False) for text in chat_messages()], "lines": lines}
    examples = {source: examples_of(its, SHARES[source]) for source, its in texts.items()}
    print(json.dumps({source: [len(its), sum(attacks for _, attacks, _ in its)] for source, its in examples.items()}))
    bias, weights = learned([example for its in examples.values() for example in its])
    about = "Logistic regression by benchmarks/offensive_weights.py, which says from what"
    text = json.dumps({"about": about, "bias": bias, "weights": weights}, indent=0, ensure_ascii=False)
    WEIGHTS.write_text(text + "\n", encoding="utf-8")
    print(json.dumps({"features": len(weights), "bytes": WEIGHTS.stat().st_size}))


def chat_messages() -> list[str]:
    """What people who chat say, and counsellors and doctors, without abuse."""
    source = Source(name="chitchat-dataset", package="chitchat-dataset")
    found = [line for exchange in exchanges(source) for text in exchange for line in text.split("\n")]
    with gzip.open(shared_data() / "corpora/counsel_chat.csv.gz", "rt", encoding="utf-8", newline="") as file:
        answers = [TAG.sub(" ", row["answerText"] or "") for row in csv.DictReader(file)]
    with gzip.open(shared_data() / "corpora/medquad.alpaca.json.gz", "rt", encoding="utf-8") as file:
        answers += [record["output"] for record in json.load(file)[::2]]
    with gzip.open(shared_data() / "corpora/topical_chat_valid.sharegpt.json.gz", "rt", encoding="utf-8") as file:
        answers += [turn["value"] for record in json.load(file)[::2] for turn in record["conversations"]]
    found += [sentence for answer in answers for sentence in sentences(answer)]
    Random(20).shuffle(found)
    return [text for text in found if severity(text) < ABUSE and is_candidate(tokens(text))][:CHAT_MESSAGES]


def examples_of(texts: Sequence[tuple[str, bool]], shares: tuple[float, float]) -> list[Example]:
    """Of the texts that hold a telling word."""
    found = []
    for text, attacks in texts:
        parts = tokens(" ".join(sentences(text)))
        if is_candidate(parts):
            found.append((frozenset(features(parts)), attacks, shares[attacks]))
    return found


def learned(examples: Sequence[Example]) -> tuple[float, dict[str, float]]:
    """(bias, feature to weight)."""
    counts = Counter(feature for told, _, _ in examples for feature in told)
    names = sorted(feature for feature, count in counts.items() if count >= LEAST_TEXTS)
    numbers = {name: number for number, name in enumerate(names)}
    places = [[numbers[feature] for feature in told if feature in numbers] for told, _, _ in examples]
    ends = np.cumsum([0, *map(len, places)])
    flat = np.array([number for its in places for number in its])
    matrix = csr_matrix((np.ones(len(flat)), flat, ends), (len(examples), len(names)))
    labels = np.array([attacks for _, attacks, _ in examples])
    shares = np.array([share for _, _, share in examples])
    model = LogisticRegression(C=INVERSE_REGULARISATION, solver="liblinear", max_iter=400, random_state=20)
    model.fit(matrix, labels, shares)
    fitted = zip(names, model.coef_[0].round(2).tolist(), strict=True)
    kept = {name: weight for name, weight in fitted if abs(weight) >= LEAST_WEIGHT}
    return round(float(model.intercept_[0]), 3), kept


if __name__ == "__main__":
    main()
