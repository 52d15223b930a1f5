"""The measures of drift: what is compared of two corpora, and what is told of it.

The classifiers of `topics` and `embedding` learn on one half of the conversations, chosen by a hash, and only the other
half is compared: what a classifier has seen it knows better. The topics are those of the old corpus, for both.
"""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from configs.drift import Drift, Measure
from pipeline.audit.severity import adjusted
from pipeline.drift.classifier import Ridge
from pipeline.drift.corpus import ROW, UNKNOWN, Corpus
from pipeline.drift.distances import of_classes, of_numbers, of_sets
from pipeline.drift.resampling import Moved, Sides, Statistic, moved
from pipeline.drift.words import held, is_shown

LEAST_ROWS = 50
"""Conversations of either side below which nothing is compared."""
BOTH = 2
"""Stands for the side of a row that both corpora hold."""
SHOWN = 8
QUANTILES = (0.1, 0.5, 0.9)

Shift = dict[str, Any]
"""{name, then, now}: a class and its shares, or a quantile of a number."""


class Measured(NamedTuple):
    """A measure, ready to be tested. shifts: what moved most, the first first; kind: what its figures are."""

    measure: Measure
    sides: Sides
    statistic: Statistic
    shifts: list[Shift]
    kind: str


def compare(now: Corpus, then: Corpus, settings: Drift, seed: int = 0) -> list[dict[str, Any]]:
    """A row for each measure: {measure, distance, effect, low, high, p, q, limit, severity, message, kind, shifts
    [{name, then, now}], rows {then, now}}.

    severity: warning where the effect's interval lies beyond the limit, info where only the effect does; null where it
    is below, or chance explains it at a false discovery rate of settings.false_alarms over all measures.
    """
    measured = [one for one in _measures(now, then) if _enough(one.sides)]
    found = [moved(one.statistic, one.sides, settings.resamples, seed + at) for at, one in enumerate(measured)]
    rows = zip(measured, found, adjusted([one.p for one in found]), strict=True)
    return [_row(one, of, q, settings) for one, of, q in rows]


