"""Topics that the corpus itself brings: clusters of a sample's vectors, named by their distinctive words."""

import re
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits

from pipeline.audit.topics import unit

LEAST_ROWS = 25
"""A cluster must hold so many of the sample on average: fewer are anecdotes."""
COMPARED = 2000
"""Rows of the sample on which numbers of clusters are compared."""
NAME_WORDS, SHOWN_WORDS = 3, 10
PRIOR_WORDS = 500.0
"""Weight of the prior, in words."""
TOKEN = r"(?u)\b[^\W\d_]{3,}\b"


@dataclass(frozen=True)
class Clusters:
    """centroids_KD: unit vectors. names: K distinct ones. words: the SHOWN_WORDS most distinctive of each."""

    centroids_KD: np.ndarray
    names: list[str]
    words: list[list[str]]


def clusters_of(unit_ND: np.ndarray, texts: list[str], most: int, seed: int) -> Clusters:
    """K-means on unit vectors (spherical but for the centres' lengths), with the number of clusters that has the
    greatest mean silhouette (Rousseeuw 1987) by cosine; none of fewer than two LEAST_ROWS rows.

    Deterministic: one thread, since several add the same numbers in another order each time.
    """
    candidates = [k for k in sizes(most) if k * LEAST_ROWS <= len(unit_ND)]
    if not candidates:
        return Clusters(np.empty((0, unit_ND.shape[1]), np.float32), [], [])
    with threadpool_limits(1, user_api="openmp"):
        k = best_size(unit_ND[:COMPARED], candidates, seed)
        fitted = KMeans(k, n_init=4, random_state=seed).fit(unit_ND)
    order = np.argsort(-np.bincount(fitted.labels_, minlength=k), kind="stable")
    label_N = np.argsort(order)[fitted.labels_]
    words = distinctive_words(texts, label_N, k)
    return Clusters(unit(fitted.cluster_centers_[order]).astype(np.float32), _names(words), words)


def sizes(most: int) -> list[int]:
    """2, 3, 4, 6, 8, 12, 16, 24, … up to `most`."""
    return [k for power in range(1, 9) for k in (2**power, 3 * 2 ** (power - 1)) if k <= most]


def best_size(unit_ND: np.ndarray, candidates: list[int], seed: int) -> int:
    """The number of clusters with the greatest mean silhouette; of equal ones the least."""
    candidates = [k for k in candidates if k < len(unit_ND)]

    def silhouette(k: int) -> float:
        label_N = KMeans(k, n_init=2, random_state=seed).fit_predict(unit_ND)
        return float(silhouette_score(unit_ND, label_N, metric="cosine")) if len(set(label_N)) > 1 else -1.0

    return max(candidates, key=silhouette)


def distinctive_words(texts: list[str], label_N: np.ndarray, k: int) -> list[list[str]]:
    """The SHOWN_WORDS words of each of k clusters that most tell it from the rest: greatest z-score of the log-odds
    ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, Fightin' Words, section 3.3), the
    frequencies in all as the prior. A conversation counts a word once, lest a long one name its cluster, and a word
    must stand in two of the cluster's.

    Class-based TF-IDF (Grootendorst 2022, BERTopic) named clusters of chats by "like, just, yeah", which all share.
    """
    counter = CountVectorizer(token_pattern=TOKEN, binary=True, stop_words=sorted(ENGLISH_STOP_WORDS))
    try:
        counts_NV = counter.fit_transform(texts)
    except ValueError:  # no text has a word
        return [[] for _ in range(k)]
    words = counter.get_feature_names_out()
    counts_KV = np.stack([np.asarray(counts_NV[label_N == cluster].sum(axis=0)).ravel() for cluster in range(k)])
    all_V = counts_KV.sum(axis=0)
    prior_V = PRIOR_WORDS * all_V / all_V.sum()
    own_KV, rest_KV = counts_KV + prior_V, all_V - counts_KV + prior_V
    odds_KV, rest_odds_KV = (n / (n.sum(axis=1, keepdims=True) - n) for n in (own_KV, rest_KV))
    z_KV = np.log(odds_KV / rest_odds_KV) / np.sqrt(1 / own_KV + 1 / rest_KV)
    z_KV[counts_KV < 2] = 0
    best_KS = np.argsort(-z_KV, axis=1, kind="stable")[:, :SHOWN_WORDS]
    return [[str(words[v]) for v in best if z_KV[row, v] > 0] for row, best in enumerate(best_KS)]


def _names(words: list[list[str]]) -> list[str]:
    """A name each, of its first words; a number besides, where there are none or two names are one."""
    names: list[str] = []
    for number, found in enumerate(words, 1):
        name = ", ".join(_different(found)[:NAME_WORDS]) or f"cluster {number}"
        names.append(f"{name} ({number})" if name in names else name)
    return names


def _different(words: list[str]) -> list[str]:
    """Without the plural of a word that stands before it, or its singular."""
    kept: list[str] = []
    for word in words:
        stem = re.sub(r"(es|s)$", "", word)
        if all(re.sub(r"(es|s)$", "", other) != stem for other in kept):
            kept.append(word)
    return kept
