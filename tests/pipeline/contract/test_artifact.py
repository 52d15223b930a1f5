"""What a stage leaves: whole or not at all, described, and every damage named."""

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Event, Thread, get_ident
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.errors import UserError
from pipeline.contract.artifact import (
    DAMAGED,
    MANIFEST,
    PARTIAL,
    SCRATCH,
    SEAL,
    UNTOUCHED_DAYS,
    Artifact,
    ArtifactStore,
    Ledger,
    check_part,
)
from pipeline.contract.fingerprint import file_sha256, fingerprint
from pipeline.contract.sealed_json import DamagedError

PRINT = fingerprint("trial", "1", {}, {})


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path)


def write(folder: Path, name: str, rows: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table({"row_id": rows}), folder / f"{name}.parquet")


def manifest(ledger: Ledger, **more: Any) -> dict[str, Any]:
    about = {"stage": "trial", "version": "1", "fingerprint": PRINT, "config": {}, "inputs": {}, "metrics": {}}
    return {**about, "ledger": ledger, **more}


@pytest.fixture
def commit(store: ArtifactStore) -> Callable[..., Artifact]:
    """commit(**more) leaves two rows and note.json under the stage trial; more enters the manifest."""

    def commit(**more: Any) -> Artifact:
        with store.building("trial", PRINT, resume=False) as partial:
            write(partial / "data", "part-00000", ["a", "b"])
            (partial / "note.json").write_text('{"said": "ja"}')
            return store.commit(partial, manifest(Ledger(2, 2), **more))

    return commit


def reseal(artifact: Artifact, **changes: Any) -> Artifact:
    """The artifact with another manifest, and a seal that fits it."""
    path = artifact.path / MANIFEST
    path.write_text(json.dumps({**artifact.manifest, **changes}))
    (artifact.path / SEAL).write_text(f"{file_sha256(path)}  {MANIFEST}\n")
    return Artifact(artifact.path)


@pytest.mark.parametrize(
    ("ledger", "missing"),
    [
        (Ledger(), 0),
        (Ledger(rows_in=5, rows_out=4, added={"copies": 1, "marks": 1}, dropped={"short": 2, "long": 1}), 0),
        (Ledger(rows_in=5, rows_out=4), 1),
        (Ledger(rows_in=5, rows_out=4, dropped={"short": 2}), -1),
    ],
)
def test_a_ledger_balances_when_every_row_is_accounted_for(ledger: Ledger, missing: int) -> None:
    assert ledger.imbalance() == missing


def test_what_was_committed_is_read_again(commit: Callable[..., Artifact], store: ArtifactStore) -> None:
    artifact = commit(metrics={"kept": "Größe"})
    assert artifact.path == store.root / "trial" / PRINT
    assert artifact == store.find("trial", PRINT)
    assert artifact.ledger == Ledger(2, 2)
    assert artifact.metrics == {"kept": "Größe"}
    assert "Größe" in (artifact.path / MANIFEST).read_text(encoding="utf-8")
    assert artifact.json("note.json") == {"said": "ja"}
    assert artifact.damage() == []


def test_rows_are_read_file_by_file_in_the_order_of_their_names(store: ArtifactStore) -> None:
    with store.building("trial", PRINT, resume=False) as partial:
        for name, row in (("part-00001", "b"), ("part-00000", "a"), ("part-00002", "c")):
            write(partial / "shards", name, [row])
        artifact = store.commit(partial, manifest(Ledger()))
    assert artifact.parquet("shards") == artifact.path / "shards"
    assert artifact.read("shards").to_table()["row_id"].to_pylist() == ["a", "b", "c"]


@pytest.mark.parametrize("out", [1, 3])
def test_an_artifact_whose_ledger_does_not_balance_is_not_committed(store: ArtifactStore, out: int) -> None:
    with store.building("trial", PRINT, resume=False) as partial:
        write(partial / "data", "part-00000", ["a"] * out)
        with pytest.raises(AssertionError, match="the ledger does not balance"):
            store.commit(partial, manifest(Ledger(2, out)))
    assert store.find("trial", PRINT) is None


@pytest.mark.parametrize(("name", "ledger"), [("data", Ledger(3, 3)), ("dropped", Ledger(3, 0, dropped={"short": 3}))])
def test_an_artifact_whose_files_hold_other_rows_than_its_ledger_is_not_committed(
    store: ArtifactStore, name: str, ledger: Ledger
) -> None:
    with store.building("trial", PRINT, resume=False) as partial:
        for part in ("part-00000", "part-00001"):
            write(partial / name, part, ["a", "b"])
        with pytest.raises(AssertionError, match=f"{name}/ holds 4 rows, the ledger says 3"):
            store.commit(partial, manifest(ledger))


