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
    everything = Others(sample, np.flatnonzero(sample.rest_N), sample.word_W)
    of_attribute: dict[str, Others] = {}
    tests = []
    for tag in _frequent(sample, limits.min_group_rows):
        group, attribute = sample.of((tag,))[0], tag.partition(":")[0]
        contrast = _contrast(sample, group, everything.without(sample.groups[tag]), telling_V)
        siblings = _siblings(sample, tag)
        if contrast and distinct(sample.conversation_N[siblings]) >= limits.min_group_rows:
            if attribute not in of_attribute:
                every = np.union1d(siblings, sample.groups[tag])
                of_attribute[attribute] = Others(sample, every[sample.rest_N[every]], sample.word_W)
            other = _contrast(sample, group, of_attribute[attribute].without(sample.groups[tag]), telling_V)
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
    single_W, named = single_V[sample.word_W], having(sample, set(SINGULAR))
    tests = []
    for tag in _frequent(sample, limits.min_group_rows):
        siblings = _siblings(sample, tag)
        siblings = siblings[named[siblings]]
        group = sample.of((tag,))[0]
        group = group[~_others_N(sample, tag)[group]]
        group = group[named[group]]
        if min(distinct(sample.conversation_N[of]) for of in (group, siblings)) >= limits.min_group_rows // 2:
            others = Others(sample, siblings, single_W).without(siblings[:0])
            tests += [(tag, association) for association in _contrast(sample, group, others, occupation_V)]
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


class Left(NamedTuple):
    """Units of some statements: `rows` in all and rows_V with each word; of each source rows_S, and of cells, which are
    a word_C of a source_C, rows_C. word_W: Sample.word_W, or other numbers of these words."""

    rows: int
    rows_V: np.ndarray
    rows_S: np.ndarray
    source_C: np.ndarray
    word_C: np.ndarray
    rows_C: np.ndarray
    word_W: np.ndarray


class Others:
    """Statements that groups are compared with; how many units they are is counted once, and of each group only what
    goes with its own."""

    def __init__(self, sample: Sample, statements: np.ndarray, word_W: np.ndarray) -> None:
        """statements: ascending."""
        self._sample, self._statements, self._word_W = sample, statements, word_W
        self._size = len(sample.vocabulary)
        of, self._places = sample.words(statements)
        sources = int(sample.source_N.max(initial=-1)) + 1
        cells, cell_O = np.unique(sample.source_N[of] * self._size + word_W[self._places], return_inverse=True)
        self._source_C, self._word_C = np.divmod(cells, max(self._size, 1))
        self._of_cells = _Units(sample.unit_N[of], cell_O, len(cells))
        self._of_words = _Units(sample.unit_N[of], word_W[self._places], self._size)
        self._of_sources = _Units(sample.unit_N[statements], sample.source_N[statements], sources)
        self._of_all = _Units(sample.unit_N[statements], np.zeros(len(statements), np.int64), 1)

    def without(self, group: np.ndarray) -> Left:
        """Of these statements but the group's, which may hold others as well."""
        at = np.searchsorted(self._statements, group)
        inside = at < len(self._statements)
        inside[inside] = self._statements[at[inside]] == group[inside]
        statements, (_, places) = at[inside], self._sample.words(group[inside])
        words = np.searchsorted(self._places, places)
        return Left(
            int(self._of_all.without(statements)[0]),
            self._of_words.without(words),
            self._of_sources.without(statements),
            self._source_C,
            self._word_C,
            self._of_cells.without(words),
            self._word_W,
        )


class _Units:
    """rows_C: how many different units occur in each of C cells. unit_O, cell_O: of each occurrence."""

    def __init__(self, unit_O: np.ndarray, cell_O: np.ndarray, cells: int) -> None:
        pairs, self._pair_O, self._times_P = np.unique(
            unit_O * max(cells, 1) + cell_O, return_inverse=True, return_counts=True
        )
        self._cell_P = pairs % max(cells, 1)
        self.rows_C = np.bincount(self._cell_P, minlength=cells)

    def without(self, occurrences: np.ndarray) -> np.ndarray:
        """[C], less what occurs among these alone."""
        pairs, times = np.unique(self._pair_O[occurrences], return_counts=True)
        gone = pairs[times == self._times_P[pairs]]
        return self.rows_C - np.bincount(self._cell_P[gone], minlength=len(self.rows_C))


def _contrast(sample: Sample, group: np.ndarray, others: Left, wanted_V: np.ndarray) -> list[Association]:
    """Of every wanted word that LEAST_ROWS of the group's conversations have; q is the p-value as yet."""
    if not others.rows:
        return []
    size, sources = len(sample.vocabulary), len(others.rows_S)
    of, places = sample.words(group)
    group_V = _Units(sample.unit_N[of], others.word_W[places], size).rows_C
    rows_S = _Units(sample.unit_N[group], sample.source_N[group], sources).rows_C
    alone_S = others.rows_S == 0  # such a source is compared with all others
    weight_S = rows_S / np.where(alone_S, others.rows, others.rows_S)
    squares = float((weight_S * rows_S).sum())
    effective = rows_S.sum() / squares if squares else 1.0
    rest_V = np.bincount(others.word_C, weight_S[others.source_C] * others.rows_C, minlength=size)
    rest_V = (rest_V + weight_S[alone_S].sum() * others.rows_V) * effective
    rest_n, group_n = rows_S.sum() * effective, float(distinct(sample.unit_N[group]))
    words = np.flatnonzero(wanted_V & (group_V >= LEAST_ROWS))
    group_v, rest_v = group_V[words], rest_V[words]
    alpha = PRIOR * (group_v + rest_v) / (group_n + rest_n)
    mine, theirs = group_v + alpha, rest_v + alpha
    odds = np.log(mine / np.maximum(group_n + PRIOR - mine, 1e-9))
    odds = odds - np.log(theirs / np.maximum(rest_n + PRIOR - theirs, 1e-9))
    error = np.sqrt(1 / mine + 1 / theirs)
    p = [erfc(z) for z in np.abs(odds) / error / sqrt(2)]
    names = [sample.vocabulary[v] for v in words]
    columns = (group_v.tolist(), rest_v.tolist(), odds.tolist(), error.tolist(), p)
    return [Association(*values) for values in zip(names, *columns, strict=True)]


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


def _others_N(sample: Sample, tag: str) -> np.ndarray:
    """[N]: whether each statement mentions another group of the attribute."""
    attribute, found_N = tag.split(":")[0], np.zeros(len(sample), bool)
    for other, of in sample.groups.items():
        if other.split(":")[0] == attribute and other != tag:
            found_N[of] = True
    return found_N


def _siblings(sample: Sample, tag: str) -> np.ndarray:
    """Those of the rest that do, and do not mention the group too."""
    found_N = _others_N(sample, tag) & sample.rest_N
    found_N[sample.groups[tag]] = False
    return np.flatnonzero(found_N)
