"""Learns an emotion model from labelled texts, and measures it on a fifth of them that it has not seen."""

import hashlib
from collections import Counter
from collections.abc import Sequence, Set

import numpy as np
from scipy.sparse import csr_matrix

from pipeline.sentiment.calibration import temperature_of
from pipeline.sentiment.emotions import EMOTIONS
from pipeline.sentiment.features import features
from pipeline.sentiment.measures import measures
from pipeline.sentiment.model import STEP, EmotionModel
from pipeline.sentiment.regression import cross_entropy, fitted
from pipeline.sentiment.training_data import Labelled

PENALTY = 0.5
LEAST_TEXTS = 4
"""Texts that a feature occurs in, at least."""
MOST_FEATURES = 6_000
"""Those that matter most are kept, and learned again: it is better on other texts than with all, and fits a file."""

FOLDS, HELD_OUT, FOR_CALIBRATION = 10, (0, 1), (2,)


def learned(
    rows: Sequence[Labelled], unseen: Set[str] = frozenset(), besides: Sequence[Labelled] = (), **about: str
) -> EmotionModel:
    """The model; what it tells `about` itself holds what `measures` finds on the fifth that was held out, `held_out`.

    unseen: words that it is not to look at. besides: further rows, which teach and measure nothing. Seven tenths and a
    tenth choose the temperature; all eight then the weights. Equal rows give equal models, in whatever order they are.
    """
    rows = sorted(rows, key=_order)
    folds = [fold_of(text) for text, _ in rows]
    taught = [row for row, fold in zip(rows, folds, strict=True) if fold not in HELD_OUT + FOR_CALIBRATION]
    taught += besides
    chosen = [row for row, fold in zip(rows, folds, strict=True) if fold in FOR_CALIBRATION]
    tested = [row for row, fold in zip(rows, folds, strict=True) if fold in HELD_OUT]
    temperature = temperature_for(fitted_model(taught, unseen), chosen)
    found = fitted_model(sorted(taught + chosen, key=_order), unseen)
    model = EmotionModel(temperature, found.bias, found.features, unseen)
    held_out = measures(model, [text for text, _ in tested], [labels for _, labels in tested])
    return EmotionModel(model.temperature, model.bias, model.features, unseen, **about, held_out=held_out)


def fold_of(text: str) -> int:
    """0 to FOLDS − 1, the same for texts that differ in case and space only: no text is learned and tested."""
    return int(hashlib.sha256(" ".join(text.lower().split()).encode()).hexdigest(), 16) % FOLDS


def fitted_model(
    rows: Sequence[Labelled],
    unseen: Set[str] = frozenset(),
    penalty: float = PENALTY,
    most: int = MOST_FEATURES,
) -> EmotionModel:
    """Fitted twice: with every feature of LEAST_TEXTS, then with the `most` whose weights move most texts furthest."""
    found = [features(text, unseen) for text, _ in rows]
    counts = Counter(feature for its in found for feature in set(its))
    names = sorted(feature for feature, count in counts.items() if count >= LEAST_TEXTS)
    targets_NE = np.array([[(emotion in its) / len(its) for emotion in EMOTIONS] for _, its in rows])
    for _ in range(2):
        idf_F = np.array([round(np.log(len(rows) / counts[name]) + 1, 1) for name in names])
        weights_FE, bias_E = fitted(matrix(found, names, idf_F), targets_NE, penalty)
        weights_FE -= weights_FE.mean(axis=1, keepdims=True)  # adds the same to all log-odds, so changes nothing
        kept = names
        reach_F = np.linalg.norm(weights_FE, axis=1) * idf_F * np.sqrt([counts[name] for name in names])
        names = sorted(names[number] for number in np.argsort(-reach_F, kind="stable")[:most])
    values_F8 = np.rint(np.hstack([idf_F[:, None], weights_FE * idf_F[:, None]]) * STEP).astype(int)
    return EmotionModel(1.0, bias_E.round(3).tolist(), dict(zip(kept, values_F8.tolist(), strict=True)), unseen)


def matrix(found: Sequence[Sequence[str]], names: Sequence[str], idf_F: np.ndarray) -> csr_matrix:
    """[texts, features]: a feature's inverse document frequency as often as it occurs, over the text's length."""
    numbers = {name: number for number, name in enumerate(names)}
    places = [[numbers[feature] for feature in its if feature in numbers] for its in found]
    sizes = np.array([len(its) for its in places])
    flat = np.array([number for its in places for number in its], np.int32)
    texts = np.repeat(np.arange(len(places)), sizes)
    lengths = np.sqrt(np.bincount(texts, idf_F[flat] ** 2, len(places)))
    values = idf_F[flat] / lengths[texts]
    x_NF = csr_matrix((values, flat, np.concatenate([[0], np.cumsum(sizes)])), (len(places), len(names)))
    x_NF.sum_duplicates()
    return x_NF


def temperature_for(model: EmotionModel, rows: Sequence[Labelled]) -> float:
    """That at which the emotions of rows that the model has not learned from are most probable."""
    texts = [text for text, _ in rows]
    targets_NE = np.array([[(emotion in its) / len(its) for emotion in EMOTIONS] for _, its in rows])

    def loss(temperature: float) -> float:
        return cross_entropy(
            EmotionModel(temperature, model.bias, model.features, model.unseen).predict(texts), targets_NE
        )

    return temperature_of(loss)


def _order(row: Labelled) -> tuple[str, list[str]]:
    return row[0], sorted(row[1])