def test_an_artifact_without_rows_may_count_those_that_its_stage_read(store: ArtifactStore) -> None:
    with store.building("trial", PRINT, resume=False) as partial:
        (partial / "audit.json").write_text("{}")
        assert store.commit(partial, manifest(Ledger(7, 7))).ledger == Ledger(7, 7)


def test_every_kind_of_damage_has_its_line(commit: Callable[..., Artifact]) -> None:
    artifact = commit()
    note = artifact.path / "note.json"
    note.write_text('{"said": "no"}')
    assert artifact.damage() == [f"{note}: contents changed (sha256 differs from the manifest)"]
    note.write_text("{}")
    assert artifact.damage() == [f"{note}: 2 bytes instead of 14"]
    note.rename(artifact.path / "moved.json")
    moved = artifact.path / "moved.json"
    assert artifact.damage() == [f"{note}: missing", f"{moved}: not in the manifest"]


@pytest.mark.parametrize("change", [lambda file: file.write_text("{}"), lambda file: file.unlink()])
@pytest.mark.parametrize("name", [MANIFEST, SEAL])
def test_a_manifest_without_its_seal_is_damaged(
    commit: Callable[..., Artifact], name: str, change: Callable[[Path], None]
) -> None:
    artifact = commit()
    change(artifact.path / name)
    (line,) = artifact.damage()
    assert line == f"{artifact.path / MANIFEST}: does not match {SEAL}"


def test_a_manifest_that_contradicts_itself_is_damaged(commit: Callable[..., Artifact]) -> None:
    artifact = commit()
    for changes in ({"version": "2"}, {"config": {"seed": 1}}, {"inputs": {"raw": "0"}}):
        (line,) = reseal(artifact, **changes).damage()
        assert line.endswith("the fingerprint does not follow from the manifest")
    (line,) = reseal(artifact, ledger={"rows_in": 2, "rows_out": 1}).damage()
    assert line.endswith("the ledger does not balance")


def test_the_seal_is_what_sha256sum_checks(commit: Callable[..., Artifact]) -> None:
    artifact = commit()
    assert (artifact.path / SEAL).read_text() == f"{file_sha256(artifact.path / MANIFEST)}  {MANIFEST}\n"


def test_all_are_the_committed_ones_by_stage(store: ArtifactStore, commit: Callable[..., Artifact]) -> None:
    first = commit()
    with store.building("earlier", "0", resume=False) as partial:
        second = store.commit(partial, manifest(Ledger(), stage="earlier", fingerprint="0"))
    with store.building("trial", "unfinished", resume=False):
        assert store.all() == [second, first]


def test_a_root_that_cannot_be_written_is_the_users_to_change(tmp_path: Path) -> None:
    (tmp_path / "artifacts").touch()
    with (
        pytest.raises(UserError, match=r"artifacts/trial: cannot be written .*; set storage\.root to a writable"),
        ArtifactStore(tmp_path).building("trial", PRINT, resume=False),
    ):
        pass


@pytest.mark.parametrize(("resume", "left"), [(True, ["shard"]), (False, [])])
def test_what_a_killed_attempt_left_is_there_only_for_a_stage_that_resumes(
    store: ArtifactStore, resume: bool, left: list[str]
) -> None:
    with store.building("trial", PRINT, resume=resume) as partial:
        (partial / "shard").touch()
    with store.building("trial", PRINT, resume=resume) as partial:
        assert [p.name for p in partial.iterdir()] == left


def test_workers_of_a_killed_attempt_that_still_write_keep_no_later_one_from_beginning(
    store: ArtifactStore,
) -> None:
    with store.building("trial", PRINT, resume=False) as partial:
        (partial / "data").mkdir()
        for number in range(1000):
            (partial / "data" / f"earlier-{number}").touch()
    first, last = Event(), time.monotonic() + 0.5

    def write_on() -> None:
        with suppress(FileNotFoundError):  # it has lost its folder
            for number in count():
                name = f"{get_ident()}-{number}"
                (partial / "data" / f".{name}").touch()
                first.set()
                (partial / "data" / f".{name}").rename(partial / "data" / name)
                if time.monotonic() > last:
                    break

    for worker in (workers := [Thread(target=write_on) for _ in range(8)]):
        worker.start()
    first.wait()
    with store.building("trial", PRINT, resume=False) as again:
        assert again == partial
        assert list(again.iterdir()) == []
    for worker in workers:
        worker.join()


