"""Recall and precision of the detection of personal data, by type: one JSON line each.

    python benchmarks/pii_quality.py [pii_spans.json]

A gold span is found when a predicted span of its type overlaps it by more than half of their union.
Predictions of a type are counted against gold spans of the same type only, in all sentences.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from pipeline.text.pii import find_pii

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


def main() -> None:
    shared = Path(os.environ.get("PARLANCE_SHARED_DATA", "../shared/data"))
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else shared / "labelled" / "pii_spans.json"
    rows = json.loads(path.read_text(encoding="utf-8"))
    started = time.perf_counter()
    measured = measure(rows)
    rate = len(rows) / (time.perf_counter() - started)
    for kind, values in measured.items():
        print(json.dumps({"type": kind, **values}))
    print(json.dumps({"texts": len(rows), "texts_per_second": round(rate)}))


if __name__ == "__main__":
    main()
