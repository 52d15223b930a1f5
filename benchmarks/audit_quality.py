"""How well the audit finds biases that are known, and how often it finds what is not there: JSON lines.

    python -m benchmarks.audit_quality [shuffles]

First each case of benchmarks/audit_corpora.py at several strengths, RUNS corpora each: `planted`, the bias as Cohen's h
between the shares of the group's and of the others' places that are of the biased kind, how often a finding of severity
warning or worse, or critical, names the bias, and the mean effect that it states. A case without a bias must have none.
Then shuffles of all cases in turn: how many have any critical, or any warning, on groups.

Conversations are scored by the functions that annotate runs; their topic is the generator's own.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.arguments import argument
from benchmarks.audit_corpora import CASES, Case, Row, corpus, planted_effect
from configs.audit import Findings
from pipeline.audit.annotation import Annotator
from pipeline.audit.audit import distributions, of_groups
from pipeline.audit.findings import findings
from pipeline.contract.artifact import Artifact
from pipeline.rows.schema import MESSAGES
from pipeline.sentiment.training_data import DEFAULT

MODEL = DEFAULT.parent
STRENGTHS = (1.0, 0.6, 0.3, 0.15)
RUNS = 10
SHUFFLES = 50
NOT_OF_GROUPS = ("topic over-represented", "topic under-represented", "source dominance", "language mix", "length bias")


def main() -> None:
    shuffles = argument(__doc__, "shuffles", int, SHUFFLES, "shuffled corpora")
    for case in CASES:
        for strength in STRENGTHS if case.dealt else (0.0,):
            print(json.dumps(detected(case, strength)), flush=True)
    print(json.dumps(chance(shuffles or 0)), flush=True)


def detected(case: Case, strength: float) -> dict[str, Any]:
    """How often the bias of a case is found at a strength."""
    kinds, subject = case.expected
    named, worst, effects = 0, 0, []
    for seed in range(RUNS):
        audit = audited(corpus(case, strength, seed))
        found = [f for f in audit["findings"] if f["kind"] not in NOT_OF_GROUPS]
        told = [f for f in found if f["kind"] in kinds and f["subject"] == subject] if case.dealt else found
        named += any(f["severity"] != "info" for f in told)
        worst += any(f["severity"] == "critical" for f in told)
        effects += [max((abs(f["effect"]) for f in told if f["effect"] is not None), default=0.0)]
    planted = {"planted": round(planted_effect(case, strength), 2)} if case.dealt else {}
    shown = planted | {
        "effect": round(sum(effects) / RUNS, 2),
        "warning_or_worse": named / RUNS,
        "critical": worst / RUNS,
    }
    return {"case": case.name, "strength": strength, "rows": sum(n for _, n in case.people) + case.background} | shown


def chance(shuffles: int) -> dict[str, Any]:
    """Of shuffled corpora: those with any critical, and with any warning, on groups."""
    critical, warning, kinds = 0, 0, []
    for number in range(shuffles):
        case = CASES[number % len(CASES)]
        audit = audited(corpus(case, 0.0, 1000 + number))
        found = [f for f in audit["findings"] if f["kind"] not in NOT_OF_GROUPS]
        critical += any(f["severity"] == "critical" for f in found)
        warning += any(f["severity"] == "warning" for f in found)
        kinds += [f"{f['severity']} {f['kind']} {f['subject']} {f['effect']}" for f in found if f["severity"] != "info"]
    return {"shuffles": shuffles, "with_critical": critical, "with_warning": warning, "told": kinds}


def audited(rows: list[Row], limits: Findings | None = None) -> dict[str, Any]:
    """audit.json of conversations of two turns."""
    conversations = pa.record_batch(
        {
            "row_id": [f"{number * 2654435761 % 2**32:08x}{number:024x}" for number in range(len(rows))],
            "source": ["generated"] * len(rows),
            "split": ["train"] * len(rows),
            "language": ["en"] * len(rows),
            "messages": pa.array([turns(said, reply) for said, reply, _ in rows], MESSAGES),
        }
    )
    return audit_of(conversations, [topic for *_, topic in rows], limits or Findings())


def turns(said: str, reply: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": said}, {"role": "assistant", "content": reply}]


def audit_of(conversations: pa.RecordBatch, topics: list[str], limits: Findings) -> dict[str, Any]:
    """audit.json of conversations whose topics are known."""
    topic_of = dict(zip(conversations["row_id"].to_pylist(), topics, strict=True))
    with TemporaryDirectory() as folder:
        annotated = Annotator(MODEL, {}, others=1)(conversations)
        for name, batch in zip(("data", "mentions", "others"), annotated, strict=True):
            table = pa.Table.from_batches([batch])
            table = table.append_column("topic", pa.array([topic_of[row] for row in table["row_id"].to_pylist()]))
            key = "row_id" if name == "data" else "statement"
            (Path(folder) / name).mkdir()
            pq.write_table(table.sort_by(key), Path(folder) / name / "part-00000.parquet")
        source = Artifact(Path(folder))
        counted = distributions(source, sorted(set(topics)), lambda _: None)
        counted |= of_groups(source, counted["mentions"], limits)
    counted["findings"] = findings(counted, limits)
    return counted


if __name__ == "__main__":
    main()