def test_the_second_to_commit_leaves_the_first_one_and_nothing_of_its_own(
    store: ArtifactStore, commit: Callable[..., Artifact]
) -> None:
    first = commit().path / MANIFEST
    before = first.read_bytes()
    with store.building("trial", PRINT, resume=False) as partial:
        assert store.commit(partial, manifest(Ledger(), metrics={"late": 1})).path == first.parent
    with store.building("trial", PRINT, resume=False):
        pass
    assert first.read_bytes() == before
    assert [p.name for p in first.parent.parent.iterdir() if p.is_dir()] == [PRINT]


def test_a_folder_without_a_seal_gives_way(store: ArtifactStore, commit: Callable[..., Artifact]) -> None:
    half = store.root / "trial" / PRINT
    half.mkdir(parents=True)
    (half / "half").touch()
    with pytest.raises(DamagedError, match=f"does not match {SEAL}"):
        store.find("trial", PRINT)
    assert commit().damage() == []


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux's list of open files")
def test_every_file_and_folder_is_on_disk_before_the_artifact_is_seen(
    store: ArtifactStore, commit: Callable[..., Artifact], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, real = [], os.fsync

    def fsync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        assert store.find("trial", PRINT) is None or path == store.root / "trial"  # which then holds its name
        synced.append(path)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    artifact = commit()
    partial = artifact.path.with_name(f".{PRINT}.partial")
    assert {partial / p for p in ("data/part-00000.parquet", "note.json", "data", "")} <= set(synced)
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


OTHER = fingerprint("trial", "1", {"seed": 7}, {})


def leave(store: ArtifactStore, print_: str, days: float = 0) -> list[str]:
    """What a killed attempt and one that set a damaged artifact aside leave, so many days ago; the folders' names."""
    folders = [store.root / "trial" / f".{print_}{kind}" for kind in (PARTIAL, SCRATCH, DAMAGED)]
    for folder in folders:
        (folder / "data").mkdir(parents=True)
        (folder / "data" / "shard").touch()
        for path in (folder / "data" / "shard", folder / "data", folder):
            os.utime(path, (time.time() - 86_400 * days,) * 2)
    return sorted(folder.name for folder in folders)


def left(store: ArtifactStore) -> list[str]:
    return sorted(p.name for p in (store.root / "trial").glob(".*") if p.is_dir())


def test_a_crash_between_commit_and_clean_up_costs_neither(
    store: ArtifactStore, commit: Callable[..., Artifact]
) -> None:
    artifact = commit()
    leave(store, PRINT)
    store.sweep("trial", PRINT, resumable=True)
    assert (left(store), artifact.damage()) == ([], [])


@pytest.mark.parametrize(
    ("resumable", "days", "kept"),
    [(True, UNTOUCHED_DAYS - 1, True), (True, UNTOUCHED_DAYS + 1, False), (False, 0, False)],
)
def test_what_killed_attempts_at_other_artifacts_left_is_swept_unless_one_may_go_on_with_it(
    store: ArtifactStore, resumable: bool, days: float, kept: bool
) -> None:
    own, other = leave(store, PRINT, days), leave(store, OTHER, days)
    store.sweep("trial", PRINT, resumable)
    assert left(store) == sorted(own + (other if kept else []))


def test_what_a_live_process_holds_is_never_swept(store: ArtifactStore) -> None:
    with store.building("trial", OTHER, resume=False):
        store.sweep("trial", PRINT, resumable=False)
        assert left(store) == [f".{OTHER}{PARTIAL}"]


def test_what_a_killed_writer_left_never_becomes_part_of_an_artifact(store: ArtifactStore) -> None:
    with store.building("trial", PRINT, resume=True) as partial:
        write(partial / "data", "part-00000", ["a", "b"])
        (partial / "data" / ".part-00001.parquet.4242.partial").touch()
        (partial / ".note.json.4242.partial").touch()
        artifact = store.commit(partial, manifest(Ledger(2, 2)))
    assert [entry["path"] for entry in artifact.manifest["files"]] == ["data/part-00000.parquet"]
    assert artifact.damage() == []


def test_a_folder_of_an_artifact_is_checked_with_it_and_any_other_is_as_it_is(
    store: ArtifactStore, commit: Callable[..., Artifact]
) -> None:
    artifact = commit()
    check_part(artifact.path / "data")
    check_part(store.root / "nowhere" / "data")
    (artifact.path / "note.json").write_text("{}")
    with pytest.raises(DamagedError, match=r"note\.json: 2 bytes instead of 14; the artifact is not used"):
        check_part(artifact.path / "data")


def test_a_later_attempt_finds_no_manifest_of_one_that_was_killed_before_the_rename(store: ArtifactStore) -> None:
    with store.building("trial", PRINT, resume=True) as partial:
        for name in (MANIFEST, SEAL, "shard"):
            (partial / name).touch()
    with store.building("trial", PRINT, resume=True) as partial:
        assert [p.name for p in partial.iterdir()] == ["shard"]
