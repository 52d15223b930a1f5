"""The rows that a reviewer is shown: a few of each stratum, drawn so that whoever reviews the same data sees the same.

A stratum is a reason to look: a finding of the audit, a group that is mentioned, a rule of clean or deduplicate that
dropped rows or nearly did, or none (rows that were kept). Each of its rows is as likely as any other. Which are drawn
follows from the profile's seed, the stratum and the row's id, not from files, order or time.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.review import Sample as Sizes
from pipeline.contract.artifact import Artifact
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES, text_before
from pipeline.review.thresholds import thresholds
from pipeline.rows.splitmix import mix

Kind = Literal["finding", "rule", "near", "kept", "group"]

QUESTIONS: dict[Kind, str] = {
    "finding": "Is the row rightly counted for this finding?",
    "rule": "Was it right to drop the row for this reason?",
    "near": "Was it right to keep the row, though it comes near a rule's limit?",
    "kept": "Was it right to keep the row for training?",
    "group": "Does the row speak of people of this group?",
}
"""What a reviewer answers, in the order in which the strata are shown."""

LONGEST = 20_000
"""Characters of a conversation that are shown."""

QUIET = {"row_id", "source", "origin", "messages", "metadata", "conversation_id", "user_id", "text_hash", "pii"}
"""Columns of a row that are no scores, or shown elsewhere."""


@dataclass
class Stratum:
    """id: what marks name it by. rows: how many the stratum has. shown: how many of them lie in the sample."""

    id: str
    kind: Kind
    name: str
    question: str
    stage: str
    artifact: str
    rows: int = 0
    shown: int = 0


@dataclass
class Item:
    """A row, and why it is looked at. matched: the row that it was dropped for, where there is one."""

    stratum: str
    row: str
    why: str
    example: bool = False
    source: str = ""
    origin: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, str]] = field(default_factory=list)
    matched: list[dict[str, str]] = field(default_factory=list)
    scores: dict[str, Any] = field(default_factory=dict)


@dataclass
class Sample:
    """All strata, also those of which no row can be shown; items in the order of strata, the audit's examples first."""

    strata: list[Stratum]
    items: list[Item]


def draw(run: Run) -> Sample:
    """The sample of a run whose audit is made. Raises UserError while it is not.

    Rows without text that may be shown are left out: what was too long to be searched for personal data.
    """
    sizes, seed = run.profile.review.sample, run.profile.seed
    found = [*_of_kept(run, sizes, seed), *_of_near(run, sizes, seed), *_of_dropped(run, sizes, seed)]
    found.sort(key=lambda pair: list(QUESTIONS).index(pair[0].kind))
    items = [item for stratum, of in found for item in of]
    items = [item for item in items if item.messages]
    shown = Counter(item.stratum for item in items)
    for stratum, _ in found:
        stratum.shown = shown[stratum.id]
    return Sample([stratum for stratum, _ in found], items)


def _of_kept(run: Run, sizes: Sizes, seed: int) -> Iterator[tuple[Stratum, list[Item]]]:
    """The strata of the audit's rows: findings, groups, and all."""
    audit, annotate, kept = (run.artifact(name) for name in ("audit", "annotate", "deduplicate"))
    facts = audit.json("audit.json")
    chosen = [*_findings(audit, facts, sizes.finding, seed), *_groups(annotate, facts, sizes.group, seed)]
    chosen.append(_Drawn(_stratum("kept", "", "kept rows", kept), sizes.kept, seed, _every, "kept; no rule objected"))
    for batch in annotate.read().to_batches(columns=["row_id", "source", "topic", "language", "mentions"]):
        rows = _Batch(batch, seed)
        for drawn in chosen:
            drawn.add(rows)
    wanted = {row for drawn in chosen for row in drawn.row_ids()}
    texts, annotations = rows_of(kept, wanted), rows_of(annotate, wanted)
    for drawn in chosen:
        if drawn.stratum.rows or drawn.examples:
            yield drawn.stratum, [_item(drawn, row, texts, annotations.get(row, {})) for row in drawn.row_ids()]


def _of_near(run: Run, sizes: Sizes, seed: int) -> Iterator[tuple[Stratum, list[Item]]]:
    """The strata of kept rows whose score comes near the limit of a rule: where the limit might be drawn instead."""
    kept = run.artifact("deduplicate")
    columns = set(kept.read().schema.names)
    chosen = [
        _Drawn(
            _stratum("near", f"{limit.stage}/{limit.rule}", f"near the limit of {limit.stage}: {limit.rule}", kept),
            sizes.near,
            seed,
            _within(limit.column, *limit.band()),
            f"kept, with {limit.column.replace('_', ' ')} near {limit.key} {limit.value}",
        )
        for limit in thresholds(run.profile)
        if limit.value and limit.column in columns
    ]
    scores = sorted({limit.column for limit in thresholds(run.profile)} & columns)
    for batch in kept.read().to_batches(columns=["row_id", *scores]):
        rows = _Batch(batch, seed)
        for drawn in chosen:
            drawn.add(rows)
    texts = rows_of(kept, {row for drawn in chosen for row in drawn.row_ids()})
    for drawn in chosen:
        if drawn.stratum.rows:
            yield drawn.stratum, [_item(drawn, row, texts, {}) for row in drawn.row_ids()]


