"""The emotions that a text shows, and its sentiment: a linear model over words, in numpy alone.

A text's features are weighed by their inverse document frequency and brought to length 1 (TF-IDF), as if none occurred
twice; multinomial logistic regression gives the log-odds, which a temperature calibrates (Guo et al. 2017, arXiv
1706.04599). The file is text, a feature a line: what the model thinks of a word can be read and put right there.
"""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.sentiment.emotions import EMOTIONS, POLARITIES
from pipeline.sentiment.features import NEGATORS, TOKEN, features_of, negated, pair_of, pieces, word_of

POLARITY_E = np.array([POLARITIES[emotion] for emotion in EMOTIONS], float)
NEUTRAL = EMOTIONS.index("neutral")
FILE = "emotion_model.json"
STEP = 10
"""Weights and inverse document frequencies are kept as whole tenths: a step of 0.1 costs no accuracy."""

WORDS_REMEMBERED = 500_000


class EmotionModel:
    """unseen: words that are not looked at. features: feature to its inverse document frequency and, times that, its
    weight for each emotion; in tenths."""

    def __init__(
        self,
        temperature: float,
        bias: Sequence[float],
        features: dict[str, list[int]],
        unseen: Iterable[str] = (),
        **about: Any,
    ) -> None:
        self.temperature, self.bias, self.features, self.about = temperature, list(bias), features, about
        self.unseen = frozenset(unseen)
        values_F8 = np.array(list(features.values()), float).reshape(-1, 1 + len(EMOTIONS)) / STEP
        self._row = {feature: number for number, feature in enumerate(features)}
        # Beside the weights the square of the document frequency, whose sum is the square of the text's length.
        self._features_F8 = np.hstack([values_F8[:, 1:], values_F8[:, :1] ** 2])
        self._pairs = {feature: self._row[feature] for feature in features if " " in feature}
        self._bias_E = np.array(self.bias)
        self._known: dict[str, tuple[str, int, int]] = {}
        self._sums, self._used = np.zeros((1024, 1 + len(EMOTIONS))), 1

    @classmethod
    def load(cls, folder: Path) -> "EmotionModel":
        """The model of an artifact of the stage `sentiment`."""
        return cls(**json.loads((folder / FILE).read_text(encoding="utf-8")))

    def save(self, folder: Path) -> None:
        """Writes FILE, the same model the same bytes."""
        head = {**self.about, "temperature": self.temperature, "bias": self.bias, "unseen": sorted(self.unseen)}
        lines = [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in head.items()]
        each = (
            f"{json.dumps(name, ensure_ascii=False)}:{json.dumps(values, separators=(',', ':'))}"
            for name, values in sorted(self.features.items())
        )
        text = "{\n" + ",\n".join([*lines, '"features": {\n' + ",\n".join(each) + "}"]) + "}\n"
        (folder / FILE).write_text(text, encoding="utf-8")

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """[N, 7] float32, the probabilities of EMOTIONS in each text.

        Of a longer text the mean over its pieces; one without a word or sign is neutral.
        """
        if len(self._known) > WORDS_REMEMBERED:
            self._known, self._used = {}, 1
        rows: list[int] = []
        starts_P: list[int] = []
        counts_N: list[int] = []
        for text in texts:
            found = [piece for piece in pieces(TOKEN.findall(text)) if piece]
            counts_N.append(len(found))
            for piece in found:
                starts_P.append(len(rows))
                rows += self._rows_of(piece)
        pieces_PE = self._probabilities(np.array(rows, np.int64), np.array(starts_P, np.int64))
        emotions_NE = np.zeros((len(counts_N), len(EMOTIONS)))
        emotions_NE[:, NEUTRAL] = np.array(counts_N) == 0
        np.add.at(emotions_NE, np.repeat(np.arange(len(counts_N)), counts_N), pieces_PE)
        return (emotions_NE / np.maximum(counts_N, 1)[:, None]).astype(np.float32)

    def sentiment(self, texts: Sequence[str]) -> np.ndarray:
        """[N] float32: P(positive) − P(negative), from −1 to 1."""
        return polarity(self.predict(texts))

    def _rows_of(self, tokens: Sequence[str]) -> list[int]:
        """Rows of the table that a piece's sum is made of. Row 0 is of what is not looked at, and adds nothing."""
        known = [self._known.get(token) or self._learn(token) for token in tokens]
        words = [word for word, _, _ in known]
        if NEGATORS.isdisjoint(words):
            rows = [row for _, row, _ in known]
        else:
            marked = zip(known, negated(words), strict=True)
            rows = [other if is_negated else row for (_, row, other), is_negated in marked]
        for first, second in pairwise(words):
            pair = self._pairs.get(pair_of(first, second))
            if pair is not None:
                rows.append(-1 - pair)
        return rows

    def _learn(self, token: str) -> tuple[str, int, int]:
        """The word of a token, and the rows that hold the sums of its features, plain and negated, which are kept."""
        word = word_of(token, self.unseen)
        known = word, self._sum_of(features_of(word, False)), self._sum_of(features_of(word, True))
        self._known[token] = known
        return known

    def _sum_of(self, features: Sequence[str]) -> int:
        numbers = [self._row[feature] for feature in features if feature in self._row]
        if not numbers:
            return 0
        row = self._used
        if row == len(self._sums):
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
        self._sums[row] = self._features_F8[numbers].sum(axis=0)
        self._used += 1
        return row

    def _probabilities(self, rows: np.ndarray, starts_P: np.ndarray) -> np.ndarray:
        if not len(starts_P):
            return np.zeros((0, len(EMOTIONS)))
        pairs = rows < 0
        values_R8 = np.empty((len(rows), 1 + len(EMOTIONS)))
        values_R8[~pairs] = self._sums[rows[~pairs]]
        values_R8[pairs] = self._features_F8[-1 - rows[pairs]]
        sums_P8 = np.add.reduceat(values_R8, starts_P)
        lengths_P = np.sqrt(sums_P8[:, -1])
        logits_PE = sums_P8[:, :-1] / np.where(lengths_P, lengths_P, 1)[:, None] + self._bias_E
        return softmax(logits_PE / self.temperature)


@cache
def loaded(folder: Path) -> EmotionModel:
    """The model of an artifact, and the words that it has met: once a process, whoever asks."""
    return EmotionModel.load(folder)


def polarity(emotions_NE: np.ndarray) -> np.ndarray:
    """[N] float32, the sentiment of probabilities of emotions: expected polarity."""
    return (emotions_NE @ POLARITY_E).astype(np.float32)


def softmax(logits_NE: np.ndarray) -> np.ndarray:
    powers_NE = np.exp(logits_NE - logits_NE.max(axis=1, keepdims=True))
    return powers_NE / powers_NE.sum(axis=1, keepdims=True)
