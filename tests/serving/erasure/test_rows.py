"""Rows and packed documents are taken out, and what stays is as it was."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.tokenise.documents import Document
from pipeline.tokenise.packing import write_packed
from serving.erasure.rows import held, take_documents, take_rows

PAD = 9


def document(row: str, *tokens: int) -> Document:
    return Document(row, np.array(tokens, np.int32), np.array([False] + [True] * (len(tokens) - 1)), 0)


def test_rows_go_with_what_was_made_of_them(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    rows = {"row_id": ["a", "b", "c", "d"], "parent": [None, "a", None, None], "rule": ["x", "y", "x", "z"]}
    pq.write_table(pa.table(rows), path, row_group_size=2, compression="zstd")
    assert held(path, {"a", "e"}) == {"a"}
    taken = take_rows(path, {"a"})
    assert (taken.rows, dict(taken.by_rule)) == (2, {"x": 1, "y": 1})
    assert pq.read_table(path)["row_id"].to_pylist() == ["c", "d"]
    assert pq.ParquetFile(path).metadata.row_group(1).column(0).compression == "ZSTD"


def test_documents_go_and_the_sequence_is_as_if_packed_without_them(tmp_path: Path) -> None:
    path, wanted = tmp_path / "part.parquet", tmp_path / "wanted.parquet"
    mine, first, last = document("mine", 1, 2, 3), document("first", 4, 5), document("last", 6, 7, 8)
    sources = dict.fromkeys(("mine", "first", "last"), "s")
    write_packed([[first, mine, last], [mine]], path, 10, PAD, sources)
    write_packed([[first, last]], wanted, 10, PAD, sources)
    assert take_documents(path, {"mine"}, PAD) == 2
    table = pq.read_table(path)
    assert table.slice(0, 1).to_pylist() == pq.read_table(wanted).to_pylist()
    empty = table.slice(1, 1).to_pylist()[0]
    assert (set(empty["input_ids"]), set(empty["labels"]), set(empty["document_ids"])) == ({PAD}, {-100}, {-1})
    assert (empty["row_ids"], empty["learned_tokens"]) == ([], 0)
