"""How well topics are told apart, and how much is called `other`, by each way of learning them: JSON lines.

    python -m benchmarks.topics [corpora]

Our own news lines (benchmarks/topic_lines.py) in four topics, described by phrases as profiles write them, alone and
among lines about none of them; and, of Schema-Guided Dialogue, conversations with one service, seven of whose fourteen
domains are topics. `accuracy`: of rows that are about a topic, the share that got it. `without_cut_off`: the same when
no row may be `other`. `lost`: those that are called `other`; `other`: the share of the rows about no topic that is.

Methods: a constant cut-off of cosine similarity (0.15 was the default), the calibrated one, which is the default now,
also on rows that it was not learned from, and labelled examples besides, 2 to 25 a topic, mean of five draws; the
accuracy is that of rows that are no example. Beside it, 25 examples a topic alone: a logistic regression on their
vectors, which knows no `other`, over the rows that are about a topic and no example. Of the discovered topics: how
many, and their normalised mutual information with the labels.
"""

import gzip
import json
import random
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score

from benchmarks.arguments import argument, shared_data
from benchmarks.topic_lines import PHRASES, news, unrelated
from configs.embed import Embed
from pipeline.audit.clusters import clusters_of
from pipeline.audit.null_phrases import null_phrases
from pipeline.audit.topic_learning import from_phrases, nearest_phrase, with_examples
from pipeline.audit.topics import Topics
from pipeline.embed.encoder import Encoder

DOMAINS = {
    "Restaurants": "talking about restaurants, food and booking a table",
    "Music": "talking about music, songs and playing them",
    "Flights": "talking about flights, airlines and tickets",
    "Buses": "talking about buses, stations and fares",
    "Hotels": "talking about hotels, rooms and nights",
    "Homes": "talking about flats, houses, rent and property",
    "Banks": "talking about bank accounts, balances and transfers",
}
A_DOMAIN = 60
SEED = 20


@dataclass(frozen=True)
class Corpus:
    """texts, and topic_N: the number of the topic of each, len(phrases) of those about none."""

    name: str
    phrases: dict[str, str]
    texts: list[str]
    topic_N: np.ndarray


def main() -> None:
    folder = argument(__doc__, "corpora", Path, shared_data() / "corpora", "folder of sgd_train.messages.jsonl.gz")
    assert folder is not None
    encoder = Encoder(Embed().model)
    for corpus in (news_corpus(0), news_corpus(1), dialogues(folder / "sgd_train.messages.jsonl.gz")):
        rows_ND = encoder.encode_texts(corpus.texts)
        phrases_PD = encoder.encode_texts(list(corpus.phrases.values()))
        null_PD = encoder.encode_texts(null_phrases(list(corpus.phrases.values()), encoder.folder.tokenizer, SEED))
        for line in measured(corpus, rows_ND, phrases_PD, null_PD):
            print(json.dumps({"corpus": corpus.name, "rows": len(rows_ND), **line}), flush=True)


def measured(
    corpus: Corpus, rows_ND: np.ndarray, phrases_PD: np.ndarray, null_PD: np.ndarray
) -> list[dict[str, float | int | str]]:
    names, topic_P = list(corpus.phrases), np.arange(len(corpus.phrases))
    found: list[dict[str, float | int | str]] = []
    for least in (0.15, 0.1):
        fixed = nearest_phrase(names, phrases_PD, topic_P, least)
        found.append({"method": f"cosine above {least}", **scores(fixed, rows_ND, corpus.topic_N)})
    calibrated = from_phrases(names, phrases_PD, topic_P, null_PD, rows_ND)
    found.append({"method": "calibrated", **scores(calibrated, rows_ND, corpus.topic_N)})
    found.append({"method": "calibrated, on rows not learned from", **held_out(corpus, rows_ND, phrases_PD, null_PD)})
    for each in (2, 5, 10, 25):
        draws = []
        for seed in range(5):
            chosen = examples(corpus.topic_N, len(names), each, seed)
            others = np.setdiff1d(np.arange(len(rows_ND)), chosen)
            topics = from_phrases(names, phrases_PD, topic_P, null_PD, rows_ND[others])
            topics = with_examples(topics, rows_ND[chosen], corpus.topic_N[chosen])
            draws.append(scores(topics, rows_ND[others], corpus.topic_N[others]))
        found.append({"method": f"and {each} examples a topic", **mean(draws)})
    found.append(
        {"method": "25 examples a topic alone", **mean([alone(corpus, rows_ND, 25, seed) for seed in range(5)])}
    )
    clusters = clusters_of(calibrated.centred(rows_ND), corpus.texts, 32, SEED)
    label_N = (calibrated.centred(rows_ND) @ clusters.centroids_KD.T).argmax(axis=1)
    mutual = round(float(normalized_mutual_info_score(corpus.topic_N, label_N)), 3)
    return [*found, {"method": "discovered", "clusters": len(clusters.names), "mutual_information": mutual}]


