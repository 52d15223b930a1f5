"""parlance verify: what was changed, lost or added under a root has its line, and never a trace."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from configs.load import load_profile
from pipeline.cli import main
from pipeline.contract.artifact import HASHES, MANIFEST, SEAL, Artifact
from pipeline.contract.run import Run
from pipeline.report.report import write_report
from tests.artifacts import commit

Verify = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that has made acquire of one file, and of no row."""
    (tmp_path / "chat.jsonl").write_text("{}\n")
    settings = [f"storage.root={tmp_path / 'root'}"]
    run = Run.begin(load_profile("scratch", settings, str(tmp_path / "chat.jsonl")), "first")
    commit(run, "acquire", 0, lambda folder: (folder / "note.txt").write_text("as it was"))
    run.record("acquire", run.fingerprint("acquire"), cached=False, seconds=1, started=datetime.now(UTC))
    return run


@pytest.fixture
def verify(run: Run, capsys: pytest.CaptureFixture[str]) -> Verify:
    """verify(*arguments) is the exit status and the lines that name a file."""

    def verify(*arguments: str) -> tuple[int, list[str]]:
        capsys.readouterr()
        status = main(["verify", "--root", str(run.root), *arguments])
        said = capsys.readouterr()
        assert said.err == ""
        return status, [line for line in said.out.splitlines() if line.startswith(str(run.root))]

    return verify


def artifact(run: Run) -> Artifact:
    return run.store.at("acquire", run.fingerprint("acquire"))


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8 % len(content)] ^= 1 << bit % 8
    path.write_bytes(content)


@pytest.mark.parametrize("arguments", [(), ("--run", "first")])
def test_what_is_as_it_was_is_said_to_be(verify: Verify, arguments: tuple) -> None:
    assert verify(*arguments) == (0, [])


def link_to_nowhere(path: Path) -> None:
    (path / "note.txt").unlink()
    (path / "note.txt").symlink_to("nowhere")


LOST: dict[str, tuple[Callable[[Path], object], str]] = {
    "a deleted seal": (lambda path: (path / SEAL).unlink(), f"/{MANIFEST}: does not match {SEAL}"),
    "a deleted manifest": (lambda path: (path / MANIFEST).unlink(), f"/{MANIFEST}: does not match {SEAL}"),
    "a deleted artifact": (shutil.rmtree, ": gone, and run first recorded it"),
    "a deleted file": (lambda path: (path / "note.txt").unlink(), "/note.txt: missing"),
    "an added file": (lambda path: (path / "more").touch(), "/more: not in the manifest"),
    "an added link that leads nowhere": (lambda path: (path / "more").symlink_to("no"), "/more: not in the manifest"),
    "a file that has become such a link": (link_to_nowhere, "/note.txt: a link that leads nowhere"),
}


@pytest.mark.parametrize("arguments", [(), ("--run", "first")])
@pytest.mark.parametrize("lost", LOST)
def test_what_was_lost_or_added_is_named(run: Run, verify: Verify, lost: str, arguments: tuple) -> None:
    damage, line = LOST[lost]
    damage(artifact(run).path)
    assert verify(*arguments) == (1, [f"{artifact(run).path}{line}"])


def test_a_flipped_bit_in_any_file_is_named(run: Run, verify: Verify) -> None:
    path, folder = artifact(run).path, run.folder
    run.store.hashes.memory.append([["0" * 64, 0, 0, 0, 0, 0]])
    write_report(run)
    files = [path / MANIFEST, path / SEAL, path / "note.txt", folder / "profile.json", run.root / HASHES]
    for file in [*files, folder / "stages" / "acquire.json", folder / "report.json", folder / "report.html"]:
        content = file.read_bytes()
        for bit in range(3, 8 * len(content), max(1, 8 * len(content) // 12)):
            flip(file, bit)
            status, (line,) = verify()
            assert (status, line.partition(":")[0]) == (1, str(file if file.name != SEAL else path / MANIFEST))
            file.write_bytes(content)
    assert verify() == (0, [])


def test_a_source_that_has_grown_is_no_damage_to_the_run_that_read_it(
    run: Run, verify: Verify, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "chat.jsonl").write_text("{}\n{}\n")
    assert verify("--run", "first") == (0, [])
    main(["verify", "--root", str(run.root), "--run", "first"])
    assert (
        "chat.jsonl has changed since run first read it; the run's artifacts are of what it" in capsys.readouterr().out
    )
