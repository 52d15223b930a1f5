"""How the topics of a corpus are learned: from phrases, and from labelled examples where there are any.

A phrase and a conversation about it are seldom near, and how near differs from corpus to corpus, so no constant cut-off
serves. What is known: a conversation about a topic is nearer to its phrase than to as many phrases of random words
(null_phrases), and so are those that lie around it. Hence

1. all vectors less the sample's mean, all phrases less the random phrases' mean (what they share says nothing of
   topics: the mean of Mu and Viswanath 2018, All-but-the-top, section 2);
2. each conversation of the sample is replaced by the mean of its NEIGHBOURS nearest, itself included;
3. its topic is that of the nearest phrase, if that is nearer than the nearest of as many random phrases would be in
   SIGNIFICANCE of all draws (the maximum of P draws has the quantile Q where one draw has Q^(1/P)); else `other`;
4. a logistic regression learns these labels, and is what classifies the corpus: it needs one product a conversation,
   and errs less than its teacher, whose errors do not repeat (self-training: Scudder 1965).

Labelled examples teach a second logistic regression, whose logits are added. Few of them say little, and their
regression is regularised into small logits; many decide. The bar to `other` is then set so that KEPT of the examples
are let in, each judged by a regression that has not seen it (conformal prediction: Vovk, Gammerman and Shafer 2005).
"""

from dataclasses import replace

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from configs.audit import OTHER_TOPIC, Audit
from pipeline.audit.clusters import clusters_of
from pipeline.audit.null_phrases import null_phrases
from pipeline.audit.topic_examples import labelled_examples
from pipeline.audit.topics import Topics, unit
from pipeline.embed.encoder import Encoder

NEIGHBOURS = 20
SIGNIFICANCE = 0.5
"""The conversation is about the topic rather than not; measured by benchmarks/topics.py."""
TAUGHT_BY_PHRASES, TAUGHT_BY_EXAMPLES = 0.3, 10.0
"""Inverse strength of the regularisation: what phrases say of one conversation is often wrong, a label seldom is."""
KEPT = 0.9
FOLDS = 5
CHUNK = 1024


def learned(
    settings: Audit, encoder: Encoder, sample_ND: np.ndarray, texts: list[str], seed: int
) -> tuple[Topics, list[list[str]]]:
    """The topics and clusters of a corpus, and each cluster's distinctive words, from the settings, a sample of
    conversations' vectors and their texts (or none, if no clusters are asked for).

    With audit.min_similarity the topics are those of the nearest phrase and nothing is learned; so, without it, are
    those of a corpus that has no rows.
    """
    names = sorted(settings.topics)
    phrases = [phrase for name in names for phrase in settings.phrases(name)]
    topic_P = np.array([number for number, name in enumerate(names) for _ in settings.phrases(name)])
    phrases_PD = encoder.encode_texts(phrases)
    if settings.min_similarity is not None or not len(sample_ND):
        topics = nearest_phrase(names, phrases_PD, topic_P, settings.min_similarity or 0.0)
    else:
        null_PD = encoder.encode_texts(null_phrases(phrases, encoder.folder.tokenizer, seed))
        topics = from_phrases(names, phrases_PD, topic_P, null_PD, sample_ND)
        if examples := labelled_examples(settings):
            classes = {name: number for number, name in enumerate([*names, OTHER_TOPIC])}
            label_E = np.array([classes[topic] for _, topic in examples])
            topics = with_examples(topics, encoder.encode_texts([text for text, _ in examples]), label_E)
    if not texts:
        return topics, []
    clusters = clusters_of(topics.centred(sample_ND), texts, settings.max_clusters, seed)
    return replace(topics, clusters=clusters.names, centroids_KD=clusters.centroids_KD), clusters.words


def nearest_phrase(names: list[str], phrases_PD: np.ndarray, topic_P: np.ndarray, least: float) -> Topics:
    """The topic of the phrase nearest by cosine, `other` below `least`; learns nothing. Of several phrases a topic is
    their mean."""
    mean_TD = np.stack([unit(phrases_PD[topic_P == t].mean(axis=0, keepdims=True))[0] for t in range(len(names))])
    weights_DC = np.c_[mean_TD.T, np.zeros(phrases_PD.shape[1])].astype(np.float32)
    bias_C = np.r_[np.zeros(len(names)), least].astype(np.float32)
    return _topics(names, np.zeros(phrases_PD.shape[1], np.float32), weights_DC, bias_C, phrases_PD, topic_P)


