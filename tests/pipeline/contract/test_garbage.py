"""What a kept run or a promoted model needs stays whole; the rest goes, and gives back what was said."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.load import load_profile
from pipeline.cli import main
from pipeline.contract import garbage as module
from pipeline.contract.artifact import Artifact, Ledger
from pipeline.contract.execute import StageContext, run_stage
from pipeline.contract.garbage import Garbage, garbage
from pipeline.contract.parts import Part, PartStore
from pipeline.contract.run import Run
from pipeline.contract.stage import Stage, config_slice
from pipeline.contract.stages import STAGES

BYTES = 1000
Week = Callable[..., Run]


@pytest.fixture(autouse=True)
def _old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "YOUNG_DAYS", -1.0)


@pytest.fixture
def week(tmp_path: Path) -> Week:
    """week(number, "ab") is a run whose acquire is made of the parts a and b."""

    def begin(number: int, letters: str, *settings: str) -> Run:
        file = tmp_path / f"{letters}.jsonl"
        file.write_text(letters)
        run = Run.begin(
            load_profile("scratch", [f"storage.root={tmp_path / 'root'}", *settings], str(file)), f"w{number}"
        )
        os.utime(run.folder / "profile.json", (number, number))
        commit(run, letters)
        return run

    return begin


def commit(run: Run, letters: str) -> None:
    """The artifact of acquire, of parts, as a stage would. It has the files of all but c, which was only read."""
    store, parts = PartStore(run.root, run.id), [Part("acquire", "1", {}, {"data": letter}) for letter in letters]

    def make(missing: list[Part]) -> None:
        for part in missing:
            with store.making(part) as made:
                (made.folder / "data.txt").write_text(part.inputs["data"] * BYTES)

    found, _ = store.obtain(parts, run.file_hashes, make)
    print_ = run.fingerprint("acquire")
    with run.store.building("acquire", print_, False) as partial:
        of_files = {}
        for part in (part for part in found.values() if part.manifest["inputs"]["data"] != "c"):
            name = f"{part.path.name[:16]}.txt"
            run.file_hashes.link(part.path / "data.txt", partial / name, part.digests["data.txt"])
            of_files[name] = part.path.name
        about = {"stage": "acquire", "version": STAGES["acquire"].version, "fingerprint": print_, "metrics": {}}
        inputs = {"config": config_slice(STAGES["acquire"], run.profile), "inputs": run.input_fingerprints("acquire")}
        run.store.commit(partial, about | inputs | {"ledger": Ledger(), "parts": of_files, "made_of": [*found]})


def made_of(artifact: Artifact) -> set[str]:
    return {(part.path / "data.txt").read_text()[0] for part in artifact.made_of}


def test_all_that_runs_need_is_kept(week: Week, tmp_path: Path) -> None:
    week(1, "ab"), week(2, "abc")
    found = garbage(tmp_path / "root", None, [])
    assert (found.runs, found.artifacts, found.parts, found.bytes) == ([], [], [], 0)


def test_what_only_a_run_that_is_not_kept_needs_goes_and_gives_back_what_was_said(week: Week, tmp_path: Path) -> None:
    old, new = week(1, "ab"), week(2, "bc")
    before = stored(tmp_path / "root")
    found = garbage(tmp_path / "root", 1, [])
    assert found.runs == [old.folder]
    assert found.artifacts == [old.artifact("acquire").path]
    assert [part.read_text()[0] for folder in found.parts for part in folder.glob("data.txt")] == ["a"]
    found.delete()
    assert before - stored(tmp_path / "root") == found.bytes
    assert new.artifact("acquire").damage() == []
    assert made_of(new.artifact("acquire")) == {"b", "c"}
    assert garbage(tmp_path / "root", 1, []).bytes == 0


def test_the_run_of_a_promoted_model_is_kept_with_all_that_it_follows_from(week: Week, tmp_path: Path) -> None:
    old, middle, _ = week(1, "a"), week(2, "b"), week(3, "c")
    found = garbage(tmp_path / "root", 1, [old.artifact("acquire").path / "model"])
    assert found.artifacts == [middle.artifact("acquire").path]


def test_a_run_that_a_kept_one_compares_with_is_kept(week: Week, tmp_path: Path) -> None:
    week(1, "a"), week(2, "b"), week(3, "c", "deduplicate.earlier=[w1]")
    assert [path.name for path in garbage(tmp_path / "root", 1, []).runs] == ["w2"]


def test_what_is_young_stays(week: Week, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    week(1, "a"), week(2, "b")
    monkeypatch.setattr(module, "YOUNG_DAYS", 1.0)
    found = garbage(tmp_path / "root", 1, [])
    assert (found.artifacts, found.parts) == ([], [])


def reads_a_part_while_room_is_made(context: StageContext) -> None:
    store, part = context.part_store, context.part({}, {"data": "d"})

    def make(missing: list[Part]) -> None:
        with store.making(missing[0]) as made:
            (made.folder / "data.txt").write_text("d")

    [held] = context.obtain([part], make)
    assert context.run.folder not in garbage(context.run.root, 1, []).runs
    Garbage(context.run.root, [], [], [held.path], 0).delete()
    garbage(context.run.root, 1, []).delete()
    context.metrics["read"] = (held.path / "data.txt").read_text()


def test_parts_stay_while_a_stage_that_has_them_is_running_and_so_does_its_run(
    week: Week, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = f"{__name__}:reads_a_part_while_room_is_made"
    monkeypatch.setitem(STAGES, "trial", Stage("trial", entry=entry, inputs=("acquire",)))
    old, new = week(1, "a"), week(2, "b")
    run_stage(STAGES["trial"], old)
    assert old.artifact("trial").metrics == {"read": "d"}
    found = garbage(tmp_path / "root", 1, [])
    assert found.runs == [old.folder]
    assert [path.parent.name for path in found.parts] == ["acquire", "trial"]
    assert new.folder.is_dir()


def test_an_interrupted_deletion_ends_with_the_next(week: Week, tmp_path: Path) -> None:
    week(1, "a"), week(2, "b")
    found = garbage(tmp_path / "root", 1, [])
    found.artifacts[0].rename(found.artifacts[0].with_name(f".{found.artifacts[0].name}.deleted"))
    garbage(tmp_path / "root", 1, []).delete()
    assert list((tmp_path / "root").rglob("*.deleted")) == []
    assert len(list((tmp_path / "root" / "artifacts" / "acquire").glob("[!.]*"))) == 1


def test_the_command_deletes_nothing_unless_told(
    week: Week, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, _ = week(1, "a"), week(2, "b")
    arguments = ["gc", "--root", str(tmp_path / "root"), "--keep", "1"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert f"artifact artifacts/acquire/{old.fingerprint('acquire')}\n" in said
    assert "1 runs, 1 artifacts and 1 parts" in said
    assert "--delete deletes them" in said
    assert old.folder.is_dir()
    assert main([*arguments, "--delete"]) == 0
    assert not old.folder.exists()
    assert main([*arguments[:-1], "0"]) == 2
    assert "--keep 0: at least one run is kept" in capsys.readouterr().err


def stored(root: Path) -> int:
    files = {
        (s.st_dev, s.st_ino): s.st_size
        for s in (p.lstat() for p in root.rglob("*") if p.is_file() and p.suffix != ".journal")
    }
    return sum(files.values())
