"""Packed sequences, and their parts of a batch."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.contract.finished import Finished
from training.arrow import arrow_copy
from training.data import PackedSequences, micro_batches, packed_batch
from training.order import global_batch


def test_one_rank_and_two_share_the_same_batch() -> None:
    for step in (1, 2, 7):
        batch = global_batch(step, 16, 50, seed=1)
        one = np.concatenate(micro_batches(batch, 0, 1, 2))
        two = np.concatenate([part for rank in (0, 1) for part in micro_batches(batch, rank, 2, 2)])
        assert one.tolist() == batch.tolist()
        assert sorted(two) == sorted(one)


def test_every_rank_gets_equally_many_micro_batches() -> None:
    parts = [micro_batches(np.arange(24), rank, 3, 4) for rank in range(3)]
    assert [len(p) for p in parts] == [2, 2, 2]
    assert [part.tolist() for part in parts[1]] == [[4, 5, 6, 7], [16, 17, 18, 19]]


def test_a_batch_says_where_documents_begin_and_which_tokens_are_learned() -> None:
    document_ids = np.array([[0, 0, 0, 1, 1, -1], [0, 1, 2, 2, 2, 2]])
    learned = np.array([[1, 1, 0, 1, 1, 0], [1, 0, 0, 0, 1, 1]], bool)
    batch = packed_batch(np.arange(12).reshape(2, 6), document_ids, learned)
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1, 0], [0, 0, 0, 1, 2, 3]]
    assert batch["boundaries"].tolist() == [0, 3, 5, 6, 7, 8, 12]
    assert batch["targets"].tolist() == [1, 4, 10, 11]  # never a document's first token
    assert batch["kept"].tolist() == [0, 3, 9, 10]


def test_sequences_come_back_from_memory_mapped_files_as_they_were_packed(tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    packed.mkdir()
    rows = {
        "input_ids": [[7, 8, 9, 0], [5, 6, 5, 6], [1, 2, 3, 4]],
        "labels": [[-100, 8, 9, -100], [-100, 6, -100, 6], [-100, -100, -100, 4]],
        "document_ids": [[0, 0, 0, -1], [0, 0, 1, 1], [0, 0, 0, 0]],
    }
    types = {name: pa.list_(pa.int32()) for name in rows}
    for number, part in enumerate((slice(0, 2), slice(2, 3), slice(3, 3))):
        arrays = [pa.array(values[part], types[name]) for name, values in rows.items()]
        pq.write_table(pa.table(dict(zip(rows, arrays, strict=True))), packed / f"part-{number:05d}.parquet")
    first = tmp_path / "arrow" / "part-00000.arrow"
    for _ in range(3):  # the second copy finds the first, the third what was damaged meanwhile
        finished = Finished(tmp_path / "journal", tmp_path / "arrow")
        assert arrow_copy(packed, tmp_path / "arrow", 4, lambda: None, finished) == 3
        copied, found = first.stat().st_ino, first.read_bytes()
        assert arrow_copy(packed, tmp_path / "arrow", 4, lambda: None, finished) == 3
        assert first.stat().st_ino == copied
        first.write_bytes(found[::-1])
    first.write_bytes(found)
    sequences = PackedSequences(tmp_path / "arrow")
    assert len(sequences) == 3
    batch = sequences.batch(np.array([2, 0]), size=3)
    assert batch["input_ids"][:2].tolist() == [[1, 2, 3, 4], [7, 8, 9, 0]]
    assert batch["boundaries"].tolist() == [0, 4, 7, 8, 11, 12]
    assert batch["targets"].tolist() == [4, 8, 9]  # nothing of the third row, which only fills the batch
    assert batch["kept"].tolist() == [2, 4, 5]