def held_out(corpus: Corpus, rows_ND: np.ndarray, phrases_PD: np.ndarray, null_PD: np.ndarray) -> dict[str, float]:
    """The scores of each half of the rows by what was learned from the other, as of a corpus beyond the sample."""
    names, order = list(corpus.phrases), np.random.default_rng(SEED).permutation(len(rows_ND))
    halves = []
    for known, new in ((order[::2], order[1::2]), (order[1::2], order[::2])):
        topics = from_phrases(names, phrases_PD, np.arange(len(names)), null_PD, rows_ND[known])
        halves.append(scores(topics, rows_ND[new], corpus.topic_N[new]))
    return mean(halves)


def alone(corpus: Corpus, rows_ND: np.ndarray, each: int, seed: int) -> dict[str, float]:
    """The share of a logistic regression on examples' vectors alone, over the other rows that are about a topic."""
    chosen = examples(corpus.topic_N, len(corpus.phrases), each, seed)
    others = np.setdiff1d(np.flatnonzero(corpus.topic_N < len(corpus.phrases)), chosen)
    fitted = LogisticRegression(max_iter=1000).fit(rows_ND[chosen], corpus.topic_N[chosen])
    return {"without_cut_off": float(fitted.score(rows_ND[others], corpus.topic_N[others]))}


def mean(found: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(float(np.mean([scores[key] for scores in found])), 3) for key in found[0]}


def scores(topics: Topics, rows_ND: np.ndarray, topic_N: np.ndarray) -> dict[str, float]:
    other = len(topics.names)
    about_N, got_N = topic_N < other, topics.classes(rows_ND)
    never = replace(topics, bias_C=np.r_[topics.bias_C[:-1], -np.inf]).classes(rows_ND)
    figures = {
        "accuracy": (got_N == topic_N)[about_N].mean(),
        "without_cut_off": (never == topic_N)[about_N].mean(),
        "lost": (got_N == other)[about_N].mean(),
        "other": (got_N == other)[~about_N].mean() if (~about_N).any() else 0.0,
    }
    return {key: round(float(value), 3) for key, value in figures.items()}


def examples(topic_N: np.ndarray, topics: int, each: int, seed: int) -> np.ndarray:
    """Rows drawn as labelled ones: so many of each topic."""
    draw = np.random.default_rng(seed)
    return np.concatenate([draw.choice(np.flatnonzero(topic_N == t), each, replace=False) for t in range(topics)])


def news_corpus(unrelated_share: int) -> Corpus:
    names = list(PHRASES)
    texts, topics = [text for text, _ in news()], [names.index(topic) for _, topic in news()]
    more = unrelated() if unrelated_share else []
    name = "news and unrelated lines" if more else "news"
    return Corpus(name, PHRASES, texts + more, np.array(topics + [len(names)] * len(more)))


def dialogues(path: Path) -> Corpus:
    """A_DOMAIN conversations of each domain of Schema-Guided Dialogue, of those with one service."""
    by_domain: dict[str, list[str]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            domains = {service.split("_")[0] for service in row["services"]}
            if len(domains) == 1:
                by_domain[domains.pop()].append("\n".join(message["content"] for message in row["messages"]))
    draw, names = random.Random(SEED), list(DOMAINS)
    texts, topics = [], []
    for domain in sorted(by_domain):
        taken = draw.sample(by_domain[domain], min(A_DOMAIN, len(by_domain[domain])))
        texts += taken
        topics += [names.index(domain) if domain in DOMAINS else len(names)] * len(taken)
    return Corpus("dialogues, half of the domains", DOMAINS, texts, np.array(topics))


if __name__ == "__main__":
    main()
