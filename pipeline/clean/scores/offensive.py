"""How offensive a turn is: a lexicon and a classifier, combined."""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from pipeline.clean.scores.lexicon import PHRASES, VULGAR, severities

if TYPE_CHECKING:
    from pipeline.clean.scores.words import Texts, Words

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

LEXICON_SHARE = 0.6
"""Weight of the lexicon; the rest is the classifier's. Alone, the classifier gives "I hate you" 0.9
and "what the hell" 0.99, so it must not pass a threshold without a word that offends."""

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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the pickled model names an older scikit-learn
        from profanity_check.profanity_check import model, vectorizer
    stops = vectorizer.get_stop_words() or frozenset()
    parts = model.calibrated_classifiers_
    return Classifier(
        vocabulary={word: int(term) for word, term in vectorizer.vocabulary_.items() if word not in stops},
        idf=vectorizer.idf_,
        weights=np.stack([part.estimator.coef_[0] for part in parts], axis=1),
        bias=np.array([part.estimator.intercept_[0] for part in parts]),
        slope=np.array([part.calibrators[0].a_ for part in parts]),
        offset=np.array([part.calibrators[0].b_ for part in parts]),
    )


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


def offensiveness(texts: Sequence[str]) -> list[float]:
    """Score of each text, 0 to 1, four decimals.

    0.6 x severity of the worst word + 0.4 x the classifier's probability. A text's score does not
    depend on the other texts of the batch.
    """
    from pipeline.clean.scores.words import known_words, texts_of

    return score_offence(known_words(), texts_of(known_words(), texts), texts)


def score_offence(words: "Words", found: "Texts", texts: Sequence[str]) -> list[float]:
    """The same, of texts whose words have been looked up."""
    severest = found.worst(words.severity)
    for number in np.flatnonzero(found.either(words.field("phrase"))).tolist():
        severest[number] = max(severest[number], phrase_severity(texts[number]))
    chance = classifier().probabilities(*_terms(words, found)).round(6)
    return (LEXICON_SHARE * severest + (1 - LEXICON_SHARE) * chance).round(4).tolist()


def _terms(words: "Words", found: "Texts") -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(terms, ends) of the texts, for the classifier."""
    terms, texts = words.field("term")[found.numbers].astype(np.int64), found.texts
    several = np.flatnonzero(terms == -2)
    one = terms >= 0
    terms, owner = terms[one], texts[one]
    if len(several):
        more = [(texts[place], term) for place in several for term in words.terms[int(found.numbers[place])]]
        owner = np.concatenate([owner, [text for text, _ in more]])
        terms = np.concatenate([terms, [term for _, term in more]])
        order = np.argsort(owner, kind="stable")
        owner, terms = owner[order], terms[order]
    return terms, np.searchsorted(owner, np.arange(len(found) + 1))


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
