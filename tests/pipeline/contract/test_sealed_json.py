"""A small JSON file that is not what was written is not read."""

import json
from pathlib import Path

import pytest

from pipeline.contract.sealed_json import DamagedError, read_sealed, write_sealed

VALUE = {"name": "Größe", "count": 3, "list": [1.5, None]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_sealed(tmp_path / "file.json", VALUE)
    return tmp_path / "file.json"


def test_what_was_written_is_read(file: Path) -> None:
    assert read_sealed(file, "") == VALUE


def test_any_reader_of_json_finds_one_key_more(file: Path) -> None:
    found = json.loads(file.read_text(encoding="utf-8"))
    assert len(found.pop("sha256")) == 64
    assert found == VALUE


def test_every_flipped_bit_is_noticed(file: Path) -> None:
    content = file.read_bytes()
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        with pytest.raises(DamagedError, match=r"file\.json: is not what was written; restore it"):
            read_sealed(file, "restore it")


def test_every_length_that_it_is_cut_to_is_noticed(file: Path) -> None:
    content = file.read_bytes()
    for size in range(len(content)):
        file.write_bytes(content[:size])
        with pytest.raises(DamagedError):
            read_sealed(file, "")


@pytest.mark.parametrize("text", ["[1]", "null", '{"name": "acquire", '])
def test_what_has_no_seal_must_be_an_object(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(DamagedError):
        read_sealed(file, "")


def test_an_object_from_before_there_were_seals_is_taken_as_it_is(file: Path) -> None:
    old = {"name": "acquire", "fingerprint": "0f" * 32}
    file.write_text(json.dumps(old))
    assert read_sealed(file, "") == old
