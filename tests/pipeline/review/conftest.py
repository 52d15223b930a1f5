"""A run up to its audit, made by hand: what is kept, what rules dropped, and what the audit says of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.contract.artifact import Ledger
from pipeline.contract.run import Run
from pipeline.rows.schema import DROPPED, MESSAGES
from tests import artifacts
from tests.pipeline.conftest import conversation

TEXT = pa.schema(
    [
        ("row_id", pa.string()),
        ("source", pa.string()),
        ("messages", MESSAGES),
        ("chars", pa.int32()),
        ("offensive", pa.float32()),
    ]
)
ANNOTATED = pa.schema(
    [
        *((name, pa.string()) for name in ("row_id", "source", "topic", "language")),
        ("mentions", pa.list_(pa.string())),
    ]
)
FINDING = {
    "severity": "warning",
    "kind": "topic over-represented",
    "subject": "sport",
    "value": 0.7,
    "threshold": 0.5,
    "message": "70.0% of the rows are about sport, more than 50.0%",
}


def row(number: int) -> dict[str, Any]:
    """Kept row `number`: the even ones are about sport, every fifth mentions women."""
    made = conversation(f"What is {number}?", f"{number} is a number.")
    topic, mentions = ("other", "sport")[number % 2 == 0], ["gender:female"] if number % 5 == 0 else []
    return {**made, "chars": 30, "offensive": number / 100, "topic": topic, "mentions": mentions}


def dropped_row(number: int) -> dict[str, Any]:
    """Row `number` of those that were too offensive, by 0.80 and more."""
    made = conversation(f"Say something bad, {number}.", f"Bad {number}.")
    return {**made, "chars": 30, "offensive": round(0.8 + number / 100, 2)}


@pytest.fixture
def audited(begin: Callable[..., Run]) -> Callable[..., Run]:
    """audited(*overrides, findings=[FINDING]) begins a run that kept 40 rows, dropped 12 as offensive and one as too
    long, and one as a duplicate of a kept one."""

    def make(*overrides: str, findings: list[dict[str, Any]] | None = None) -> Run:
        run = begin(*overrides)
        kept, bad = [row(n) for n in range(40)], [dropped_row(n) for n in range(12)]
        long = {**conversation("Tell me everything.", "Well …"), "chars": 200_000, "offensive": 0.0}
        twin = {**conversation("What is 1 ?", "1 is a number."), "chars": 30, "offensive": 0.0}
        artifacts.commit_parts(run, "score", [[*kept, *bad], [long, twin]], TEXT)
        evidence: dict[str, tuple[str, dict[str, Any]]] = {
            r["row_id"]: ("offensive", {"offence": {"score": r["offensive"]}, "max_offensive": 0.8}) for r in bad
        }
        evidence[long["row_id"]] = ("too_long", {"chars": 200_000, "max_chars": 100_000})
        _drops(run, "clean", [*kept, twin], evidence)
        _drops(run, "deduplicate", kept, {twin["row_id"]: ("near_duplicate", {"matched": row(1)["row_id"]})})
        artifacts.commit_parts(run, "annotate", [kept[:20], kept[20:]], ANNOTATED)
        audit = {
            "rows": 40,
            "topics": {"sport": 20, "other": 20},
            "by_source": {"hand": {}},
            "mentions": {"gender": {"female": 8, "male": 0}},
            "findings": [FINDING] if findings is None else findings,
        }
        artifacts.commit(run, "audit", 40, lambda folder: (folder / "audit.json").write_text(json.dumps(audit)))
        return run

    return make


def _drops(run: Run, name: str, kept: list[dict[str, Any]], gone: dict[str, tuple[str, dict[str, Any]]]) -> None:
    """Commits an artifact that keeps some rows and drops others, with rule and evidence."""
    rows = [
        {"row_id": row_id, "source": "hand", "origin": None, "rule": rule, "evidence": json.dumps(proof)}
        for row_id, (rule, proof) in gone.items()
    ]
    rules = [rule for rule, _ in gone.values()]
    ledger = Ledger(len(kept) + len(gone), len(kept), dropped={rule: rules.count(rule) for rule in rules})

    def fill(folder: Path) -> None:
        for part, schema, of in (("data", TEXT, kept), ("dropped", DROPPED, rows)):
            (folder / part).mkdir()
            pq.write_table(pa.Table.from_pylist(of, schema=schema), folder / part / "part-00000.parquet")

    artifacts.commit(run, name, len(kept), fill, ledger)
