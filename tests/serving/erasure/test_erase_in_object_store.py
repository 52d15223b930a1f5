"""A person is gone from a root in an object store, and from the caches of other machines when they next begin a run."""

import uuid
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.contract.fingerprint import FileHashes
from pipeline.contract.mirror import CACHE, Mirror, root_folder
from tests.artifacts import files_with
from tests.object_store import BUCKET, Store, use
from tests.serving.erasure.test_erase import WORD, filled


def test_nothing_of_a_person_is_left_in_an_object_store(
    s3: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, s3.url)
    address = f"s3://{BUCKET}/{uuid.uuid4().hex}"

    def on(machine: str) -> Path:
        monkeypatch.setenv(CACHE, str(tmp_path / machine))
        return root_folder(address)

    def brought(machine: str) -> Path:
        root = on(machine)
        mirror = Mirror.of(root)
        assert mirror
        mirror.pull_runs()
        mirror.bring_everything(FileHashes(root / "hashes.journal"))
        return root

    filled(on("one"))
    assert len(files_with(brought("other"), WORD)) > 10
    on("third")
    assert main(["erase", "--user", "ada", "--root", address, "--profile", "scratch"]) == 0
    assert main(["verify", "--root", address]) == 0, capsys.readouterr().out
    for machine in ("fourth", "other"):
        assert files_with(brought(machine), WORD) == []
    mirror = Mirror.of(on("fourth"))
    assert mirror
    named = {digest for folder in mirror.here() for digest in mirror.digests(folder)}
    held = {
        Path(name).name for name in s3.files.find(f"{address.removeprefix('s3://')}/files") if s3.files.isfile(name)
    }
    assert held == named, "a file that no manifest names may be theirs"
