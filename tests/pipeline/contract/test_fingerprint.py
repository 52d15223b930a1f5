"""A fingerprint follows from content alone, and stays what it is from one release to the next."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract.fingerprint import BLOCK, FileHashes, canonical_json, file_sha256, fingerprint

CLEAN: dict[str, Any] = {
    "stage": "clean",
    "version": "3",
    "config": {"min": 1, "language": "Dänisch"},
    "inputs": {"score": "0" * 64, "acquire": "1" * 64},
}


def test_one_value_has_one_text() -> None:
    assert canonical_json({"b": [1, None], "a": {"ü": True}}) == '{"a":{"ü":true},"b":[1,null]}'


def test_artifacts_made_before_stay_found() -> None:
    text = (
        '{"config":{"language":"Dänisch","min":1},'
        f'"inputs":{{"acquire":"{"1" * 64}","score":"{"0" * 64}"}},"stage":"clean","version":"3"}}'
    )
    assert fingerprint(**CLEAN) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("changed", [{"stage": "score"}, {"version": "4"}, {"config": {}}, {"inputs": {}}])
def test_each_part_changes_it(changed: dict[str, Any]) -> None:
    assert fingerprint(**{**CLEAN, **changed}) != fingerprint(**CLEAN)


@pytest.mark.parametrize("size", [0, 3, BLOCK, 2 * BLOCK + 1])
def test_a_file_of_any_size_is_hashed_whole(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    assert file_sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    file = tmp_path / "raw.jsonl"
    file.write_text("old")
    return file


def rewrite(file: Path, text: str, later: int) -> None:
    """New contents, with a modification time that is `later` nanoseconds later."""
    stat = file.stat()
    file.write_text(text)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + later))


def test_a_raw_file_is_read_once(raw: Path, tmp_path: Path) -> None:
    memory = tmp_path / "new folder" / "deeper" / "hashes.json"
    assert FileHashes(memory).of([raw]) == {raw: sha256("old")}
    rewrite(raw, "new", later=0)  # which nobody can see without reading
    assert FileHashes(memory).of([raw]) == {raw: sha256("old")}


@pytest.mark.parametrize(("text", "later"), [("new", 1), ("newer", 0)])
def test_a_raw_file_of_another_time_or_size_is_read_again(raw: Path, tmp_path: Path, text: str, later: int) -> None:
    hashes = FileHashes(tmp_path / "hashes.json")
    hashes.of([raw])
    rewrite(raw, text, later)
    assert hashes.of([raw]) == {raw: sha256(text)}


def test_a_memory_that_cannot_be_read_is_made_anew(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "hashes.json").write_text('{"half')
    assert FileHashes(tmp_path / "hashes.json").of([raw]) == {raw: sha256("old")}
    assert FileHashes(tmp_path / "hashes.json").of([raw]) == {raw: sha256("old")}
