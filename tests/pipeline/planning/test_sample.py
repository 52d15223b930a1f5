"""Sources are counted where that is cheap, and extended from a part where it is not."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.acquire import Source
from configs.errors import UserError
from pipeline.planning import sample
from pipeline.planning.sample import drawn, sample_sources

LINE = (
    json.dumps({"messages": [{"role": "user", "content": "héllo"}, {"role": "assistant", "content": "b" * 94}]}) + "\n"
)


def lines(path: Path, count: int, opener=open) -> Source:  # type: ignore[no-untyped-def]
    with opener(path, "wt", encoding="utf-8") as file:
        file.write(LINE * count)
    return Source(name=path.name.split(".")[0], path=str(path))


def test_a_small_file_is_counted(tmp_path: Path) -> None:
    found = sample_sources([lines(tmp_path / "chats.jsonl", 300)])
    assert (found.records, found.rows, found.text, found.messages) == (300, 300, 300 * 100, 600)
    assert found.exact


@pytest.mark.parametrize("opener", [open, gzip.open], ids=["plain", "gzip"])
def test_a_large_file_is_extended_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opener: object
) -> None:
    monkeypatch.setattr(sample, "MOST_BYTES", 1 << 18)
    found = sample_sources([lines(tmp_path / "chats.jsonl", 20_000, opener)])
    assert found.text / found.rows == pytest.approx(100)
    if opener is open:  # repeated lines compress to less than one block, so nothing can be said of the gzip file
        assert not found.exact
        assert found.rows == pytest.approx(20_000, rel=0.2)


def test_rows_of_parquet_come_from_its_footer(tmp_path: Path) -> None:
    table = pa.table({"question": ["what?"] * 9000, "answer": ["that"] * 9000})
    pq.write_table(table, tmp_path / "pairs.parquet")
    source = Source(name="pairs", path=str(tmp_path), columns={"prompt": ["question"], "reply": "answer"})
    found = sample_sources([source])
    assert found.rows == pytest.approx(9000)
    assert found.text == pytest.approx(9000 * 9)


def test_malformed_records_are_records_but_no_rows(tmp_path: Path) -> None:
    source = lines(tmp_path / "chats.jsonl", 10)
    with (tmp_path / "chats.jsonl").open("a") as file:
        file.write("not JSON\n" * 5)
    found = sample_sources([source])
    assert (found.records, found.rows) == (15, 10)


def test_a_limit_is_kept(tmp_path: Path) -> None:
    source = lines(tmp_path / "chats.jsonl", 300).model_copy(update={"limit": 30})
    assert sample_sources([source]).rows == pytest.approx(30)


def test_data_that_is_not_at_hand_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        sample_sources([Source(name="chats", path=str(tmp_path / "nowhere"))])
    with pytest.raises(UserError, match="on the hub"):
        sample_sources([Source(name="chats", hub="someone/chats")])


def test_a_drawn_sample_has_each_sources_share_of_rows_and_is_the_same_for_a_seed(tmp_path: Path) -> None:
    sources = [lines(tmp_path / "many.jsonl", 900), lines(tmp_path / "few.jsonl", 100)]
    found = sample_sources(sources, keep=1 << 20)
    some = drawn(found, most_bytes=10_000, seed=1)
    assert len(some) == 100
    assert some == drawn(found, most_bytes=10_000, seed=1)
    assert len(drawn(found, most_bytes=1 << 30, seed=1)) == 1000
