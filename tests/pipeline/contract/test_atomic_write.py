"""A file is the old one or the new one, whatever becomes of who writes it."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.contract.atomic_write import remove_partials, replacing, sweep_partials, write_text

WRITES_HALF_AND_WAITS = """
import sys, time
from pathlib import Path
from pipeline.contract.atomic_write import replacing
with replacing(Path(sys.argv[1]), durable=True) as partial:
    with partial.open("w") as file:
        file.write("half of the ne")
        file.flush()
        print("written", flush=True)
        time.sleep(600)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_writer_that_is_killed_leaves_the_old_file_and_a_partial_one_that_the_next_attempt_removes(
    tmp_path: Path,
) -> None:
    file = tmp_path / "plan.json"
    write_text(file, "old")
    command = [sys.executable, "-c", WRITES_HALF_AND_WAITS, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        assert file.read_text() == "old"
        writer.kill()
    assert file.read_text() == "old"
    [left, name] = names(tmp_path)
    assert (name, left.startswith(".plan.json."), left.endswith(".partial")) == ("plan.json", True, True)
    remove_partials(tmp_path)
    assert names(tmp_path) == ["plan.json"]


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    write_text(file, "old")

    def fails() -> None:
        with replacing(file) as partial:
            partial.write_text("ne")
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        fails()
    assert file.read_text() == "old"
    assert names(tmp_path) == ["plan.json"]


@pytest.mark.parametrize("durable", [False, True])
def test_a_writer_that_ends_leaves_the_new_file_and_nothing_else(tmp_path: Path, durable: bool) -> None:
    file = tmp_path / "part-00000.parquet"
    for text in ("old", "new"):
        with replacing(file, durable) as partial:
            partial.write_text(text)
            assert not list(tmp_path.glob("*.parquet")) or text == "new"
    assert file.read_text() == "new"
    assert names(tmp_path) == ["part-00000.parquet"]


def test_partial_names_hide_from_whoever_reads_a_folder_of_parts_and_no_two_are_the_same(tmp_path: Path) -> None:
    file = tmp_path / "part-00000.parquet"
    with replacing(file) as one, replacing(file) as other:
        one.touch()
        other.touch()
        assert one != other
        assert not list(tmp_path.glob("*.parquet"))
        assert len(list(tmp_path.glob(".part-00000.parquet.*.partial"))) == 2


def test_what_is_not_a_writers_is_not_removed(tmp_path: Path) -> None:
    kept = ["notes.partial", ".lock", "part-00000.parquet"]
    for name in kept:
        (tmp_path / name).touch()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / ".part-00000.parquet.0123.partial").touch()
    remove_partials(tmp_path)
    assert names(tmp_path) == sorted([*kept, "data"])
    assert names(tmp_path / "data") == []


def test_a_small_file_is_replaced_once_its_new_text_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "plan.json"
    write_text(file, "old")
    seen, real = [], os.fsync

    def fsync(handle: int) -> None:
        seen.append((os.fstat(handle).st_size, file.read_text()))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(file, "grün")
    assert seen == [(5, "old")]
    assert file.read_text(encoding="utf-8") == "grün"


def test_what_killed_writers_of_small_files_left_is_swept_and_what_a_live_one_writes_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, live = tmp_path / ".report.json.0123.partial", tmp_path / ".promote.json.4567.partial"
    for partial in (left, live):
        partial.touch()
        os.utime(partial, (0, 0))
    (tmp_path / "kept.partial").touch()
    with live.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        sweep_partials(tmp_path)
        assert names(tmp_path) == [live.name, "kept.partial"]
    sweep_partials(tmp_path)
    assert names(tmp_path) == ["kept.partial"]

    seen, real = [], os.fsync

    def fsync(handle: int) -> None:
        os.utime(handle, (0, 0))
        sweep_partials(tmp_path)
        seen.append(names(tmp_path))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(tmp_path / "plan.json", "new")
    assert [len(found) for found in seen] == [2]
    assert names(tmp_path) == ["kept.partial", "plan.json"]
