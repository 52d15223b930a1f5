"""One bit is flipped, hundreds of times, in whatever a run keeps and reads again: it is named, and never used."""

import random
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.contract.artifact import MANIFEST, SEAL, ArtifactStore
from pipeline.contract.finished import Finished
from pipeline.contract.run import Run
from pipeline.contract.sealed_json import DamagedError
from tests.artifacts import commit
from tests.flips import flips

FLIPS = 300


def fill(folder: Path) -> None:
    """A file of each kind that stages leave: Parquet, JSON, weights."""
    (folder / "data").mkdir()
    pq.write_table(pa.table({"row_id": [f"{n:032x}" for n in range(50)]}), folder / "data" / "part-00000.parquet")
    (folder / "audit.json").write_text('{"rows": 50, "findings": []}')
    (folder / "model.safetensors").write_bytes(random.Random(1).randbytes(4000))


def test_in_an_artifact(run: Run) -> None:
    artifact = commit(run, "audit", 50, fill)
    files = [p for p in artifact.path.rglob("*") if p.is_file()]
    assert len(files) == 5
    for file in flips(files, FLIPS // 2, seed=1):
        named = artifact.path / MANIFEST if file.name == SEAL else file
        with pytest.raises(DamagedError) as raised:
            ArtifactStore(run.root).find("audit", artifact.path.name)
        assert str(raised.value).startswith(f"{named}: ")
    assert ArtifactStore(run.root).find("audit", artifact.path.name) == artifact


def test_in_what_a_killed_attempt_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    fill(tmp_path / "out")
    files = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    journal = tmp_path / "finished.journal"
    for file in files:
        Finished(journal, tmp_path / "out").add(file)
    for file in flips(files, FLIPS // 6, seed=2):
        assert not Finished(journal, tmp_path / "out").has(file)
        assert capsys.readouterr().out.startswith(f"{file}: is not what an earlier attempt finished")
    for _ in flips([journal], FLIPS // 6, seed=3):
        found = Finished(journal, tmp_path / "out")
        contents = {file: file.read_bytes() for file in files}
        taken = [found.has(file) for file in files]
        assert taken.count(False) >= 1
        for file, content in contents.items():
            file.write_bytes(content)
    assert all(Finished(journal, tmp_path / "out").has(file) for file in files)


def test_in_what_a_run_records(run: Run) -> None:
    run.fingerprint("acquire")
    run.record("acquire", run.fingerprint("acquire"), cached=False, seconds=1, started=datetime.now(UTC))
    profile, record = run.folder / "profile.json", run.folder / "stages" / "acquire.json"
    for file in flips([profile, record], FLIPS // 6, seed=4):
        assert [line.partition(":")[0] for line in Run(run.folder).damage()] == [str(file)]
        if file == profile:
            with pytest.raises(DamagedError):
                _ = Run(run.folder).profile
        else:
            assert Run(run.folder).outcomes() == {}
