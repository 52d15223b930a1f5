"""A part is there whole or not at all, is made by one, checked by all, and made again when it is not what it was."""

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.contract.artifact import ArtifactStore, Ledger
from pipeline.contract.fingerprint import FileHashes, file_sha256
from pipeline.contract.parts import Part, PartStore

SIX = [Part("trial", "1", {"setting": 1}, {"data": f"{number}" * 64}) for number in range(6)]


@pytest.fixture
def store(tmp_path: Path) -> PartStore:
    return PartStore(tmp_path, "run")


@pytest.fixture
def hashes(tmp_path: Path) -> FileHashes:
    return FileHashes(tmp_path / "hashes.journal")


def maker(store: PartStore, log: list[str], seconds: float = 0.0) -> Callable[[list[Part]], None]:
    def make(parts: list[Part]) -> None:
        for part in parts:
            log.append(part.fingerprint)
            with store.making(part) as made:
                time.sleep(seconds)
                (made.folder / "data.txt").write_text(part.inputs["data"])
                made.ledger.rows_in = made.ledger.rows_out = 1

    return make


def test_what_is_there_is_not_made_again(store: PartStore, hashes: FileHashes) -> None:
    log: list[str] = []
    assert store.obtain(SIX[:4], hashes, maker(store, log))[1] == {part.fingerprint for part in SIX[:4]}
    found, made = store.obtain(SIX, hashes, maker(store, log))
    assert (len(made), log) == (2, [part.fingerprint for part in SIX])
    assert all(part.damage() == [] for part in found.values())
    assert found[SIX[0].fingerprint].manifest["made"]["run"] == "run"


def test_the_fingerprint_is_of_content_version_and_settings_alone() -> None:
    same, *others = (
        Part("trial", "1", {"setting": 1}, {"data": "0" * 64}),
        Part("trial", "2", {"setting": 1}, {"data": "0" * 64}),
        Part("trial", "1", {"setting": 2}, {"data": "0" * 64}),
        Part("trial", "1", {"setting": 1}, {"data": "1" * 64}),
        Part("other", "1", {"setting": 1}, {"data": "0" * 64}),
    )
    assert same.fingerprint == SIX[0].fingerprint
    assert len({part.fingerprint for part in (same, *others)}) == 5


def test_a_part_whose_making_fails_is_not_there(store: PartStore, hashes: FileHashes, tmp_path: Path) -> None:
    def fail(parts: list[Part]) -> None:
        with store.making(parts[0]) as made:
            (made.folder / "data.txt").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        store.obtain(SIX[:1], hashes, fail)
    assert not store.has(SIX[0])
    assert [p.suffix for p in (tmp_path / "parts" / "trial").iterdir()] == [".lock"]


def test_what_a_killed_maker_left_goes(store: PartStore, hashes: FileHashes, tmp_path: Path) -> None:
    left = tmp_path / "parts" / "trial" / f".{SIX[0].fingerprint}.0123.partial"
    left.mkdir(parents=True)
    (left / "data.txt").write_text("half")
    store.obtain(SIX[:1], hashes, maker(store, []))
    assert [p.name for p in (tmp_path / "parts" / "trial").iterdir()] == [SIX[0].fingerprint]


@pytest.mark.parametrize("damage", ["changed", "lost", "added"])
def test_a_damaged_part_is_made_again(store: PartStore, hashes: FileHashes, damage: str) -> None:
    store.obtain(SIX, hashes, maker(store, []))
    folder = store.at(SIX[2]).path
    if damage == "changed":
        (folder / "data.txt").write_text("3" * 64)
    elif damage == "lost":
        (folder / "data.txt").unlink()
    else:
        (folder / "more.txt").write_text("")
    log: list[str] = []
    found, _ = store.obtain(SIX, hashes, maker(store, log))
    assert log == [SIX[2].fingerprint]
    assert all(part.damage() == [] for part in found.values())


def test_two_who_need_the_same_parts_make_each_once(tmp_path: Path) -> None:
    """Each has a store of its own, as processes have; locks are of files that each has opened."""
    log: list[str] = []

    def need(parts: list[Part]) -> None:
        own = PartStore(tmp_path)
        found, _ = own.obtain(parts, FileHashes(tmp_path / "hashes.journal"), maker(own, log, 0.1))
        assert all(part.damage() == [] for part in found.values())
        assert len(found) == len(parts)

    threads = [threading.Thread(target=need, args=(parts,)) for parts in (SIX[:4], SIX[2:], SIX)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(log) == sorted(part.fingerprint for part in SIX)
    assert list((tmp_path / "parts" / "trial").glob(".*")) == []


def test_of_many_parts_each_of_two_makes_others_at_the_same_time(tmp_path: Path) -> None:
    logs: list[list[str]] = [[], []]
    both_make = threading.Barrier(2, timeout=30)

    def need(number: int) -> None:
        store, log = PartStore(tmp_path, f"run {number}"), logs[number]

        def make(parts: list[Part]) -> None:
            assert len(parts) <= 2
            if not log:
                both_make.wait()
            maker(store, log)(parts)

        store.obtain(SIX, FileHashes(tmp_path / f"hashes-{number}.journal"), make, 2)

    threads = [threading.Thread(target=need, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(logs[0] + logs[1]) == sorted(part.fingerprint for part in SIX)
    assert all(log for log in logs)


def test_a_further_name_costs_no_second_reading(
    store: PartStore, hashes: FileHashes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [part] = store.obtain(SIX[:1], hashes, maker(store, []))[0].values()
    os.utime(part.path / "data.txt", (1, 1))
    digest = part.digests["data.txt"]
    hashes.link(part.path / "data.txt", tmp_path / "link.txt", digest)
    assert (tmp_path / "link.txt").stat().st_ino == (part.path / "data.txt").stat().st_ino
    monkeypatch.setattr("pipeline.contract.fingerprint.file_sha256", lambda _: pytest.fail("read again"))
    assert hashes.of([tmp_path / "link.txt", part.path / "data.txt"]) == dict.fromkeys(
        (tmp_path / "link.txt", part.path / "data.txt"), digest
    )


def test_without_hard_links_an_artifact_has_copies(
    hashes: FileHashes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    (tmp_path / "file.txt").write_text("content")
    monkeypatch.setattr(os, "link", refuse)
    hashes.link(tmp_path / "file.txt", tmp_path / "copy.txt", "not the hash, which is not believed of a copy")
    assert (tmp_path / "copy.txt").read_text() == "content"
    assert set(hashes.of([tmp_path / "copy.txt", tmp_path / "file.txt"]).values()) == {
        file_sha256(tmp_path / "file.txt")
    }


def test_a_manifest_names_the_part_of_each_file(tmp_path: Path, store: PartStore, hashes: FileHashes) -> None:
    [part] = store.obtain(SIX[:1], hashes, maker(store, []))[0].values()
    artifacts = ArtifactStore(tmp_path)
    with artifacts.building("trial", "print", False) as partial:
        artifacts.hashes.link(part.path / "data.txt", partial / "data.txt", part.digests["data.txt"])
        (partial / "own.txt").write_text("")
        manifest = {"stage": "trial", "version": "1", "fingerprint": "print", "inputs": {}, "config": {}, "metrics": {}}
        artifact = artifacts.commit(partial, {**manifest, "ledger": Ledger(), "parts": {"data.txt": part.path.name}})
    assert {name: made.path for name, made in artifact.part_files.items()} == {"data.txt": part.path}
    assert "parts" not in json.loads((artifact.path / "manifest.json").read_text())
