"""Packing groups documents, and loses, mixes and invents nothing."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.tokenise import packing
from pipeline.tokenise.documents import Document
from pipeline.tokenise.packing import best_fit_decreasing, columns, pack, write_packed


def document(name: str, size: int) -> Document:
    """`size` tokens, of which the last two are learned."""
    learned = np.zeros(size, np.bool_)
    learned[-2:] = True
    return Document(name, np.arange(10, 10 + size, dtype=np.int32), learned, 2)


def names(sequences: list[list[Document]]) -> list[list[str]]:
    return [[d.row_id for d in sequence] for sequence in sequences]


def test_each_document_goes_where_it_leaves_least_room() -> None:
    documents = [document(n, s) for n, s in (("a", 6), ("b", 7), ("c", 3), ("d", 4), ("e", 10))]
    assert names(best_fit_decreasing(documents, 10)) == [["e"], ["b", "c"], ["a", "d"]]


def test_of_two_sequences_with_room_the_fuller_one_is_filled() -> None:
    documents = [document(n, s) for n, s in (("a", 4), ("b", 8), ("c", 2), ("d", 5))]
    assert names(best_fit_decreasing(documents, 10)) == [["b", "c"], ["d", "a"]]


def test_a_document_that_fits_exactly_is_taken_and_a_full_sequence_never_again() -> None:
    assert names(best_fit_decreasing([document(n, 10) for n in "ab"] + [document("c", 2)], 10)) == [["a"], ["b"], ["c"]]


def test_of_sequences_with_equal_room_the_first_is_filled() -> None:
    documents = [document(n, s) for n, s in (("a", 7), ("b", 7), ("c", 3), ("d", 3))]
    assert names(best_fit_decreasing(documents, 10)) == [["a", "c"], ["b", "d"]]


def test_a_document_longer_than_a_sequence_is_a_bug_and_named() -> None:
    with pytest.raises(AssertionError, match="long: 11 tokens in a sequence of 10"):
        best_fit_decreasing([document("long", 11)], 10)


def test_equal_lengths_keep_their_order() -> None:
    assert names(best_fit_decreasing([document(n, 5) for n in "abcd"], 10)) == [["a", "b"], ["c", "d"]]


def test_every_document_is_packed_once_and_no_sequence_overflows() -> None:
    sizes = np.random.default_rng(7).integers(6, 64, 500)
    documents = [document(str(i), int(s)) for i, s in enumerate(sizes)]
    sequences = list(pack(documents, 64))
    assert sorted(d.row_id for s in sequences for d in s) == sorted(d.row_id for d in documents)
    assert max(sum(map(len, s)) for s in sequences) <= 64
    assert len(sequences) <= 11 / 9 * sizes.sum() / 64


def test_a_document_waits_for_nothing_beyond_its_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "WINDOW_DOCUMENTS", 2)
    documents = [document(n, s) for n, s in (("a", 6), ("b", 6), ("c", 4), ("d", 4))]
    assert names(list(pack(documents, 10))) == [["a"], ["b"], ["c", "d"]]


@pytest.mark.parametrize(
    ("tokens", "packed"),
    [
        (7, [["a"], ["b"], ["c"], ["d"]]),
        (9, [["a"], ["b"], ["c", "d"]]),
        (10, [["a"], ["b", "c"], ["d"]]),
        (12, [["a"], ["b"], ["c", "d"]]),
        (15, [["a"], ["b"], ["c", "d"]]),
        (16, [["a", "c"], ["b"], ["d"]]),
        (20, [["a", "c"], ["b", "d"]]),
    ],
)
def test_a_window_holds_no_more_tokens_than_it_may(
    monkeypatch: pytest.MonkeyPatch, tokens: int, packed: list[list[str]]
) -> None:
    monkeypatch.setattr(packing, "WINDOW_TOKENS", tokens)
    documents = [document(n, s) for n, s in (("a", 6), ("b", 6), ("c", 4), ("d", 4))]
    assert names(list(pack(documents, 10))) == packed


@pytest.mark.parametrize(("before", "size"), [(8192, 6), (16, 1 << 20)], ids=["8192 documents", "2^24 tokens"])
def test_a_full_window_leaves_the_next_document_to_another_sequence(before: int, size: int) -> None:
    large, small = document("large", size), document("small", 4)
    assert len(list(pack([large] * (before - 1) + [small], size + 4))) == before - 1
    assert len(list(pack([large] * before + [small], size + 4))) == before + 1


def test_a_sequence_as_columns() -> None:
    row = columns([document("a", 4), document("b", 3)], 9, pad=5)
    assert row["input_ids"].tolist() == [10, 11, 12, 13, 10, 11, 12, 5, 5]
    assert row["labels"].tolist() == [-100, -100, 12, 13, -100, 11, 12, -100, -100]
    assert row["position_ids"].tolist() == [0, 1, 2, 3, 0, 1, 2, 0, 0]
    assert row["document_ids"].tolist() == [0, 0, 0, 0, 1, 1, 1, -1, -1]
    assert row["row_ids"] == ["a", "b"]


def test_a_split_without_documents_leaves_a_file_with_the_schema(tmp_path: Path) -> None:
    assert write_packed([], tmp_path / "part.parquet", 8, pad=0) == 0
    table = pq.read_table(tmp_path / "part.parquet")
    assert (table.num_rows, table.schema.names) == (0, packing.SCHEMA.names)


@pytest.mark.parametrize(
    ("tokens", "groups"), [(8, [1, 1, 1, 1, 1]), (16, [2, 2, 1]), (23, [2, 2, 1]), (40, [5]), (3, [1, 1, 1, 1, 1])]
)
def test_sequences_are_written_in_their_order_in_row_groups_of_so_many_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokens: int, groups: list[int]
) -> None:
    monkeypatch.setattr(packing, "ROW_GROUP_TOKENS", tokens)
    sequences = [[document(name, 4), document(name.upper(), 3)] for name in "abcde"]
    assert write_packed(iter(sequences), tmp_path / "part.parquet", 8, pad=0) == 5
    file = pq.ParquetFile(tmp_path / "part.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == groups
    assert file.read()["row_ids"].to_pylist() == [[name, name.upper()] for name in "abcde"]
    assert file.read()["input_ids"].to_pylist() == [[10, 11, 12, 13, 10, 11, 12, 0]] * 5
    assert file.schema_arrow == packing.SCHEMA