def from_phrases(
    names: list[str],
    phrases_PD: np.ndarray,
    topic_P: np.ndarray,
    null_PD: np.ndarray,
    sample_ND: np.ndarray,
) -> Topics:
    """The four steps above on a sample of conversations' vectors."""
    centre_D = unit(sample_ND).mean(axis=0)
    row_ND, mean_D = unit(unit(sample_ND) - centre_D), null_PD.mean(axis=0)
    smooth_ND = unit(_neighbourhoods(row_ND))
    cosine_NP = smooth_ND @ unit(phrases_PD - mean_D).T
    null_N = np.quantile(smooth_ND @ unit(null_PD - mean_D).T, SIGNIFICANCE ** (1 / len(topic_P)), axis=1)
    label_N = np.where(cosine_NP.max(axis=1) > null_N, topic_P[cosine_NP.argmax(axis=1)], len(names))
    return _topics(
        names, centre_D, *_regression(row_ND, label_N, len(names) + 1, TAUGHT_BY_PHRASES), phrases_PD, topic_P
    )


def with_examples(topics: Topics, examples_ED: np.ndarray, label_E: np.ndarray) -> Topics:
    """Topics that were learned from phrases, corrected by labelled vectors; label_E: classes, `other` is the last.

    A topic that no row of the sample had, and that has examples, starts as the mean of those that had some.
    """
    row_ED, other = topics.centred(examples_ED), len(topics.names)
    topics = replace(topics, weights_DC=topics.weights_DC.copy(), bias_C=topics.bias_C.copy())
    had = np.isfinite(topics.bias_C[:other]).nonzero()[0]
    for new in np.setdiff1d(label_E[label_E < other], had) if len(had) else ():
        topics.weights_DC[:, new] = topics.weights_DC[:, had].mean(axis=1)
        topics.bias_C[new] = topics.bias_C[had].mean()
    in_topic = label_E < other
    folds = KFold(min(FOLDS, len(label_E)), shuffle=True, random_state=0).split(row_ED)
    margin_E = np.empty(len(label_E))
    for known, held_out in folds:
        weights_DC, bias_C = _sum(topics, row_ED[known], label_E[known])
        logits_EC = row_ED[held_out] @ weights_DC + bias_C
        margin_E[held_out] = logits_EC[:, :other].max(axis=1) - logits_EC[:, other]
    weights_DC, bias_C = _sum(topics, row_ED, label_E)
    margins = np.sort(margin_E[in_topic])
    lost = int((1 - KEPT) * (len(margins) + 1))
    if len(margins) and np.isfinite(margins[lost]):
        bias_C[other] += margins[lost] - 1e-4
    return replace(topics, weights_DC=weights_DC, bias_C=bias_C)


def _sum(topics: Topics, row_ED: np.ndarray, label_E: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The weights and biases of the phrases' regression plus those of the examples'. A class without examples gets
    the mean of the others, which favours none."""
    weights_DC, bias_C = _regression(row_ED, label_E, len(topics.names) + 1, TAUGHT_BY_EXAMPLES)
    seen = np.isfinite(bias_C)
    weights_DC[:, ~seen], bias_C[~seen] = weights_DC[:, seen].mean(axis=1, keepdims=True), bias_C[seen].mean()
    return topics.weights_DC + weights_DC, topics.bias_C + bias_C


def _neighbourhoods(row_ND: np.ndarray) -> np.ndarray:
    """The mean of the unit vectors nearest to each, itself included; of a tenth of the sample, if that is fewer."""
    count = min(NEIGHBOURS, max(1, len(row_ND) // 10))
    means = []
    for at in range(0, len(row_ND), CHUNK):
        cosine_BN = row_ND[at : at + CHUNK] @ row_ND.T
        nearest_BK = np.argpartition(-cosine_BN, count - 1, axis=1)[:, :count]
        means.append(row_ND[nearest_BK].mean(axis=1))
    return np.concatenate(means)


def _regression(
    row_ND: np.ndarray, label_N: np.ndarray, classes: int, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """weights_DC and bias_C; a class that no row has is never chosen. Rare classes weigh as much as others."""
    seen = np.unique(label_N)
    weights_DC, bias_C = np.zeros((row_ND.shape[1], classes), np.float32), np.full(classes, -np.inf, np.float32)
    bias_C[seen] = 0
    if len(seen) > 1:
        fitted = LogisticRegression(C=strength, class_weight="balanced", max_iter=300).fit(row_ND, label_N)
        coefficients_CD, intercepts_C = fitted.coef_, fitted.intercept_
        if len(seen) == 2:  # scikit-learn keeps the second class's only
            coefficients_CD, intercepts_C = np.r_[-coefficients_CD, coefficients_CD], np.r_[-intercepts_C, intercepts_C]
        weights_DC[:, seen], bias_C[seen] = coefficients_CD.T, intercepts_C
    return weights_DC, bias_C


def _topics(
    names: list[str],
    centre_D: np.ndarray,
    weights_DC: np.ndarray,
    bias_C: np.ndarray,
    phrases_PD: np.ndarray,
    topic_P: np.ndarray,
) -> Topics:
    nothing = np.empty((0, phrases_PD.shape[1]), np.float32)
    return Topics(names, centre_D, weights_DC, bias_C, phrases_PD, topic_P, [], nothing)
