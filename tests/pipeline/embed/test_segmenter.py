"""Segments are the same whoever cuts them, and their word pieces are what the encoder is given."""

import pyarrow as pa
import pytest

from configs.embed import Embed
from pipeline.embed.model_folder import ModelFolder
from pipeline.embed.segmenter import Segmented, Segmenter
from pipeline.embed.segmenter_processes import SegmenterProcesses

SETTINGS = Embed(max_tokens=16, max_segments=3)


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(ModelFolder(SETTINGS.model), SETTINGS.max_tokens, SETTINGS.max_segments)


def table(*conversations: list[str]) -> pa.Table:
    messages = [[{"role": "user", "content": turn} for turn in turns] for turns in conversations]
    return pa.table({"row_id": [f"{n:04x}" for n in range(len(conversations))], "messages": messages})


def word_pieces(found: Segmented, segmenter: Segmenter) -> list[str]:
    texts, at = [], 0
    for length in found.tokens.lengths_N:
        ids = found.tokens.ids_T[at : at + length]
        texts.append(" ".join(str(segmenter._tokenizer.id_to_token(int(i))) for i in ids))
        at += length
    return texts


def test_each_segment_is_framed_by_the_special_tokens_and_named_by_its_conversation(segmenter):
    found = segmenter(table(["Good morning.", "Hello!"], ["one two three four five six seven eight nine ten " * 2]))
    assert word_pieces(found, segmenter) == [
        "[CLS] good morning . hello ! [SEP]",
        "[CLS] one two three four five six seven eight nine ten one two three four [SEP]",
        "[CLS] five six seven eight nine ten [SEP]",
    ]
    assert found.rows.to_pylist() == [
        {"row_id": "0000", "segment": 0, "first_turn": 0, "last_turn": 1, "first_char": 0},
        {"row_id": "0001", "segment": 0, "first_turn": 0, "last_turn": 0, "first_char": 0},
        {"row_id": "0001", "segment": 1, "first_turn": 0, "last_turn": 0, "first_char": 68},
    ]
    assert found.conversations == 2


def test_a_slice_of_a_table_is_cut_as_a_table_of_its_own(segmenter):
    whole = table(["A first one."], ["A second", "and its answer."], ["A third."])
    assert segmenter(whole.slice(1, 1)).rows.equals(segmenter(whole).rows.slice(1, 1))
    assert word_pieces(segmenter(whole.slice(1, 1)), segmenter) == ["[CLS] a second and its answer . [SEP]"]


def test_processes_cut_as_one_does_and_in_the_same_order(segmenter, tmp_path):
    whole = table(*([f"Conversation {n} is about the number {n}.", "Indeed it is, word for word."] for n in range(40)))
    shards = [(tmp_path / f"{n}", whole.slice(4 * n, 4)) for n in range(10)]
    processes = SegmenterProcesses(SETTINGS, 2)
    found = [(file, cut()) for file, cut in processes.cut(shards)]
    processes.close()
    assert [file for file, _ in found] == [file for file, _ in shards]
    for (_, cut), (_, shard) in zip(found, shards, strict=True):
        assert cut.rows.equals(segmenter(shard).rows)
        assert cut.tokens.ids_T.tolist() == segmenter(shard).tokens.ids_T.tolist()


def test_what_is_sent_to_a_process_is_the_slice_and_not_the_table_behind_it():
    from pipeline.embed.segmenter_processes import _packed

    whole = table(*([f"Conversation {n}."] for n in range(2000)))
    assert _packed(whole.slice(1000, 10)).size < _packed(whole).size / 20
