"""Which of the rows with one text stays."""

import pyarrow as pa
import pytest

from pipeline.deduplicate.exact_duplicates import TEXTS, exact_duplicates


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [5, 3, 1, 4, 2, 0]])
def test_of_equal_texts_the_best_row_stays(order: list[int]) -> None:
    rows = [
        ("a", 2, 10, 0, "z", 0),
        ("a", 2, 10, 0, "y", 1),
        ("a", 2, 10, 1, "x", 2),
        ("b", 2, 99, 0, "w", 3),
        ("b", 1, 10, 5, "v", 4),
        ("c", 2, 10, 0, "u", 5),
    ]
    columns = [[text.encode() * 16 for text, *_ in rows], *(list(c) for c in zip(*(r[1:] for r in rows), strict=True))]
    found = exact_duplicates(pa.table(columns, schema=TEXTS).take(order)).sort_by("ordinal").to_pylist()
    assert [(f["ordinal"], f["matched"]) for f in found] == [(0, "y"), (2, "y"), (3, "v")]


def test_of_no_rows_none_are_duplicates() -> None:
    assert exact_duplicates(TEXTS.empty_table()).num_rows == 0
