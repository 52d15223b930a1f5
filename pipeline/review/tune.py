"""Which thresholds the marks speak for: where the rows that a rule drops are dropped rightly often enough."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import yaml

from pipeline.contract.run import Run
from pipeline.contract.wilson import wilson
from pipeline.review.marks import Mark
from pipeline.review.results import standing_marks
from pipeline.review.sample import rows_of
from pipeline.review.thresholds import Threshold, thresholds

Judged = Sequence[tuple[float, float]]
"""(score, share of its reviewers who say that dropping is right) of each row."""

TOO_FEW, BETTER = "too few", "better dropped"

DIGITS = 4
"""Decimals of a proposed threshold that is no whole number."""


@dataclass(frozen=True)
class Proposal:
    """value: the new one; the old one where it stays, and words say why. rows: judged ones that it rests on."""

    threshold: Threshold
    value: float
    rows: int
    words: str


def tune(run: Run, target: float, least: int) -> list[Proposal]:
    """One proposal for each threshold with marks.

    A threshold is *relaxed* as little as it takes for the marked rows that are still dropped to be dropped rightly with
    a share of `target`; where they are already, it is *tightened* as far as the marked rows that came near would be
    dropped rightly with that share. Both rest on `least` marked rows or more, on the side that is dropped, or
    nothing is proposed. The share is an estimate, and the threshold is chosen to make it good: it flatters itself,
    the more the fewer rows there are. Marks on the rows that the new threshold drops tell.
    """
    by_stratum: dict[str, list[Mark]] = {}
    for mark in standing_marks(run):
        if not mark.example:
            by_stratum.setdefault(mark.stratum, []).append(mark)
    found = []
    for threshold in thresholds(run.profile):
        dropped, near = by_stratum.get(threshold.stratum, []), by_stratum.get(threshold.near, [])
        if dropped or near:
            found.append(_proposal(run, threshold, dropped, near, target, least))
    return found


def _proposal(
    run: Run, threshold: Threshold, dropped: list[Mark], near: list[Mark], target: float, least: int
) -> Proposal:
    scores = _scores_of_dropped(run, threshold) if dropped else {}
    gone = judged(dropped, scores, right_is_drop=True)
    rows = rows_of(run.artifact("deduplicate"), {mark.row for mark in near})
    stays = judged(near, {row: float(of[threshold.column]) for row, of in rows.items()}, right_is_drop=False)
    old, now = threshold.value, _said(gone)
    if len(gone) < least and len(stays) < least:
        near_by = f"{_said(stays, BETTER)}, among those that came near" if stays else "none marked that came near"
        words = f"stays {_number(old)}: {now}; {near_by}; {TOO_FEW}, {least} are the least"
        return Proposal(threshold, old, len(gone) + len(stays), words)
    if len(gone) >= least and fmean(right for _, right in gone) < target:
        value = relaxed(gone, threshold, target, least)
        if value is None:
            words = f"stays {_number(old)}: {now}; no limit with {least} marked rows beyond it reaches {target:.0%}"
            return Proposal(threshold, old, len(gone), words)
        beyond = [row for row in gone if drops(threshold, value, row[0])]
        back = sum(not drops(threshold, value, score) for score in scores.values())
        words = f"{now}; beyond {_number(value)} {_said(beyond)}; {back:,} of {len(scores):,} rows are kept again"
        return Proposal(threshold, value, len(beyond), words)
    value = tightened(stays, threshold, target, least)
    if value is None:
        nearer = f"; {_said(stays, BETTER)}, among those that came near" if stays else ""
        return Proposal(threshold, old, len(gone) + len(stays), f"stays {_number(old)}: {now}{nearer}")
    more = [row for row in stays if drops(threshold, value, row[0])]
    words = (
        f"{now}; of the rows between {_number(value)} and {_number(old)}, which it would drop, {_said(more, BETTER)}"
    )
    return Proposal(threshold, value, len(more), words)


def relaxed(gone: Judged, threshold: Threshold, target: float, least: int) -> float | None:
    """The value nearest to the old one beyond which the share of rightly dropped rows reaches the target; None where
    fewer than `least` rows are left beyond any such."""
    for score in sorted({score for score, _ in gone}, reverse=not threshold.upper):
        value = rounded(score, threshold)
        beyond = [right for other, right in gone if drops(threshold, value, other)]
        if len(beyond) < least:
            return None
        if fmean(beyond) >= target:
            return value
    return None


def tightened(stays: Judged, threshold: Threshold, target: float, least: int) -> float | None:
    """The value farthest from the old one up to which kept rows would be dropped rightly with the target's share."""
    best = None
    for score in sorted({score for score, _ in stays}, reverse=threshold.upper):
        value = rounded(score, threshold)
        more = [right for other, right in stays if drops(threshold, value, other)]
        if len(more) >= least and fmean(more) >= target:
            best = value
    return best