def _of_dropped(run: Run, sizes: Sizes, seed: int) -> Iterator[tuple[Stratum, list[Item]]]:
    """The strata of the rows that each rule dropped, of stages whose rows' text may be shown."""
    for name in (n for n in _above_review() if STAGES[n].resizes and text_before(n)):
        artifact = run.artifact(name)
        chosen = [
            _Drawn(_stratum("rule", rule, f"{name}: {rule}", artifact), sizes.rule, seed, _by("rule", rule), "")
            for rule in sorted(artifact.ledger.dropped)
        ]
        evidence: dict[str, str] = {}
        for batch in artifact.read("dropped").to_batches(columns=["row_id", "rule", "evidence"]) if chosen else ():
            rows = _Batch(batch, seed)
            for drawn in chosen:
                drawn.add(rows)
            drawn_now = {row for drawn in chosen for row in drawn.row_ids()}
            said = zip(batch["row_id"].to_pylist(), batch["evidence"].to_pylist(), strict=True)
            evidence |= {row: text for row, text in said if row in drawn_now}
        proofs = {row: json.loads(evidence[row] or "{}") for drawn in chosen for row in drawn.row_ids()}
        matched = {row: proof.get("matched") for row, proof in proofs.items()}
        texts = rows_of(run.artifact(text_before(name)), {*proofs, *filter(None, matched.values())})
        for drawn in chosen:
            items = [_item(drawn, row, texts, {}) for row in drawn.row_ids()]
            for item in items:
                item.why = _words(proofs[item.row])
                item.matched = _clipped(texts.get(matched[item.row] or "", {}).get("messages") or [])
            yield drawn.stratum, items


def _findings(audit: Artifact, facts: dict[str, Any], size: int, seed: int) -> list["_Drawn"]:
    """One stratum a finding, in the audit's order, the worst first."""
    found, names = [], Counter[str]()
    for finding in facts["findings"]:
        name = f"{finding['kind']}: {finding['subject']}"
        names[name] += 1
        if names[name] > 1:
            name = f"{name}, {names[name]}"
        why = " · ".join(filter(None, [finding["message"], finding.get("remedy")]))
        stratum = _stratum("finding", name, f"{finding['severity']} · {name}", audit)
        rows = finding.get("rows")
        drawn = _Drawn(stratum, size, seed, _of_finding(finding, facts), why, finding.get("examples") or [], rows)
        found.append(drawn)
    return found


def _groups(annotate: Artifact, facts: dict[str, Any], size: int, seed: int) -> Iterator["_Drawn"]:
    """One stratum a group that is mentioned."""
    for attribute, groups in facts["mentions"].items():
        for group, rows in groups.items():
            tag = f"{attribute}:{group}"
            if rows:
                yield _Drawn(_stratum("group", tag, tag, annotate), size, seed, _mentions([tag]), f"mentions {tag}")


class _Batch:
    """Columns of some rows, and a random number for each that follows from seed and row_id."""

    def __init__(self, batch: pa.RecordBatch, seed: int) -> None:
        self.batch = batch
        self.row_ids = batch["row_id"].to_pylist()
        self.numbers = np.array([_number(f"{seed}/{row}") for row in self.row_ids], np.uint64)

    def tagged(self, tags: Iterable[str]) -> np.ndarray:
        """[rows]: whether each mentions one of the tags."""
        lists = self.batch["mentions"]
        hit = pc.is_in(pc.list_flatten(lists), value_set=pa.array(list(tags), pa.string()))
        found = np.zeros(len(self.row_ids), bool)
        found[pc.list_parent_indices(lists).filter(hit).to_numpy()] = True
        return found


class _Drawn:
    """A stratum's rows with the smallest numbers, among all that it has seen.

    counted: how many rows the finding says that it is about. Where `belongs` finds another number, the finding means
    other rows than can be told from here, and only its examples are shown.
    """

    def __init__(
        self,
        stratum: Stratum,
        size: int,
        seed: int,
        belongs: Any,
        why: str,
        examples: Iterable[str] = (),
        counted: int | None = None,
    ) -> None:
        self.stratum, self.size, self.belongs, self.why = stratum, size, belongs, why
        self.examples, self.counted = list(examples), counted
        self.salt = np.uint64(_number(f"{seed}/{stratum.id}"))
        self.drawn: list[tuple[int, str]] = []

    def add(self, rows: _Batch) -> None:
        places = np.flatnonzero(self.belongs(rows))
        self.stratum.rows += len(places)
        numbers = mix(rows.numbers[places] ^ self.salt)
        if len(numbers) > self.size:
            smallest = np.argpartition(numbers, self.size)[: self.size]
            places, numbers = places[smallest], numbers[smallest]
        self.drawn += zip(numbers.tolist(), (rows.row_ids[place] for place in places), strict=True)
        self.drawn = sorted(self.drawn)[: self.size]

    def row_ids(self) -> list[str]:
        """Examples, then what was drawn."""
        others = self.counted is not None and self.counted != self.stratum.rows
        return list(dict.fromkeys([*self.examples, *([] if others else (row for _, row in self.drawn))]))

    def is_example(self, row: str) -> bool:
        """Whether the audit chose the row, and the draw did not."""
        return row in self.examples and row not in {drawn for _, drawn in self.drawn}


