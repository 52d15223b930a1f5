"""A fingerprint follows from content alone, and stays what it is from one release to the next."""

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract import fingerprint as fingerprinting
from pipeline.contract.fingerprint import (
    SETTLED_NS,
    WORTH_THREADS,
    FileHashes,
    canonical_json,
    file_sha256,
    fingerprint,
)

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


@pytest.mark.parametrize("size", [0, 3, 1 << 20, (1 << 20) + 1])
def test_a_file_of_any_size_is_hashed_whole(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    assert file_sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A file whose last change has settled."""
    file = tmp_path / "raw.jsonl"
    file.write_text("old")
    time.sleep(SETTLED_NS / 1e9)
    return file


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are hashed from now on."""
    names: list[str] = []

    def hashed(path: Path) -> str:
        names.append(path.name)
        return file_sha256(path)

    monkeypatch.setattr(fingerprinting, "file_sha256", hashed)
    return names


def test_a_file_is_read_once(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = reads(monkeypatch)
    memory = tmp_path / "new folder" / "deeper" / "hashes.journal"
    assert FileHashes(memory).of([raw]) == {raw: sha256("old")}
    moved = raw.with_name("moved.jsonl")
    moved.hardlink_to(raw)  # which is a change of the file's inode
    raw.unlink()
    time.sleep(SETTLED_NS / 1e9)
    assert [FileHashes(memory).of([moved]) for _ in range(3)] == [{moved: sha256("old")}] * 3
    assert read == ["raw.jsonl", "moved.jsonl"]


@pytest.mark.parametrize("text", ["new", "newer"])
def test_other_content_of_the_same_size_and_time_is_noticed(raw: Path, tmp_path: Path, text: str) -> None:
    hashes = FileHashes(tmp_path / "hashes.journal")
    hashes.of([raw])
    stat = raw.stat()
    raw.write_text(text)
    os.utime(raw, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert hashes.of([raw]) == {raw: sha256(text)}


def test_a_file_that_has_just_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = reads(monkeypatch)
    raw = tmp_path / "raw.jsonl"
    raw.write_text("old")
    hashes = FileHashes(tmp_path / "hashes.journal")
    assert [hashes.of([raw])[raw] for _ in range(2)] == [sha256("old")] * 2
    assert read == ["raw.jsonl"] * 2


def test_large_files_are_read_side_by_side(tmp_path: Path) -> None:
    contents = {tmp_path / str(n): bytes([n]) * (WORTH_THREADS // 2) for n in range(3)}
    for path, content in contents.items():
        path.write_bytes(content)
    found = FileHashes(tmp_path / "hashes.journal").of(contents)
    assert found == {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}


def test_no_flipped_bit_of_the_memory_is_believed(raw: Path, tmp_path: Path) -> None:
    memory = tmp_path / "hashes.journal"
    FileHashes(memory).of([raw])
    content = memory.read_bytes()
    for bit in range(0, 8 * len(content), 7):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        memory.write_bytes(flipped)
        assert FileHashes(memory).of([raw]) == {raw: sha256("old")}


def test_a_memory_that_cannot_be_written_costs_nothing_but_time(raw: Path) -> None:
    assert FileHashes(raw / "hashes.journal").of([raw]) == {raw: sha256("old")}


def test_the_memory_does_not_grow_for_ever(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprinting, "MOST_REMEMBERED", 4)
    memory = tmp_path / "hashes.journal"
    for number in range(9):
        raw.touch()
        os.utime(raw, ns=(0, number))
        time.sleep(SETTLED_NS / 1e9)
        FileHashes(memory).of([raw])
    assert len(memory.read_text().splitlines()) <= 5
