"""Which of the rows with one text stays."""

import pyarrow as pa
import pytest

from pipeline.deduplicate.exact_duplicates import TEXTS, exact_duplicates, text_hashes
from pipeline.rows.text_hash import text_hash

PREFERRED = {
    "an evaluation row to an earlier one": ({"rank": 0}, {"rank": 1, "chars": 99, "row_id": "a"}),
    "an earlier row to a new one": ({"rank": 1}, {"rank": 2, "chars": 99, "row_id": "a"}),
    "the longer row": ({"chars": 11, "repaired": 3}, {"chars": 10, "row_id": "a"}),
    "the row with fewer repairs": ({"repaired": 1}, {"repaired": 2, "row_id": "a"}),
    "the smaller row_id": ({"row_id": "m"}, {"row_id": "n"}),
}
"""Two rows that are otherwise alike; the first of them stays."""


def table(*rows: dict[str, object]) -> pa.Table:
    """Rows of TEXTS; what a row leaves out is the same in all."""
    common = {"text": b"one text, hashed", "rank": 2, "chars": 10, "repaired": 0, "row_id": "m"}
    return pa.Table.from_pylist([{**common, "ordinal": i, **row} for i, row in enumerate(rows)], schema=TEXTS)


@pytest.mark.parametrize(("better", "worse"), PREFERRED.values(), ids=PREFERRED.keys())
def test_the_better_row_stays_for_the_other(better: dict[str, object], worse: dict[str, object]) -> None:
    for rows, goes in (((better, worse), 1), ((worse, better), 0)):
        matched = str(better.get("row_id", "m"))
        expected = {"ordinal": goes, "matched_ordinal": 1 - goes, "matched": matched}
        assert exact_duplicates(table(*rows)).to_pylist() == [expected]


def test_rows_are_grouped_by_all_16_bytes_of_their_text() -> None:
    texts = (b"one half........", b"one halfxxxxxxxx", b"another.........", b"one half........")
    rows: list[dict[str, object]] = [{"text": text, "row_id": f"r{i}"} for i, text in enumerate(texts)]
    assert exact_duplicates(table(*rows)).to_pylist() == [{"ordinal": 3, "matched_ordinal": 0, "matched": "r0"}]


def test_every_duplicate_names_the_best_row_of_its_own_text() -> None:
    texts = ("a", "b", "a", "c", "a", "b")
    rows: list[dict[str, object]] = [{"text": text.encode() * 16, "row_id": f"r{i}"} for i, text in enumerate(texts)]
    found = exact_duplicates(table(*rows)).sort_by("ordinal").to_pylist()
    assert [(f["ordinal"], f["matched_ordinal"], f["matched"]) for f in found] == [
        (2, 0, "r0"),
        (4, 0, "r0"),
        (5, 1, "r1"),
    ]


def test_of_no_rows_none_are_duplicates() -> None:
    assert exact_duplicates(TEXTS.empty_table()).num_rows == 0


def test_a_row_without_text_hash_is_hashed_as_one_with_it() -> None:
    messages = [{"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": "There."}]
    known = text_hash([("user", "where is it"), ("assistant", "there")])
    raw = text_hashes(pa.table({"messages": [messages]}))
    assert raw == text_hashes(pa.table({"text_hash": [known]}))
    assert raw != text_hashes(pa.table({"text_hash": ["0" * 32]}))
    both = pa.table({"text_hash": ["0" * 32], "messages": [messages]})
    assert text_hashes(both) == text_hashes(pa.table({"text_hash": ["0" * 32]})), "what is known is not hashed again"
