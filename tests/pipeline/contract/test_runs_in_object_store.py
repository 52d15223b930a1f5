"""A run whose root is in an object store is one run, whichever machine looks at it."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from configs.errors import UserError
from configs.load import load_profile
from pipeline.cli import main
from pipeline.contract import garbage as module
from pipeline.contract.artifact import Ledger
from pipeline.contract.cache import _in_use
from pipeline.contract.champion import champion_fingerprint, note_champion
from pipeline.contract.decisions import Decisions
from pipeline.contract.mirror import CACHE, root_folder
from pipeline.contract.run import Run
from pipeline.contract.stage import config_slice
from pipeline.contract.stages import STAGES
from pipeline.planning.preflight import check
from pipeline.rows.bans import Bans
from tests.object_store import BUCKET, SECRET, Store, use

Begin = Callable[..., Run]
On = Callable[[str], None]
PASSWORD = "wiTh-nObody-else"


@pytest.fixture
def address(s3: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    use(monkeypatch, s3.url)
    s3.files.pipe_file(f"{BUCKET}/chat.jsonl", b'{"messages": []}\n')
    yield f"s3://{BUCKET}/{uuid.uuid4().hex}"
    for lock in [lock for lock in _in_use if tmp_path in lock.parents]:
        _in_use.pop(lock).close()


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> On:
    """on(name): from now on this is a machine of that name."""
    return lambda name: monkeypatch.setenv(CACHE, str(tmp_path / name))


@pytest.fixture
def begin(address: str) -> Begin:
    def begin(name: str, *settings: str) -> Run:
        profile = load_profile("scratch", [f"storage.root={address}", *settings], f"s3://{BUCKET}/chat.jsonl")
        return Run.begin(profile, name)

    return begin


def keys(s3: Store, address: str) -> list[str]:
    return [name for name in s3.files.find(address.removeprefix("s3://")) if s3.files.isfile(name)]


def commit(run: Run, stage: str = "acquire", said: str = "x") -> str:
    """An artifact of a stage, as the run would have it."""
    print_ = run.fingerprint(stage)
    about: dict[str, Any] = {"stage": stage, "version": STAGES[stage].version, "fingerprint": print_, "metrics": {}}
    about["config"] = config_slice(STAGES[stage], run.profile)
    with run.store.building(stage, print_, False) as partial:
        (partial / "note.json").write_text(json.dumps({"said": said}))
        run.store.commit(partial, {**about, "inputs": run.input_fingerprints(stage), "ledger": Ledger()})
    run.record(stage, print_, False, 1.0, datetime.now(UTC))
    return print_


def test_a_run_that_one_machine_began_goes_on_on_another(begin: Begin, on: On, address: str) -> None:
    on("one")
    run = begin("week 1", "seed=7")
    print_ = commit(run)
    assert run.place.startswith(f"{address}/runs/week_1-")
    on("other")
    there = Run.open(root_folder(address))
    assert there.folder != run.folder
    assert there.id == run.id
    assert there.profile == run.profile
    assert there.outcomes() == run.outcomes()
    assert there.artifact("acquire").path.name == print_
    assert Run.open(root_folder(address), "week 1").folder == there.folder


def test_what_runs_share_is_shared(begin: Begin, on: On) -> None:
    on("one")
    run = begin("a")
    Bans().write(run.root)
    note_champion(run.root, "chat", 3, {"train": "f" * 64})
    Decisions(run.root, "q").add({"decision": "approve", "by": "ada"})
    on("other")
    there = begin("b")
    assert Bans.read(there.root) == Bans.read(run.root)
    assert champion_fingerprint(there.root, "chat", "train") == "f" * 64
    Decisions(there.root, "q").add({"decision": "reject", "by": "bo"})
    on("one")
    Decisions(run.root, "q").add({"decision": "approve", "by": "cy"})
    assert [d["by"] for d in Decisions(run.root, "q").journal.read()] == ["ada", "bo", "cy"]


def test_no_credential_is_in_the_store_or_in_what_is_said(
    begin: Begin,
    on: On,
    s3: Store,
    address: str,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    on("one")
    run = begin("a", f"tracking.uri=http://user:{PASSWORD}@mlflow:5000")
    commit(run)
    run.share()
    held = b"".join(map(s3.files.cat_file, keys(s3, address)))
    assert b"acquire" in held
    assert b"mlflow:5000" in held
    files = [path for path in (tmp_path / "one").rglob("*") if path.is_file() and path.name != "credentials.json"]
    here = b"".join(path.read_bytes() for path in files)
    told = "".join(capfd.readouterr()).encode()
    for text in (held, here, told):
        assert PASSWORD.encode() not in text
        assert SECRET.encode() not in text


def test_verify_reads_the_store_and_names_what_is_wrong_there(
    begin: Begin, on: On, s3: Store, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    on("one")
    print_ = commit(begin("a"))
    on("other")
    for arguments in (["verify", "--root", address], ["verify", "--root", address, "--run", "a"]):
        assert main(arguments) == 0
        assert "1 artifacts, 3 files: all as their manifests say" in capsys.readouterr().out
    (blob,) = keys(s3, f"{address}/files")
    s3.files.pipe_file(blob, b'{"said": "y"}')
    assert main(["verify", "--root", address]) == 1
    assert f"{address}/artifacts/acquire/{print_}/note.json: contents changed" in capsys.readouterr().out
    s3.files.pipe_file(f"{address.removeprefix('s3://')}/artifacts/acquire/{print_}.json", b"not a manifest")
    assert main(["verify", "--root", address]) == 1
    assert f"{address}/artifacts/acquire/{print_}.json: does not match its seal" in capsys.readouterr().out


def test_gc_takes_what_no_kept_run_needs(
    begin: Begin,
    on: On,
    s3: Store,
    address: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "YOUNG_DAYS", -1.0)
    on("one")
    old = commit(begin("old", "acquire.sources.0.limit=3"), "score", "old")
    new = commit(begin("new"), "score", "new")
    on("other")
    assert main(["gc", "--root", address, "--keep", "1"]) == 0
    said = capsys.readouterr().out
    assert "run runs/old" in said
    assert f"artifact artifacts/score/{old}" in said
    assert new not in said
    assert main(["gc", "--root", address, "--keep", "1", "--delete"]) == 0
    assert "15 B: deleted" in capsys.readouterr().out
    left = keys(s3, address)
    assert not [name for name in left if "/runs/old/" in name or old in name]
    assert len([name for name in left if "/files/" in name]) == 1
    on("one")
    assert main(["verify", "--root", address]) == 0


def test_training_on_several_machines_is_refused(begin: Begin, on: On, tmp_path: Path) -> None:
    on("one")
    (tmp_path / "hosts").write_text("a slots=1\nb slots=1\n")
    with pytest.raises(UserError, match=r"storage.root is s3://.*; set storage.root to a shared folder"):
        check(begin("a", f"launch.hostfile={tmp_path / 'hosts'}").profile)
