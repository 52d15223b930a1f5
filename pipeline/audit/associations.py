"""Which words the corpus ties to a group: log-odds with an informative Dirichlet prior (Monroe, Colaresi and Quinn
2008, Fightin' Words, section 3.5.1), of conversations instead of tokens.

A word counts once a conversation, since one that is full of a word says it once more, not a hundred times; and a
sentence that many conversations repeat counts five times at most. The prior is
the word's share in all statements, as if PRIOR conversations more had been seen on either side, so that rare words are
not the most extreme. Sources weigh in the rest as they do in the group (with Kish's effective number), so that the
vocabulary of a source that mentions a group often is not taken for the group's.

Where the other groups of the attribute are mentioned often enough, a word must stand out against them as well as
against the rest, and the smaller of the two is its effect: "said" is tied to people, not to women.
"""

from math import erfc, log, sqrt
from typing import Any, NamedTuple

import numpy as np

from configs.audit import Findings
from pipeline.audit.portrayal import PERSONS, SINGULAR
from pipeline.audit.sample import Sample, distinct
from pipeline.audit.severity import adjusted
from pipeline.clean.scores.function_words import FUNCTION_WORDS

PRIOR = 20
LEAST_ROWS = 5
"""Conversations with a word in which a group is mentioned, from which on it is looked at."""
SHOWN = 8
LEAST_ODDS = log(3)
"""What an association surely is, at least, to be shown."""
SEGREGATED_ODDS = log(9)
"""What separates groups: three to one on one side, one to three on the other."""

MORE_COMMON = """
    one ones thing things own self man's all also any are can has had its just like may more most new not now only other
    others our out over see some such take than too two use used very was well who will himself herself themselves mine
    ours
"""
COMMON = PERSONS | frozenset(f"{FUNCTION_WORDS['en']} {MORE_COMMON}".split())
"""Words that tell nothing, neutral words for masked ones among them."""


class Association(NamedTuple):
    """A word of a group: conversations with it, the group's and the others' (weighted); log-odds and its error."""

    word: str
    rows: int
    others: float
    odds: float
    error: float
    q: float

    @property
    def low(self) -> float:
        return self.odds - 1.96 * self.error

    @property
    def high(self) -> float:
        return self.odds + 1.96 * self.error


def word_associations(sample: Sample, limits: Findings) -> dict[str, list[Association]]:
    """Group to the words that are tied to it, the strongest first. The rate of false discoveries holds over all."""
    telling_V = np.array([word not in COMMON for word in sample.vocabulary], bool)
    tests = []
    for tag in _frequent(sample, limits.min_group_rows):
        group, rest = sample.of((tag,))
        contrast = _contrast(sample, group, rest, telling_V, sample.word_W)
        siblings = _siblings(sample, tag, limits.min_group_rows)
        if len(siblings) and contrast:
            other = _contrast(sample, group, siblings, telling_V, sample.word_W)
            contrast = [min(pair, key=lambda a: a.odds / a.error) for pair in zip(contrast, other, strict=True)]
        tests += [(tag, association) for association in contrast]
    return _significant(tests, limits)


def occupation_associations(sample: Sample, limits: Findings) -> dict[str, list[Association]]:
    """The same of occupations alone, among statements that name one, against the other groups of the attribute."""
    numbers = {word: number for number, word in enumerate(sample.vocabulary)}
    single_V = np.arange(len(sample.vocabulary))
    for form, word in SINGULAR.items():
        if form in numbers:
            single_V[numbers[form]] = numbers.get(word, numbers[form])
    occupation_V = np.array([word in SINGULAR for word in sample.vocabulary], bool)
    named = having(sample, set(SINGULAR))
    tests = []
    for tag in _frequent(sample, limits.min_group_rows):
        siblings = _siblings(sample, tag, 1)
        siblings = siblings[named[siblings]]
        group = np.setdiff1d(sample.of((tag,))[0], _others(sample, tag))
        group = group[named[group]]
        if min(distinct(sample.conversation_N[of]) for of in (group, siblings)) >= limits.min_group_rows // 2:
            found = _contrast(sample, group, siblings, occupation_V, single_V[sample.word_W])
            tests += [(tag, association) for association in found]
    return _significant(tests, limits)


