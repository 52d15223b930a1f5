"""What becomes of the rows of a range, and the evidence that is kept of it."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.deduplicate.overlaps import HELD_OUT, OVERLAPS
from pipeline.deduplicate.representatives import CLUSTERED
from pipeline.deduplicate.row_decisions import EXACT_MATCHES, SPLITS, RowDecisions
from pipeline.rows.ranges import Corpus, Ranges
from pipeline.spark.blocks import Received, block

NEW, EARLIER, EVALUATION = range(6), 6, 7
"""Ordinals: six new rows in two ranges of three, an earlier row, an evaluation row."""


@pytest.fixture
def ranges(tmp_path: Path) -> Ranges:
    corpora = []
    for name, kind, rows in (("this run", "new", 6), ("last week", "earlier", 1), ("trivia", "evaluation", 1)):
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({"row_id": [f"{kind}{i}" for i in range(rows)]}), tmp_path / name / "rows.parquet")
        corpora.append(Corpus(name, kind, tmp_path / name))  # type: ignore[arg-type]
    found = Ranges(corpora, most=3, joined=3)
    assert [found.corpus(i).kind for i in (*NEW, EARLIER, EVALUATION)] == ["new"] * 6 + ["earlier", "evaluation"]
    return found


def decisions(
    ranges: Ranges,
    exact: list[dict[str, Any]] | None = None,
    clustered: list[dict[str, Any]] | None = None,
    overlap: list[str | None] | None = None,
) -> RowDecisions:
    """Of the second range, ordinals 3 to 5."""
    tables = {"exact": (exact, EXACT_MATCHES), "clustered": (clustered, CLUSTERED)}
    blocks = [block(kind, pa.Table.from_pylist(rows, schema), 1) for kind, (rows, schema) in tables.items() if rows]
    features = pa.table({"overlap": pa.array(overlap or [None] * 3, pa.string())})
    return RowDecisions(ranges, ranges.all[1], features, Received(iter(blocks)))


def exact(ordinal: int, matched_ordinal: int) -> dict[str, Any]:
    return {"ordinal": ordinal, "matched_ordinal": matched_ordinal, "matched": f"row{matched_ordinal}"}


def near(ordinal: int, matched_ordinal: int | None, shared: bool = False) -> dict[str, Any]:
    matched = None if matched_ordinal is None else f"row{matched_ordinal}"
    jaccard = None if matched_ordinal is None else 0.9
    return {"ordinal": ordinal, "cluster": "c", "shared": shared, "matched_ordinal": matched_ordinal} | {
        "matched": matched,
        "jaccard": jaccard,
    }


@pytest.mark.parametrize(
    ("matched", "rule", "where"),
    [
        (0, "exact_duplicate", {}),
        (EARLIER, "earlier_exact_duplicate", {"corpus": "last week"}),
        (EVALUATION, "overlaps_evaluation", {"evaluation_set": "trivia"}),
    ],
)
def test_an_exact_duplicate_goes_for_the_row_it_equals(
    ranges: Ranges, matched: int, rule: str, where: dict[str, str]
) -> None:
    found = decisions(ranges, exact=[exact(4, matched)])
    assert found.rules == [None, rule, None]
    assert json.loads(found.evidence[1] or "") == {"matched": f"row{matched}", **where}
    assert found.evidence[0] is None


@pytest.mark.parametrize(
    ("matched", "rule", "where"),
    [
        (0, "near_duplicate", {}),
        (EARLIER, "earlier_near_duplicate", {"corpus": "last week"}),
        (EVALUATION, "overlaps_evaluation", {"evaluation_set": "trivia"}),
    ],
)
def test_a_near_duplicate_goes_with_its_similarity(
    ranges: Ranges, matched: int, rule: str, where: dict[str, str]
) -> None:
    found = decisions(ranges, clustered=[near(5, matched, shared=True), near(3, None)])
    assert found.rules == [None, None, rule]
    assert json.loads(found.evidence[2] or "") == {"matched": f"row{matched}", **where, "jaccard": 0.9}
    assert found.clusters == ["c", None, "c"]
    assert found.shared == [False, False, True]


def test_the_first_rule_that_drops_a_row_is_the_one_told(ranges: Ranges) -> None:
    found = decisions(ranges, [exact(4, 0)], [near(4, 1)], overlap=["seen", None, None])
    assert found.rules == ["overlaps_evaluation", "exact_duplicate", None]
    assert found.evidence[0] == "seen"
    assert json.loads(found.evidence[1] or "") == {"matched": "row0"}


def test_a_row_keeps_its_split_or_goes_for_the_first_held_out_row_that_it_overlaps(ranges: Ranges) -> None:
    found = decisions(ranges)
    splits = [{"ordinal": 3, "split": "train"}, {"ordinal": 5, "split": "train"}]
    assert found.splits(pa.Table.from_pylist(splits, SPLITS)) == ["train", None, "train"]
    overlaps = [
        {"ordinal": 5, "split": HELD_OUT.index(split), "matched": matched}
        for split, matched in (("validation", "row0"), ("test", "row2"), ("test", "row1"))
    ]
    found.add_overlaps(pa.Table.from_pylist(overlaps, OVERLAPS))
    assert found.rules == [None, None, "overlaps_test"]
    assert [e and json.loads(e) for e in found.evidence] == [None, None, {"matched": "row1"}]
