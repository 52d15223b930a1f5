"""Recall and precision of the detection of personal data, by type, and what it finds in real conversations.

    python benchmarks/pii_quality.py [pii_spans.json]

One JSON line a type on labelled sentences, on which the patterns were tuned; then, as a measure on text
that they were not tuned on, one line a corpus and type: findings per 10,000 real conversations, in repaired
text, with a few in their context, for a reader to judge: what is no personal data at all is a false positive,
and so, strictly, are published hotlines and invented numbers.

A gold span is found when a predicted span of its type overlaps it by more than half of their union.
Predictions of a type are counted against gold spans of the same type only, in all sentences.
"""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.arguments import argument, shared_data
from benchmarks.corpus import sources
from configs.acquire import Source
from configs.clean import Text
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.packages import package_files
from pipeline.acquire.reading_plan import plan
from pipeline.acquire.shapes.detect import conversation_of
from pipeline.acquire.units import records
from pipeline.clean.privacy.pii import FINDERS, find_pii
from pipeline.clean.repair.repair import Repair
from pipeline.clean.scores.conversations import Turns

EXAMPLES, CONTEXT, MOST_ROWS = 3, 30, 4_000

GOLD = {
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "CREDIT_CARD": "CREDIT_CARD",
    "IBAN_CODE": "IBAN",
    "IP_ADDRESS": "IP",
    "US_SSN": "SSN",
}
"""The labelled set's names for our types; it labels no secrets."""


def measure(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Type to {gold, predicted, found, recall, precision}."""
    counts = {kind: {"gold": 0, "predicted": 0, "found": 0} for kind in GOLD.values()}
    for row in rows:
        predicted = find_pii(row["full_text"], tuple(counts))
        gold = [(s["start_position"], s["end_position"], GOLD.get(s["entity_type"])) for s in row["spans"]]
        for _, _, kind in predicted:
            counts[kind]["predicted"] += 1
        for span in gold:
            if span[2]:
                counts[span[2]]["gold"] += 1
                counts[span[2]]["found"] += any(_overlap(span, other) > 0.5 for other in predicted)
    return {
        kind: {
            **c,
            "recall": round(c["found"] / max(c["gold"], 1), 4),
            "precision": round(c["found"] / max(c["predicted"], 1), 4),
        }
        for kind, c in counts.items()
    }


def _overlap(a: tuple[int, int, str | None], b: tuple[int, int, str]) -> float:
    """Intersection over union of two spans; 0 when their types differ."""
    if a[2] != b[2]:
        return 0.0
    return max(0, min(a[1], b[1]) - max(a[0], b[0])) / (max(a[1], b[1]) - min(a[0], b[0]))


def findings(conversations: Iterable[Turns]) -> Iterator[dict[str, Any]]:
    """Per type: {type, conversations, findings, per_10000, examples}. An example has CONTEXT characters either side."""
    repair, rows = Repair(Text()), 0
    found: dict[str, list[str]] = {}
    for turns in conversations:
        rows += 1
        for _, content in turns:
            text, _ = repair(content)
            for start, end, kind in find_pii(text, tuple(FINDERS)):
                context = f"{text[max(0, start - CONTEXT) : start]}[{text[start:end]}]{text[end : end + CONTEXT]}"
                found.setdefault(kind, []).append(" ".join(context.split()))
    for kind, examples in sorted(found.items()):
        shown = Random(20).sample(examples, min(EXAMPLES, len(examples)))
        per = round(10_000 * len(examples) / rows, 1)
        yield {"type": kind, "conversations": rows, "findings": len(examples), "per_10000": per, "examples": shown}


def conversations_of(source: Source) -> Iterator[Turns]:
    """The first MOST_ROWS conversations of a source."""
    path = Path(source.path) if source.path else None
    files = [(path.name, path)] if path else package_files(str(source.package))
    every = ((unit, record) for unit in plan(source, files).units if unit.layout for _, record in records(unit))
    for unit, record in islice(every, MOST_ROWS):
        with suppress(Malformed):
            if isinstance(record, dict | list | str) and unit.layout:
                yield list(conversation_of(record, unit.layout).messages)


def main() -> None:
    shared = shared_data()
    path = argument(__doc__, "labelled", Path, shared / "labelled/pii_spans.json", "sentences with gold spans")
    assert path is not None
    rows = json.loads(path.read_text(encoding="utf-8"))
    started = time.perf_counter()
    measured = measure(rows)
    rate = len(rows) / (time.perf_counter() - started)
    for kind, values in measured.items():
        print(json.dumps({"type": kind, **values}))
    print(json.dumps({"texts": len(rows), "texts_per_second": round(rate)}))
    for source in sources():
        for line in findings(conversations_of(source)):
            print(json.dumps({"corpus": source.name.split(".")[0], **line}, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
