"""What becomes of each row of a range, as far as it is known: the rule that drops it, or its cluster.

What a duplicate is has been decided before: by exact_duplicates.py and near_duplicates.py.
"""

import json

import pyarrow as pa

from pipeline.deduplicate.overlaps import HELD_OUT
from pipeline.deduplicate.representatives import CLUSTERED
from pipeline.rows.ranges import Range, Ranges
from pipeline.spark.blocks import Received

EXACT_MATCHES = pa.schema({"ordinal": pa.int64(), "matched_ordinal": pa.int64(), "matched": pa.string()})
SPLITS = pa.schema({"ordinal": pa.int64(), "split": pa.string()})

EXACT_RULES = {"new": "exact_duplicate", "earlier": "earlier_exact_duplicate", "evaluation": "overlaps_evaluation"}
NEAR_RULES = {"new": "near_duplicate", "earlier": "earlier_near_duplicate", "evaluation": "overlaps_evaluation"}


class RowDecisions:
    """By place in the range: rules and evidence (null for a row that stays), clusters (null for a row alone), shared.

    shared: whether several rows of the row's cluster stay.
    """

    def __init__(self, ranges: Ranges, part: Range, rows: pa.Table, received: Received) -> None:
        self._ranges, self._first = ranges, part.first
        self.evidence: list[str | None] = rows["overlap"].to_pylist()
        self.rules: list[str | None] = [e and "overlaps_evaluation" for e in self.evidence]
        self.clusters: list[str | None] = [None] * part.rows
        self.shared = [False] * part.rows
        for row in received.table("exact", EXACT_MATCHES).to_pylist():
            self._drop(row, EXACT_RULES, {})
        for row in received.table("clustered", CLUSTERED).to_pylist():
            place = row["ordinal"] - part.first
            self.clusters[place], self.shared[place] = row["cluster"], row["shared"]
            if row["matched"] is not None:
                self._drop(row, NEAR_RULES, {"jaccard": row["jaccard"]})

    def _drop(self, row: dict[str, object], rules: dict[str, str], more: dict[str, object]) -> None:
        place, matched = row["ordinal"] - self._first, row["matched_ordinal"]  # type: ignore[operator]
        if self.rules[place] is not None:
            return
        corpus = self._ranges.corpus(matched)  # type: ignore[arg-type]
        where = {"earlier": {"corpus": corpus.name}, "evaluation": {"evaluation_set": corpus.name}}.get(corpus.kind, {})
        self.rules[place] = rules[corpus.kind]
        self.evidence[place] = json.dumps({"matched": row["matched"], **where, **more}, ensure_ascii=False)

    def splits(self, splits: pa.Table) -> list[str | None]:
        """The split of each row that has one, from SPLITS."""
        of_rows: list[str | None] = [None] * len(self.rules)
        for ordinal, split in zip(*(splits[name].to_pylist() for name in SPLITS.names), strict=True):
            of_rows[ordinal - self._first] = split
        return of_rows

    def add_overlaps(self, overlaps: pa.Table) -> None:
        """Drops the rows of OVERLAPS, each for the first that it overlaps."""
        order = [("ordinal", "ascending"), ("split", "descending"), ("matched", "descending")]
        for row in overlaps.sort_by(order).to_pylist():
            place = row["ordinal"] - self._first
            self.rules[place] = f"overlaps_{HELD_OUT[row['split']]}"
            self.evidence[place] = json.dumps({"matched": row["matched"]})
