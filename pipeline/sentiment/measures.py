"""How good an emotion model is on labelled texts that it has not learned from."""

from collections.abc import Sequence

import numpy as np

from pipeline.sentiment.calibration import calibration_error
from pipeline.sentiment.emotions import EMOTIONS, POLARITIES
from pipeline.sentiment.model import NEUTRAL, POLARITY_E, EmotionModel
from pipeline.sentiment.training_data import Labels


def measures(model: EmotionModel, texts: Sequence[str], labels: Sequence[Labels]) -> dict[str, float | int]:
    """Rows, accuracy, macro-F1 and calibration error of emotions and of three-way sentiment.

    Emotions are measured on texts of one emotion, sentiment on those whose emotions are all positive, all negative or
    all neutral: surprise, and texts that show both, have no sentiment to be right about.
    """
    emotions_NE = model.predict(texts)
    one = np.array([len(its) == 1 for its in labels], bool)
    truth_N = np.array([EMOTIONS.index(min(its)) for its in labels])
    valence_N = np.array([valence(its) for its in labels], float)
    clear = ~np.isnan(valence_N)
    found = _measured(emotions_NE[one], truth_N[one])
    of_sentiment = _measured(three_way(emotions_NE[clear]), valence_N[clear].astype(int) + 1)
    return found | {f"sentiment_{name}": value for name, value in of_sentiment.items()}


def valence(labels: Labels) -> float:
    """−1, 0 or 1; NaN for surprise and for texts that show two."""
    found = {POLARITIES[emotion] for emotion in labels}
    return found.pop() if len(found) == 1 and "surprise" not in labels else np.nan


def three_way(emotions_NE: np.ndarray) -> np.ndarray:
    """[N, 3], the probabilities of negative, neutral and positive, given that it is none of surprise."""
    neutral_E = np.arange(len(EMOTIONS)) == NEUTRAL
    sums_N3 = emotions_NE @ np.stack([POLARITY_E < 0, neutral_E, POLARITY_E > 0], axis=1).astype(float)
    return sums_N3 / sums_N3.sum(axis=1, keepdims=True)


def macro_f1(guesses_N: np.ndarray, truth_N: np.ndarray) -> float:
    """Mean of the F1 of every class that occurs in either."""
    scores = []
    for label in np.union1d(guesses_N, truth_N):
        both = np.sum((guesses_N == label) & (truth_N == label))
        scores.append(2 * both / (np.sum(guesses_N == label) + np.sum(truth_N == label)))
    return float(np.mean(scores)) if scores else 0.0


def _measured(chances_NC: np.ndarray, truth_N: np.ndarray) -> dict[str, float | int]:
    guesses_N = chances_NC.argmax(axis=1)
    right_N = guesses_N == truth_N
    return {
        "rows": len(truth_N),
        "accuracy": round(float(right_N.mean()), 4) if len(truth_N) else 0.0,
        "macro_f1": round(macro_f1(guesses_N, truth_N), 4),
        "calibration_error": round(calibration_error(chances_NC.max(axis=1), right_N), 4),
    }
