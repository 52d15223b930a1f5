"""Words and phrases that offend: the lexicon, what disguises its words, and the classifier's weight of each."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib.numpy_pickle import NumpyUnpickler
from scipy.sparse import csr_matrix

from pipeline.clean.scores.lexicon import PHRASES, VULGAR, severities

SEVERITY = severities()

WORDS = frozenset(SEVERITY)

WORD = re.compile(r"[a-z]+")

PHRASE = re.compile("|".join(rf"\b{re.escape(phrase)}\b" for phrase in PHRASES))

PHRASE_WORDS = frozenset(phrase.split()[0] for phrase in PHRASES)

DISGUISE = re.compile(r"[a-z][@$0134!*#]|[@$][a-z]|([a-z])\1\1")
"""Leetspeak, masked or stretched letters: sh1t, f**k, biiiitch."""

LEET = str.maketrans("@$0134!", "asoieai")

STRETCHED = re.compile(r"([a-z])\1{2,}")

MASKED = re.compile(r"(?<![a-z*#])[a-z]{1,10}[*#]{1,10}[a-z]{0,10}(?![a-z*#])")

LONGEST_DISGUISED = 100
"""Longer "words" are data, not words."""

TERM = re.compile(r"\w\w+")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Classifier:
    """alt-profanity-check: TF-IDF words and five calibrated linear SVMs, trained on the Davidson tweets and
    Wikipedia talk pages, taken apart so that words are looked up once.

    idf: by term. weights: [terms, models]. bias, slope, offset: by model; the probability is the mean of
    1 / (1 + exp(slope x decision + offset)) (Platt 1999).
    """

    vocabulary: dict[str, int]
    idf: Floats
    weights: Floats
    bias: Floats
    slope: Floats
    offset: Floats

    def probabilities(self, terms: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> Floats:
        """Of each text. terms: term numbers, one text after another; ends: [texts + 1], where texts begin and end."""
        counts = csr_matrix((np.ones(len(terms)), terms, ends), (len(ends) - 1, len(self.idf)))
        counts.sum_duplicates()
        counts.data *= self.idf[counts.indices]
        text = np.repeat(np.arange(len(ends) - 1), np.diff(counts.indptr))
        squares = np.bincount(text, counts.data**2, len(ends) - 1)
        decisions = (counts @ self.weights) / np.sqrt(np.where(squares > 0, squares, 1.0))[:, None] + self.bias
        each = 1 / (1 + np.exp(self.slope * decisions + self.offset))
        return np.add.reduce([each[:, model] for model in range(each.shape[1])]) / each.shape[1]


@cache
def classifier() -> Classifier:
    """The classifier, out of its package."""
    vectorizer, model = _pickled("vectorizer"), _pickled("model")
    parts = model.calibrated_classifiers_
    return Classifier(
        vocabulary={word: int(term) for word, term in vectorizer.vocabulary_.items()},
        idf=vectorizer._tfidf.idf_,
        weights=np.stack([part.estimator.coef_[0] for part in parts], axis=1),
        bias=np.array([part.estimator.intercept_[0] for part in parts]),
        slope=np.array([part.calibrators[0].a_ for part in parts]),
        offset=np.array([part.calibrators[0].b_ for part in parts]),
    )


class _Attributes:
    """A pickled object of scikit-learn, as the attributes that it had."""


class _Unpickler(NumpyUnpickler):
    """Reads without scikit-learn, the import of which would cost every worker a second."""

    def find_class(self, module: str, name: str) -> Any:
        return _Attributes if module.startswith("sklearn.") else super().find_class(module, name)


def _pickled(name: str) -> Any:
    """What a file of the package holds. The package itself is not imported: it would load scikit-learn."""
    package = find_spec("profanity_check")
    assert package is not None, "a dependency"
    file = Path(str(package.origin)).with_name("data") / f"{name}.joblib"
    with file.open("rb") as opened:
        return _Unpickler(str(file), opened, True).load()


def terms_of(lowered: str) -> list[int]:
    """Numbers of the classifier's terms in a word in lower case."""
    vocabulary = classifier().vocabulary
    if lowered.isalpha():
        return [vocabulary[lowered]] if lowered in vocabulary else []
    return [vocabulary[term] for term in TERM.findall(lowered) if term in vocabulary]


def word_severity(lowered: str) -> float:
    """Severity of a word in lower case, or of what it disguises, 0 to 1."""
    worst = max((SEVERITY[part] for part in WORD.findall(lowered) if part in WORDS), default=0.0)
    return max(worst, _disguised(lowered)) if DISGUISE.search(lowered) else worst


def phrase_severity(text: str) -> float:
    """Severity of the first offensive phrase of a text."""
    phrase = PHRASE.search(text.lower())
    return PHRASES[phrase.group()] if phrase else 0.0


def severity(text: str) -> float:
    """The lexicon's share: severity of the worst word or phrase, 0 to 1."""
    return max(phrase_severity(text), *map(word_severity, text.lower().split()), 0.0)


def _disguised(lowered: str) -> float:
    lowered = lowered[:LONGEST_DISGUISED]
    plain = lowered.translate(LEET)
    spellings = set(WORD.findall(STRETCHED.sub(r"\1", plain))) | set(WORD.findall(STRETCHED.sub(r"\1\1", plain)))
    worst = max(map(SEVERITY.__getitem__, spellings & WORDS), default=0.0)
    for masked in MASKED.findall(lowered):
        pattern = re.compile(re.sub(r"[*#]", ".", masked))
        meant = [s for word, s in SEVERITY.items() if s >= VULGAR and pattern.fullmatch(word)]
        worst = max(worst, min(meant, default=0.0))  # s*** is taken for the least that it can be
    return worst
