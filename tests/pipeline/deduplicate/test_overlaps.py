"""Which training rows share an exchange with a held-out row."""

import pyarrow as pa

from pipeline.deduplicate.overlaps import EXCHANGES, HELD_OUT, OVERLAPS, exchanges_of, overlaps

TEST, VALIDATION = map(HELD_OUT.index, ("test", "validation"))


def exchanges(*rows: tuple[int, int, int, str | None]) -> pa.Table:
    """(exchange, split, ordinal, row_id)."""
    return pa.Table.from_pylist([dict(zip(EXCHANGES.names, row, strict=True)) for row in rows], EXCHANGES)


def test_an_exchange_of_a_row_carries_its_split_and_the_name_of_a_held_out_row() -> None:
    marked = pa.array([[6 | 1, 8], [], [10 | 1, 12]], pa.list_(pa.int64()))
    rows = pa.table({"row_id": ["a", "b", "c"], "exchanges": marked})
    found = exchanges_of(rows, pa.array([10, 11, 12]), pa.chunked_array([["train", "test", "validation"]]))
    assert [tuple(row.values()) for row in found.to_pylist()] == [
        (6, -1, 10, None),
        (8, -1, 10, None),
        (10, VALIDATION, 12, "c"),
    ], "of a held-out row only what is substantial counts"


def test_a_training_row_overlaps_the_test_split_first_and_there_the_smallest_row_id() -> None:
    found = overlaps(
        exchanges(
            (5, -1, 0, None),
            (5, VALIDATION, 1, "a"),
            (5, TEST, 2, "c"),
            (5, TEST, 3, "b"),
            (6, -1, 4, None),
            (6, VALIDATION, 1, "a"),
            (9, -1, 6, None),
        )
    )
    assert [tuple(row.values()) for row in found.to_pylist()] == [(0, TEST, "b"), (4, VALIDATION, "a")]


def test_nothing_held_out_overlaps_nothing() -> None:
    assert overlaps(exchanges((5, -1, 0, None))) == OVERLAPS.empty_table()
    assert overlaps(EXCHANGES.empty_table()).num_rows == 0
