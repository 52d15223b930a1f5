"""How offensive a turn is: the lexicon and the classifier, combined."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipeline.clean.scores.offensive_words import classifier, phrase_severity

if TYPE_CHECKING:
    from pipeline.clean.scores.words import Texts, Words


LEXICON_SHARE = 0.6
"""Weight of the lexicon; the rest is the classifier's. Alone, the classifier gives "I hate you" 0.9
and "what the hell" 0.99, so it must not pass a threshold without a word that offends."""


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