def coverage(sample: Sample, tag: str, words: list[str], occupations: bool = False) -> dict[str, Any]:
    """`share` and `rest`, of the group's and of the rest's conversations that have one of these words, `rows`, how many
    of the group's do, and Sample.examples. occupations: among conversations that name any, in singular or plural."""
    forms = {form for form, word in SINGULAR.items() if word in words} if occupations else set(words)
    has_N = having(sample, forms)
    named_N = having(sample, set(SINGULAR)) if occupations else np.ones(len(sample), bool)
    group, rest = sample.of((tag,))
    mine, theirs = (
        [distinct(sample.conversation_N[of[wanted_N[of]]]) for wanted_N in (has_N, named_N)] for of in (group, rest)
    )
    shares = {"share": mine[0] / max(mine[1], 1), "rest": theirs[0] / max(theirs[1], 1)}
    return shares | {"rows": mine[0], **sample.examples(group[has_N[group]])}


def having(sample: Sample, words: set[str]) -> np.ndarray:
    """[N]: whether each statement has one of these words."""
    wanted_V = np.array([word in words for word in sample.vocabulary], bool)
    found_N = np.zeros(len(sample), bool)
    if len(wanted_V):
        found_N[sample.of_W[wanted_V[sample.word_W]]] = True
    return found_N


def _contrast(
    sample: Sample, group: np.ndarray, rest: np.ndarray, wanted_V: np.ndarray, word_W: np.ndarray
) -> list[Association]:
    """Of every wanted word that LEAST_ROWS of the group's conversations have; q is the p-value as yet."""
    size = len(sample.vocabulary)
    group_V = _rows_with(sample, group, word_W, size)
    sources = np.unique(sample.source_N[group])
    rest_V, total, squares = np.zeros(size), 0.0, 0.0
    for source in sources:
        mine, theirs = group[sample.source_N[group] == source], rest[sample.source_N[rest] == source]
        theirs = theirs if len(theirs) else rest
        rows = distinct(sample.unit_N[theirs])
        if not rows:
            return []
        weight = distinct(sample.unit_N[mine]) / rows
        rest_V += weight * _rows_with(sample, theirs, word_W, size)
        total, squares = total + weight * rows, squares + weight**2 * rows
    effective = total / squares if squares else 1.0
    rest_V, rest_n, group_n = rest_V * effective, total * effective, float(distinct(sample.unit_N[group]))
    found = []
    for v in np.flatnonzero(wanted_V & (group_V >= LEAST_ROWS)):
        alpha = PRIOR * (group_V[v] + rest_V[v]) / (group_n + rest_n)
        mine, theirs = group_V[v] + alpha, rest_V[v] + alpha
        odds = log(mine / max(group_n + PRIOR - mine, 1e-9)) - log(theirs / max(rest_n + PRIOR - theirs, 1e-9))
        error = sqrt(1 / mine + 1 / theirs)
        p = erfc(abs(odds) / error / sqrt(2))
        found.append(Association(sample.vocabulary[v], int(group_V[v]), float(rest_V[v]), odds, error, p))
    return found


def _rows_with(sample: Sample, statements: np.ndarray, word_W: np.ndarray, size: int) -> np.ndarray:
    """[V] conversations of these statements that have each word."""
    of, places = sample.words(statements)
    pairs = np.unique(sample.unit_N[of] * size + word_W[places])
    return np.bincount(pairs % size, minlength=size).astype(float)


def _significant(tests: list[tuple[str, Association]], limits: Findings) -> dict[str, list[Association]]:
    q = adjusted([association.q for _, association in tests])
    found: dict[str, list[Association]] = {}
    for (tag, association), value in zip(tests, q, strict=True):
        known = association._replace(q=value)
        if value <= limits.false_discovery_rate and known.low >= LEAST_ODDS:
            found.setdefault(tag, []).append(known)
    return {tag: sorted(several, key=lambda a: (-a.low, a.word)) for tag, several in found.items()}


def _frequent(sample: Sample, least: int) -> list[str]:
    return [tag for tag, of in sample.groups.items() if distinct(sample.conversation_N[of]) >= least]


def _others(sample: Sample, tag: str) -> np.ndarray:
    """Statements that mention another group of the attribute."""
    attribute = tag.split(":")[0]
    others = [of for other, of in sample.groups.items() if other.split(":")[0] == attribute and other != tag]
    return np.unique(np.concatenate(others)) if others else np.zeros(0, np.int64)


def _siblings(sample: Sample, tag: str, least: int) -> np.ndarray:
    """The same without those that mention the group too; none when they are of fewer conversations than `least`."""
    found = np.setdiff1d(_others(sample, tag), sample.groups[tag])
    found = found[sample.rest_N[found]]
    return found if distinct(sample.conversation_N[found]) >= least else found[:0]
