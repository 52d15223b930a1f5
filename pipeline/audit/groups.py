"""Every group against the rest of the corpus: how it is spoken of, as what it is portrayed, and whether it acts.

A comparison is a dict: group (tag, or two of an intersection joined by ` & `), outcome, kind (tone, portrayal or
agency), rows (conversations), mean and rest (standardised mean of the outcome), gap, low, high (their difference and
its 95% interval), effect, effect_low, effect_high (Cohen's d, of shares his h), p, matched and, of effects that
may be a finding, examples and sentences (Sample.examples).
"""

from itertools import product
from typing import Any

import numpy as np

from configs.audit import Findings
from pipeline.audit.associations import having
from pipeline.audit.matched import Compared, Rest, compare
from pipeline.audit.portrayal import FIELDS
from pipeline.audit.sample import TONES, Sample, distinct
from pipeline.audit.severity import cohens_h

INTERSECTIONS = (("gender", "age"), ("gender", "ethnicity"))
LEAST_DEVIATION = {"sentiment": 0.35, "offensive": 0.1}
LEAST_OF_EMOTION = 0.1
"""Standard deviations that effects are measured in at least: in a corpus of one tone a nuance is no large effect."""
JOIN = " & "


def comparisons(sample: Sample, limits: Findings) -> list[dict[str, Any]]:
    """Of every group and intersection that is mentioned in min_group_rows conversations or more."""
    if not len(sample):
        return []
    told = [k for k, name in enumerate(TONES) if name != "neutral"]  # which the other emotions leave
    fields_NF = portrayals(sample)
    said = (sample.source_N, sample.role_N, sample.persons_N.astype(np.int64))
    every = np.zeros(len(sample), np.int64)
    of_source = [_joint(*said, sample.length_N), _joint(*said), sample.source_N, every]
    of_topic = [_joint(*said, sample.topic_N, sample.length_N), _joint(*said, sample.topic_N)]
    rest = np.flatnonzero(sample.rest_N)
    kinds = [
        (kind, outcomes, outcome_NK, Rest(outcome_NK, rest, strata, sample.cluster_N, sample.conversation_N))
        for kind, outcomes, outcome_NK, strata in (
            ("tone", [TONES[k] for k in told], sample.tone_NT[:, told], [*of_topic, *of_source]),
            ("portrayal", list(FIELDS), fields_NF, of_source),
        )
    ]
    found = []
    for tags in compared_groups(sample, limits.min_group_rows):
        group, inside = sample.of(tags)[0], sample.inside(tags)
        if sample.rest_N[inside].sum() == len(rest):
            continue
        for kind, outcomes, outcome_NK, others in kinds:
            compared = others.compared(group, inside)
            found += _entries(tags, kind, outcomes, compared, sample, outcome_NK, group, limits.min_effect)
        if len(tags) == 1:
            found += _agency(tags[0], sample, of_source[2:], limits)
    return found


def compared_groups(sample: Sample, least: int) -> list[tuple[str, ...]]:
    """Tags, and pairs of them of INTERSECTIONS, that are mentioned in so many conversations."""
    single = [(tag,) for tag in sample.groups]
    pairs = [
        pair
        for pair in product(sample.groups, sample.groups)
        if tuple(tag.split(":")[0] for tag in pair) in INTERSECTIONS
    ]
    return [tags for tags in [*single, *pairs] if distinct(sample.conversation_N[sample.of(tags)[0]]) >= least]


def portrayals(sample: Sample) -> np.ndarray:
    """[N, FIELDS]: whether each statement has a word of the field."""
    return np.stack([having(sample, set(words.split())) for words in FIELDS.values()], axis=1).astype(float)


def _agency(tag: str, sample: Sample, strata: list[np.ndarray], limits: Findings) -> list[dict[str, Any]]:
    """Whether a group acts or is acted upon, as often as grammar shows which, against the attribute's other groups: the
    same kinds of words name them, and pronouns act more often than adjectives do."""
    attribute = tag.partition(":")[0]
    acts_N = np.full(len(sample), np.nan)
    mine_N = np.zeros(len(sample), bool)
    for value, tags in ((1.0, sample.acts), (0.0, sample.acted_on)):
        for other, statements in tags.items():
            if other != tag and other.partition(":")[0] == attribute:
                acts_N[statements] = value
    for value, tags in ((1.0, sample.acts), (0.0, sample.acted_on)):
        statements = tags.get(tag, np.zeros(0, np.int64))
        acts_N[statements], mine_N[statements] = value, True
    known_N = ~np.isnan(acts_N)
    group = np.flatnonzero(known_N & mine_N & (sample.place_N < sample.rates[tag]))
    rest = np.flatnonzero(known_N & ~mine_N & sample.rest_N)
    if min(distinct(sample.conversation_N[of]) for of in (group, rest)) < limits.min_group_rows:
        return []
    outcome_NK = acts_N[:, None]
    compared = compare(outcome_NK, group, rest, strata, sample.cluster_N, sample.conversation_N)
    return _entries((tag,), "agency", ["acts"], compared, sample, outcome_NK, group, limits.min_effect)


def _entries(
    tags: tuple[str, ...],
    kind: str,
    outcomes: list[str],
    of: Compared,
    sample: Sample,
    outcome_NK: np.ndarray,
    group: np.ndarray,
    least: float,
) -> list[dict[str, Any]]:
    """least: the smallest effect that is shown by examples."""
    found = []
    for k, outcome in enumerate(outcomes):
        mean, rest, gap, low, high = (float(v[k]) for v in (of.mean_K, of.rest_K, of.gap_K, of.low_K, of.high_K))
        if kind == "tone":
            unit = max(float(of.deviation_K[k]), LEAST_DEVIATION.get(outcome, LEAST_OF_EMOTION))
            effects = [value / unit for value in (gap, low, high)]
        else:
            low, high = max(low, -rest), min(high, 1 - rest)  # of shares
            effects = [cohens_h(rest + value, rest) for value in (gap, low, high)]
        told = _rounded(dict(zip(("effect", "effect_low", "effect_high"), effects, strict=True)))
        found.append(
            {
                "group": JOIN.join(tags),
                "kind": kind,
                "outcome": outcome,
                "rows": of.rows,
                **_rounded({"mean": mean, "rest": rest, "gap": gap, "low": low, "high": high}),
                **told,
                "p": float(of.p_K[k]),
                "matched": of.matched,
                **(_examples(sample, outcome_NK[:, k], group, gap) if abs(told["effect"]) >= least else {}),
            }
        )
    return found


def _examples(sample: Sample, outcome_N: np.ndarray, group: np.ndarray, gap: float) -> dict[str, list[Any]]:
    """Of the statements that show the difference most, by what is measured, then by the conversation's id."""
    order = np.lexsort((sample.place_N[group], np.sign(-gap) * outcome_N[group]))
    return sample.examples(group[order])


def _joint(*codes: np.ndarray) -> np.ndarray:
    """A number from 0 on for each combination that is there."""
    found = np.zeros(len(codes[0]), np.int64)
    for code in codes:
        found = found * (int(code.max(initial=0)) + 1) + code
    return np.unique(found, return_inverse=True)[1]


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}
