"""How offensive a turn is: the lexicon and the classifier, combined."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.clean.scores.offensive_words import classifier, phrase_severity, word_severity

if TYPE_CHECKING:
    from pipeline.clean.scores.words import Texts, Words


LEXICON_SHARE = 0.6
"""Weight of the lexicon; the rest is the classifier's. Alone, the classifier gives "I hate you" 0.9
and "what the hell" 0.99, so it must not pass a threshold without a word that offends."""


NOTICED, TOLD = 0.3, 5
"""From this score on, an offence names the words that weighed most, at most so many."""


class Offence(NamedTuple):
    """The worst of a conversation's learned replies. words: those that weighed most, the heaviest first."""

    score: float
    turn: int
    role: str
    words: list[str]


NONE = Offence(0.0, -1, "", [])


def offences(
    words: "Words",
    found: "Texts",
    texts: Sequence[str],
    roles: Sequence[str],
    replies: npt.NDArray[np.bool_],
    ends: npt.NDArray[np.int64],
) -> list[Offence]:
    """Of each conversation. roles, replies (learned ones): of each turn. ends: [conversations + 1]."""
    scores = score_offence(words, found, texts)
    judged = []
    for start, end in pairwise(ends.tolist()):
        worst = max((turn for turn in range(start, end) if replies[turn]), key=scores.__getitem__, default=None)
        if worst is None:
            judged.append(NONE)
        else:
            score = scores[worst]
            heavy = heaviest(texts[worst]) if score >= NOTICED else []
            judged.append(Offence(score, worst - start, roles[worst], heavy))
    return judged


def heaviest(text: str) -> list[str]:
    """The words of a text that offend, the worst first."""
    weights = {word: word_severity(word) for word in text.lower().split()}
    return sorted(filter(weights.get, weights), key=lambda word: -weights[word])[:TOLD]


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
