"""Who waits for another process's artifact says for whom, since when, and again every few seconds."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.contract.artifact import ArtifactStore
from pipeline.contract.lock import alone, shared

HOLDER = """
import sys, time
from pathlib import Path
from pipeline.contract.artifact import ArtifactStore
with ArtifactStore(Path(sys.argv[1])).building("trial", "0123", resume=False, run="the-first"):
    print("holds", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def holder(root: Path, seconds: float) -> subprocess.Popen[str]:
    """Another process, that makes the artifact for so long."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "holds\n"
    return process


def test_the_wait_is_told_with_run_process_machine_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipeline.contract.lock.SPEAKS_SECONDS", 0.3)
    other = holder(tmp_path, 1.5)
    with ArtifactStore(tmp_path).building("trial", "0123", resume=False):
        assert other.wait() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 2
    form = rf"trial: its artifact is being made by run the-first, process {other.pid} on \S+, since .+; has waited"
    assert all(re.match(form, line) for line in lines)


def test_the_lock_of_a_killed_process_is_free_and_names_the_next(tmp_path: Path) -> None:
    other = holder(tmp_path, 60)
    other.kill()
    other.wait()
    said: list[str] = []
    store = ArtifactStore(tmp_path)
    store.await_others("trial", "0123", said.append)
    with store.building("trial", "0123", resume=False, run="the-second"):
        text = (tmp_path / "artifacts" / "trial" / ".0123.lock").read_text()
    assert text.startswith(f"run the-second, process {os.getpid()} on ")
    assert said == []


def test_a_wait_without_building_ends_with_the_other_process(tmp_path: Path) -> None:
    said: list[str] = []
    other = holder(tmp_path, 0.7)
    ArtifactStore(tmp_path).await_others("trial", "0123", said.append)
    assert other.wait(5) == 0
    assert len(said) == 1


def test_nobody_waits_for_what_nobody_has_begun(tmp_path: Path) -> None:
    ArtifactStore(tmp_path).await_others("trial", "0123")
    assert not (tmp_path / "artifacts").exists()


def test_who_shares_waits_for_who_has_it_alone_and_says_for_whom(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from pipeline.contract.lock import alone\n"
    code += "with alone(Path(sys.argv[1])): print('holds', flush=True); time.sleep(0.7)"
    command = [sys.executable, "-c", code, str(tmp_path / "lock")]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert other.stdout
    assert other.stdout.readline() == "holds\n"
    said: list[str] = []
    with shared(tmp_path / "lock", "is held by", said.append), shared(tmp_path / "lock", "is held by", said.append):
        assert other.wait(5) == 0
        with alone(tmp_path / "lock") as free:
            assert not free
    assert len(said) == 1
    assert said[0].startswith("is held by another process; has waited ")