def drops(threshold: Threshold, value: float, score: float) -> bool:
    """Whether the rule would drop a score, with this value."""
    if not threshold.strict and score == value:
        return True
    return score > value if threshold.upper else score < value


def rounded(score: float, threshold: Threshold) -> float:
    """The value nearest to a score with which that score stays: a whole number where the profile's is one."""
    step = 1 if isinstance(threshold.value, int) else 10**-DIGITS
    places = round(score / step, 6)
    whole = math.ceil(places) if threshold.upper else math.floor(places)
    if not threshold.strict and whole == places:
        whole += 1 if threshold.upper else -1
    return whole if step == 1 else round(whole * step, DIGITS)


def judged(marks: list[Mark], scores: dict[str, float], right_is_drop: bool) -> Judged:
    """Of every marked row with a score. right_is_drop: whether a mark says that dropping is right, else that keeping
    is."""
    said: dict[str, list[bool]] = {}
    for mark in marks:
        if mark.row in scores:
            said.setdefault(mark.row, []).append(bool(mark.right) == right_is_drop)
    return [(scores[row], fmean(of)) for row, of in sorted(said.items())]


def patch(proposals: list[Proposal]) -> str:
    """A profile's YAML with the values that change; what is proposed, and what not, is said in comments."""
    lines = []
    values: dict[str, Any] = {}
    for proposal in proposals:
        old, key = proposal.threshold.value, proposal.threshold.key
        changes = proposal.value != old
        lines.append(f"# {key}: {f'{_number(old)} to {_number(proposal.value)}: ' if changes else ''}{proposal.words}")
        *above, last = key.split(".")
        level = values
        for part in above if changes else ():
            level = level.setdefault(part, {})
        if changes:
            level[last] = proposal.value
    if any(TOO_FEW in proposal.words for proposal in proposals):
        lines.append(
            "# review.sample.rule and review.sample.near show more rows: a run with larger ones keeps all marks"
        )
    body = yaml.safe_dump(values, sort_keys=False) if values else "# nothing to change\n"
    return "".join(f"{line}\n" for line in lines) + body


def _scores_of_dropped(run: Run, threshold: Threshold) -> dict[str, float]:
    """row_id to score of all rows that the rule dropped, but for those whose evidence tells none."""
    import pyarrow.compute as pc

    dropped = run.artifact(threshold.stage).read("dropped")
    table = dropped.to_table(columns=["row_id", "evidence"], filter=pc.field("rule") == threshold.rule)
    found = {row["row_id"]: threshold.of(json.loads(row["evidence"])) for row in table.to_pylist()}
    return {row_id: score for row_id, score in found.items() if score is not None}


def _said(rows: Judged, judgement: str = "rightly dropped") -> str:
    """How many rows, and with what share dropping is right."""
    if not rows:
        return "0 marked rows"
    share = fmean(right for _, right in rows)
    low, high = wilson(share, len(rows))
    return f"{len(rows):,} marked rows, {share:.0%} {judgement} ({low:.0%} to {high:.0%})"


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
