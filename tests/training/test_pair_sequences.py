"""Pairs are packed whole: both sides of a pair lie side by side in one sequence."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.contract.finished import Finished
from tests.training.preferred import side, write_pairs
from training.pair_packing import packed_pairs, packed_rows
from training.pairs import PairSequences

PAIRS = [
    ("short", side([1, 2], [3]), side([1, 2], [4, 5])),
    ("long", side([1, 6], [7, 8, 9, 10]), side([1, 6], [11])),
    ("middle", side([1], [12, 13]), side([1], [14, 15])),
]
LENGTH = 16
"""Of a sequence: the long pair and the short one fill 9 + 7 of its tokens, the middle one takes 6 of another."""


def packed(folder: Path) -> PairSequences:
    write_pairs(PAIRS, folder / "pairs/part-00000.parquet")
    assert packed_pairs(folder / "pairs", folder / "arrow", LENGTH, lambda: None) == 2
    return PairSequences(folder / "arrow")


def test_a_pair_is_two_neighbouring_documents_of_one_sequence(tmp_path: Path) -> None:
    input_ids, document_ids, learned = packed(tmp_path).rows(np.array([0, 1]), 2)
    assert input_ids[0].tolist() == [1, 6, 7, 8, 9, 10, 1, 6, 11, 1, 2, 3, 1, 2, 4, 5]
    assert document_ids[0].tolist() == [0] * 6 + [1] * 3 + [2] * 3 + [3] * 4
    assert document_ids[1].tolist() == [0] * 3 + [1] * 3 + [-1] * 10
    assert input_ids[1][learned[1]].tolist() == [12, 13, 14, 15]


def test_the_rows_of_each_sequence_can_be_told_without_packing(tmp_path: Path) -> None:
    packed(tmp_path)
    assert list(packed_rows(tmp_path / "pairs", LENGTH)) == [["long", "short"], ["middle"]]


def test_a_batch_says_which_learned_token_is_of_which_side(tmp_path: Path) -> None:
    sequences = packed(tmp_path)
    sequences.reference = np.array([[-1.0, -2.0], [-3.0, -4.0], [-5.0, -6.0]])
    batch = sequences.batch(np.array([1, 0]), 2)
    assert batch["targets"].tolist() == [12, 13, 14, 15, 7, 8, 9, 10, 11, 3, 4, 5]
    assert batch["sides"].tolist() == [0, 0, 1, 1, 2, 2, 2, 2, 3, 4, 5, 5]
    assert batch["ends"] == [4, 9, 12]
    assert batch["lengths"].tolist() == [[2, 2], [4, 1], [1, 2]]
    assert batch["reference"].tolist() == [[-5, -6], [-1, -2], [-3, -4]]
    assert sequences.learned(np.array([1, 0])) == sequences.pairs == 3
    assert sequences.pairs_of(np.array([1, 0])).tolist() == [2, 0, 1]


def test_what_only_fills_a_batch_is_no_pair(tmp_path: Path) -> None:
    sequences = packed(tmp_path)
    batch = sequences.batch(np.array([1]), 3)
    assert batch["input_ids"].shape == (3, LENGTH)
    assert (batch["ends"], batch["targets"].tolist()) == ([4], [12, 13, 14, 15])
    empty = sequences.batch(np.array([], np.int64), 1)
    assert (empty["ends"], len(empty["targets"]), empty["lengths"].shape) == ([], 0, (0, 2))


def test_what_an_earlier_attempt_has_packed_is_counted_and_left_as_it_is(tmp_path: Path) -> None:
    write_pairs(PAIRS, tmp_path / "pairs/part-00000.parquet")
    file = tmp_path / "arrow/part-00000.arrow"
    made = []
    for _ in range(2):
        finished = Finished(tmp_path / "journal", tmp_path / "arrow")
        assert packed_pairs(tmp_path / "pairs", tmp_path / "arrow", LENGTH, lambda: None, finished) == 2
        made.append(file.stat().st_ino)
    assert made[0] == made[1]
    assert pa.ipc.open_stream(file).schema.names == ["input_ids", "learned", "document_ids", "pairs"]