def _every(rows: _Batch) -> np.ndarray:
    return np.ones(len(rows.row_ids), bool)


def _none(rows: _Batch) -> np.ndarray:
    return np.zeros(len(rows.row_ids), bool)


def _by(column: str, value: str) -> Any:
    return lambda rows: pc.equal(rows.batch[column], value).fill_null(False).to_numpy(zero_copy_only=False)


def _within(column: str, low: float, high: float) -> Any:
    def within(rows: _Batch) -> np.ndarray:
        scores = rows.batch[column].to_numpy(zero_copy_only=False).astype(np.float64)
        return (scores >= low) & (scores <= high)

    return within


def _mentions(tags: list[str]) -> Any:
    return lambda rows: rows.tagged(tags)


def _of_finding(finding: dict[str, Any], facts: dict[str, Any]) -> Any:
    """The rows that a finding is about, by its subject: groups (rows that mention all), a topic, an attribute, a
    source, the languages beside the main one."""
    subject = finding["subject"]
    tags = [f"{attribute}:{group}" for attribute, groups in facts["mentions"].items() for group in groups]
    named = [tag for tag in tags if tag in subject.replace(" & ", "\n").replace(" × ", "\n").split("\n")]
    if "absent" in finding["kind"]:
        return _none
    if named:
        return lambda rows: np.logical_and.reduce([rows.tagged([tag]) for tag in named])
    if subject in facts["topics"] and "topic" in finding["kind"]:
        return _by("topic", subject)
    if subject in facts["mentions"]:
        return _mentions([tag for tag in tags if tag.startswith(f"{subject}:")])
    if subject in facts["by_source"]:
        return _by("source", subject)
    if finding["kind"] == "language mix":
        return lambda rows: ~_by("language", subject)(rows)
    return _none


def _stratum(kind: Kind, name: str, title: str, artifact: Artifact) -> Stratum:
    stage = artifact.manifest["stage"]
    path = [kind, stage, name] if kind == "rule" else [kind, name]
    return Stratum("/".join(filter(None, path)), kind, title, QUESTIONS[kind], stage, artifact.manifest["fingerprint"])


def _item(drawn: _Drawn, row: str, texts: dict[str, dict[str, Any]], more: dict[str, Any]) -> Item:
    text = texts.get(row, {})
    scores = {k: v for k, v in {**more, **text}.items() if k not in QUIET and v not in (None, [], "")}
    return Item(
        drawn.stratum.id,
        row,
        drawn.why,
        drawn.is_example(row),
        text.get("source") or "",
        text.get("origin") or {},
        _clipped(text.get("messages") or []),
        [],
        {name: round(value, 4) if isinstance(value, float) else value for name, value in sorted(scores.items())},
    )


def rows_of(artifact: Artifact, wanted: set[str]) -> dict[str, dict[str, Any]]:
    """row_id to row of data/, but for those that were too long to be searched for personal data."""
    data, chosen = artifact.read(), pc.field("row_id").isin(sorted(wanted))
    searched = artifact.manifest["config"].get("clean.rules.max_chars")
    if searched and "chars" in data.schema.names:
        chosen &= pc.field("chars") <= searched
    return {row["row_id"]: row for row in data.to_table(filter=chosen).to_pylist()} if wanted else {}


def _clipped(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """The first LONGEST characters, turn by turn."""
    left, shown = LONGEST, []
    for message in messages:
        text = message["content"] or ""
        shown.append({"role": message["role"], "content": text[:left] + (" …" if len(text) > left else "")})
        left -= len(text)
        if left <= 0:
            break
    if len(shown) < len(messages):
        shown.append({"role": "", "content": f"… and {len(messages) - len(shown):,} more turns"})
    return shown


def _words(evidence: dict[str, Any]) -> str:
    """Evidence as a person reads it, without what it has none of."""
    flat: dict[str, Any] = {}
    for name, value in evidence.items():
        flat |= value if isinstance(value, dict) else {name: value}
    told = {name.replace("_", " "): value for name, value in flat.items() if value not in (None, [])}
    return ", ".join(
        f"{name} {value if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)}"
        for name, value in told.items()
    )


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _above_review() -> list[str]:
    """The stages whose artifacts the review rests on, in order."""
    found, level = set[str](), ["review"]
    while level:
        level = [other for name in level for other in STAGES[name].inputs if other not in found]
        found.update(level)
    return [name for name in STAGES if name in found]
