"""The shared cases: which conversations the rules keep, in a corpus of English."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pytest

from configs.clean import Pii, Rules, Text
from pipeline.clean.repair.repair import Repair
from pipeline.clean.rules.rules import first_failures
from pipeline.clean.score_columns import with_scores
from pipeline.clean.scores.conversations import Preparation, score_conversations
from pipeline.rows.schema import CONVERSATIONS
from pipeline.rows.turns import turns_of

CASES = Path(os.environ.get("PARLANCE_SHARED_DATA", "../shared/data")).parent / "cases" / "rules.jsonl"


def test_every_shared_case_is_kept_or_dropped_as_it_says() -> None:
    if not CASES.is_file():
        pytest.skip(f"{CASES} is absent")
    cases = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
    rows = [
        {"row_id": str(n), "messages": [{"role": r, "content": c} for r, c in case["messages"]], "metadata": []}
        for n, case in enumerate(cases)
    ]
    batch, types = pa.RecordBatch.from_pylist(rows, CONVERSATIONS), Pii().types
    scored = score_conversations(turns_of(batch["messages"]), Preparation(Repair(Text()), types))
    failed = first_failures(pa.Table.from_batches([with_scores(batch, scored, types)]), Rules()).to_pylist()
    assert len(cases) >= 10
    wrong = [(case["why"], rule) for case, rule in zip(cases, failed, strict=True) if (rule is None) != case["keep"]]
    assert wrong == []