def findings(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that are findings, as those of an audit, the worst first."""
    found = [
        {
            "severity": row["severity"],
            "kind": "drift",
            "subject": row["measure"].replace("_", " "),
            "value": row["effect"],
            "threshold": row["limit"],
            "message": row["message"],
            "low": row["low"],
            "high": row["high"],
            "q": row["q"],
            "remedy": REMEDY,
        }
        for row in rows
        if row["severity"]
    ]
    return sorted(found, key=lambda f: (f["severity"] != "warning", -f["value"] / max(f["threshold"], 1e-9)))


REMEDY = (
    "look at what is new in the sources; where it is meant, train on it, else take the source out or cap what grew "
    "(balance.caps)"
)


def _measures(now: Corpus, then: Corpus) -> Iterator[Measured]:
    kept = pa.concat_tables([then.kept, now.kept])
    sides = _sides(then.kept, now.kept)
    if then.topic_N is not None and len(then.topic_N):
        yield from _by_vectors(now, then, sides)
    yield _of_classes("languages", kept["language"].fill_null(UNKNOWN).to_pylist(), sides)
    yield _of_classes("sources", kept["source"].to_pylist(), sides)
    messages = kept["messages"].to_pylist()
    for name, number in NUMBERS.items():
        yield _of_numbers(name, np.array([number(turns) for turns in messages], float), sides)
    yield _of_words(messages, sides)
    scored = pa.concat_tables([then.scored, now.scored])
    offensive = np.where(scored["offensive"].fill_null(0.0).to_numpy() >= OFFENSIVE, "offensive", "not")
    yield _of_classes("offensive", offensive.tolist(), _sides(then.scored, now.scored), ["offensive"])


OFFENSIVE = 0.8
"""The score from which on a conversation is offensive, whatever clean.rules.max_offensive was for either corpus."""


def _chars(role: str) -> Callable[[list[dict[str, str]]], int]:
    return lambda turns: sum(len(turn["content"]) for turn in turns if turn["role"] == role)


NUMBERS: dict[Measure, Callable[[list[dict[str, str]]], int]] = {
    "prompt_length": _chars("user"),
    "reply_length": _chars("assistant"),
    "turns": len,
}
"""Characters, characters, and turns of a conversation."""


def _by_vectors(now: Corpus, then: Corpus, sides: Sides) -> Iterator[Measured]:
    """Topics, and whether the sides can be told apart at all, on the half that is not learned from."""
    vectors_ND = np.concatenate([then.vectors_ND, now.vectors_ND])
    learn_N = _learned(pa.concat_tables([then.kept, now.kept]))
    held_out = Sides(sides.unit_N[~learn_N], sides.new_N[~learn_N])
    topics, topic_N = np.unique(np.asarray(then.topic_N, str), return_inverse=True)
    of_then = learn_N[: len(topic_N)]
    if not all(_enough(Sides(sides.unit_N[half], sides.new_N[half])) for half in (learn_N, ~learn_N)):
        return
    known = np.unique(topic_N[of_then])
    learned = Ridge(then.vectors_ND[of_then], np.searchsorted(known, topic_N[of_then]), len(known))
    said = topics[known][learned.classes(vectors_ND[~learn_N])]
    yield _of_classes("topics", said.tolist(), held_out)
    apart = Ridge(vectors_ND[learn_N], sides.new_N[learn_N].astype(int), 2)
    score_N = apart.scores(vectors_ND[~learn_N])[:, 1]
    yield Measured("embedding", held_out, of_numbers(score_N), [], "score")


def _sides(then: pa.Table, now: pa.Table) -> Sides:
    """Rows of one conversation are one unit. Those that both corpora hold, by row_id, are one unit of both; a
    conversation's name alone says nothing, since two exports may both count from 1."""
    common = set(then["row_id"].to_pylist()) & set(now["row_id"].to_pylist())
    number: dict[tuple[str, str, int], int] = {}
    units = []
    for side, table in enumerate((then, now)):
        for row_id, source, name in zip(*(table[column].to_pylist() for column in ROW), strict=True):
            key = (source, name, BOTH if row_id in common else side)
            units.append(number.setdefault(key, len(number)))
    return Sides(np.array(units, np.int64), np.arange(len(units)) >= then.num_rows)


def _learned(kept: pa.Table) -> np.ndarray:
    """Whether each row is in the half that classifiers learn from; all rows of a conversation are in one half."""
    names = kept["conversation_id"].to_pylist()
    return np.array([blake2b(name.encode(), digest_size=1).digest()[0] < 128 for name in names], bool)


def _enough(sides: Sides) -> bool:
    return min(int(sides.new_N.sum()), int((~sides.new_N).sum())) >= LEAST_ROWS


def _of_classes(measure: Measure, names: list[str], sides: Sides, told: list[str] | None = None) -> Measured:
    classes, class_N = np.unique(np.array(names, str), return_inverse=True)
    shares = [np.bincount(class_N[sides.new_N == side], minlength=len(classes)) for side in (False, True)]
    then_C, now_C = (counts / max(counts.sum(), 1) for counts in shares)
    order = np.argsort(-np.abs(now_C - then_C), kind="stable")
    shifts = [_shift(str(classes[c]), then_C[c], now_C[c]) for c in order if told is None or classes[c] in told]
    return Measured(measure, sides, of_classes(class_N, len(classes)), shifts, "share")


def _of_numbers(measure: Measure, value_N: np.ndarray, sides: Sides) -> Measured:
    then, now = (np.quantile(value_N[sides.new_N == side], QUANTILES) for side in (False, True))
    names = [f"{quantile:.0%} are below" for quantile in QUANTILES]
    shifts = [_shift(name, a, b, 1) for name, a, b in zip(names, then, now, strict=True)]
    return Measured(measure, sides, of_numbers(value_N), shifts, "number")


def _of_words(messages: list[list[dict[str, str]]], sides: Sides) -> Measured:
    held_NV, vocabulary = held(messages)
    counts_2V = np.stack([np.asarray(held_NV[sides.new_N == side].sum(axis=0)).ravel() for side in (False, True)])
    then_V, now_V = counts_2V / np.maximum(np.array([[(~sides.new_N).sum()], [sides.new_N.sum()]]), 1)
    error_V = np.sqrt(np.maximum(then_V * (1 - then_V), 1e-6) + np.maximum(now_V * (1 - now_V), 1e-6))
    order = np.argsort(-np.abs(now_V - then_V) / error_V, kind="stable")
    shown = (v for v in order if is_shown(vocabulary[v], counts_2V[:, v].sum()))
    shifts = [_shift(vocabulary[v], then_V[v], now_V[v]) for v, _ in zip(shown, range(SHOWN), strict=False)]
    return Measured("vocabulary", sides, of_sets(held_NV), shifts, "share")


def _shift(name: str, then: float, now: float, digits: int = 4) -> Shift:
    return {"name": name, "then": round(float(then), digits), "now": round(float(now), digits)}


def _row(one: Measured, of: Moved, q: float, settings: Drift) -> dict[str, Any]:
    limit = settings.limit(one.measure)
    notable = q <= settings.false_alarms and of.effect >= limit
    severity = ("warning" if of.low >= limit else "info") if notable else None
    figures = {name: round(getattr(of, name), 4) for name in ("distance", "effect", "low", "high")}
    return {
        "measure": one.measure,
        **figures,
        "p": float(f"{of.p:.3g}"),
        "q": float(f"{q:.3g}"),
        "limit": limit,
        "severity": severity,
        "message": _message(one, of),
        "kind": one.kind,
        "shifts": one.shifts,
        "rows": {"then": int((~one.sides.new_N).sum()), "now": int(one.sides.new_N.sum())},
    }


WHAT: dict[Measure, str] = {
    "topics": "of the conversations would have to change their topic",
    "languages": "of the conversations would have to change their language",
    "sources": "of the conversations would have to come from another source",
    "prompt_length": "of the conversations, at least, would need longer or shorter prompts (characters)",
    "reply_length": "of the conversations, at least, would need longer or shorter replies (characters)",
    "turns": "of the conversations, at least, would need more or fewer turns",
    "vocabulary": "of the words would have to be others; conversations with a word",
    "offensive": "of the conversations would have to become offensive, or cease to be",
    "embedding": "of the conversations, at least, would have to be others for a classifier to see no difference",
}


def _message(one: Measured, of: Moved) -> str:
    words = ", ".join(_moved_words(shift, one.kind) for shift in one.shifts[:3])
    share = f"{of.effect:.1%} (between {of.low:.1%} and {of.high:.1%})"
    return f"{share} {WHAT[one.measure]}" + (f": {words}" if words else "")


def _moved_words(shift: Shift, kind: str) -> str:
    if kind == "share":
        return f"{shift['name']} {shift['then']:.1%} → {shift['now']:.1%}"
    return f"{shift['name']} {shift['then']:,.0f} → {shift['now']:,.0f}"
