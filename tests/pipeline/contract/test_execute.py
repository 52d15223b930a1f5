"""Running a stage: what its function sees, what is said meanwhile, and what is written about it."""

import json
import os
import platform
import resource
import threading
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from configs.errors import UserError
from pipeline.contract import execute as execution
from pipeline.contract.artifact import MANIFEST, SEAL, Artifact, ArtifactStore, Ledger
from pipeline.contract.execute import StageContext, execute, run_stage
from pipeline.contract.progress import EVENT_PREFIX
from pipeline.contract.run import Run
from pipeline.contract.stage import Stage

SEEN: dict[str, Any] = {}
"""What the stages below saw when they were last run."""


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    SEEN.clear()


def doubles_two_rows(context: StageContext) -> None:
    (context.out / "note.txt").write_text(context.stage.name)
    context.ledger.rows_in, context.ledger.rows_out = 3000, 3996
    context.ledger.added, context.ledger.dropped = {"copy": 1998}, {"too_short": 2, "language": 1000}


def tells_what_it_sees(context: StageContext) -> None:
    SEEN[context.stage.name] = (context.arguments, context.inputs, sorted(p.name for p in context.out.iterdir()))


def fails_the_first_time(context: StageContext) -> None:
    tells_what_it_sees(context)
    if "failed" not in SEEN:
        SEEN["failed"] = True
        (context.out / "half").touch()
        raise KeyboardInterrupt


def reads(*keys: str) -> Callable[[StageContext], None]:
    SEEN["keys"] = keys
    return reads_the_keys


def reads_the_keys(context: StageContext) -> None:
    SEEN["values"] = [context.config(key) for key in SEEN["keys"]]


def test_the_log_tells_beginning_reasons_and_end(
    run: Run, declare: Callable[..., Stage], capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = run_stage(declare(doubles_two_rows), run)
    run_stage(declare(doubles_two_rows), run)
    begins, *reasons, done, found = capsys.readouterr().out.splitlines()
    assert begins == f"trial: starts, fingerprint {run.fingerprint('trial')[:12]}"
    assert reasons == [
        "trial: dropped 1,000 by language",
        "trial: dropped 2 by too_short",
        "trial: added 1,998 by copy",
    ]
    rows = f"3,000 rows in, 3,996 out, {artifact.path}"
    assert (done[:14], done.partition(" s, ")[2]) == ("trial: done in", rows)
    assert (found[:15], found.partition(" s, ")[2]) == ("trial: found in", rows)


def test_the_orchestrator_hears_of_the_end(
    run: Run, declare: Callable[..., Stage], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLANCE_EVENTS", "1")
    for cached in (False, True):
        run_stage(declare(doubles_two_rows), run)
        *_, last = capsys.readouterr().out.splitlines()
        event = json.loads(last.removeprefix(EVENT_PREFIX))
        assert 0 <= event.pop("seconds") < 60
        assert event == {"event": "stage", "name": "trial", "cached": cached, "rows_in": 3000, "rows_out": 3996}


def test_the_manifest_says_how_long_how_much_memory_and_with_which_libraries(
    run: Run, declare: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(execution.LIBRARIES, "python", ("no-such-library", "pyarrow"))
    manifest = run_stage(declare(doubles_two_rows), run).manifest
    assert manifest["libraries"] == {"python": platform.python_version(), "pyarrow": version("pyarrow")}
    assert 0 <= manifest["timing"]["seconds"] < 60
    assert manifest["timing"]["started"] == run.outcomes()["trial"]["started"]
    peak = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    assert manifest["timing"]["peak_memory_mb"] == pytest.approx(sum(peak) / 1024, rel=0.2)


def test_a_stage_reads_the_sections_and_keys_that_it_declared(run: Run, declare: Callable[..., Stage]) -> None:
    run_stage(declare(reads("seed", "embed", "embed.model"), config=("seed",), settings=("embed",)), run)
    assert SEEN["values"] == [run.profile.seed, run.profile.embed, run.profile.embed.model]


@pytest.mark.parametrize("key", ["embedding", "embedding.device", "audit.topics", "review", "train.steps"])
def test_a_setting_that_was_not_declared_cannot_be_read(run: Run, declare: Callable[..., Stage], key: str) -> None:
    stage = declare(reads(key), config=("seed", "embed"), settings=("audit.min_similarity",))
    with pytest.raises(AssertionError, match=f"trial does not declare {key}"):
        run_stage(stage, run)


def test_a_progress_bar_carries_the_stages_name_or_its_own(run: Run, declare: Callable[..., Stage]) -> None:
    context = StageContext(declare(doubles_two_rows), run.profile, {}, run.folder, run)
    assert context.progress(7).line().startswith("trial:   0%  0/7 rows")
    assert context.progress(7, "files", "trial: BPE").line().startswith("trial: BPE:   0%  0/7 files")


def test_a_task_runs_its_stages_one_after_the_other(run: Run, declare: Callable[..., Stage]) -> None:
    declare(tells_what_it_sees, "second", task="second")
    declare(tells_what_it_sees, "third", task="second", inputs=("second",))
    declare(tells_what_it_sees, "other")
    second, third = execute(run, "second", {"by": "Ada"})
    assert list(SEEN) == ["second", "third"]
    assert SEEN["third"] == ({"by": "Ada"}, {"second": second}, [])
    assert (second.manifest["stage"], third.manifest["inputs"]) == ("second", {"second": run.fingerprint("second")})


def test_a_stage_that_was_told_nothing_has_no_arguments(run: Run, declare: Callable[..., Stage]) -> None:
    run_stage(declare(tells_what_it_sees), run)
    assert SEEN["trial"] == ({}, {}, [])


@pytest.mark.parametrize(("settings", "left"), [({"resumable": True}, ["half"]), ({}, [])])
def test_what_a_failed_attempt_left_is_there_for_a_stage_that_resumes(
    run: Run, declare: Callable[..., Stage], settings: dict[str, bool], left: list[str]
) -> None:
    stage = declare(fails_the_first_time, **settings)
    with pytest.raises(KeyboardInterrupt):
        run_stage(stage, run)
    run_stage(stage, run)
    assert SEEN["trial"][2] == left


def test_what_is_found_is_not_waited_for(
    run: Run, declare: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = declare(tells_what_it_sees)
    made = run_stage(stage, run)
    monkeypatch.delattr(ArtifactStore, "building")
    assert run_stage(stage, run) == made


def test_a_run_that_finds_what_another_made_says_so(run: Run, declare: Callable[..., Stage]) -> None:
    stage, other = declare(tells_what_it_sees), Run.begin(run.profile, "other")
    assert run_stage(stage, other) == run_stage(stage, run)
    assert (other.outcomes()["trial"]["cached"], run.outcomes()["trial"]["cached"]) == (False, True)


def test_what_another_process_made_while_this_one_waited_is_found(
    run: Run, declare: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = declare(tells_what_it_sees)
    missed, real = threading.Event(), ArtifactStore.find

    def find(store: ArtifactStore, name: str, print_: str) -> Artifact | None:
        found = real(store, name, print_)
        if threading.current_thread() is waiting:
            missed.set()
        return found

    waiting = threading.Thread(target=run_stage, args=(stage, run))
    monkeypatch.setattr(ArtifactStore, "find", find)
    with run.store.building("trial", run.fingerprint("trial"), resume=False) as partial:
        waiting.start()
        assert missed.wait(60)
        about = {"stage": "trial", "version": "1", "fingerprint": run.fingerprint("trial"), "config": {}, "inputs": {}}
        run.store.commit(partial, {**about, "ledger": Ledger()})
    waiting.join()
    assert SEEN == {}
    assert run.outcomes()["trial"]["cached"] is True


def flip(file: Path) -> None:
    """One bit in the middle of a file, as a disk might, and the times of its last change set back."""
    content, stat = bytearray(file.read_bytes()), file.stat()
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


DAMAGE: dict[str, Callable[[Path], None]] = {
    "a flipped bit": lambda path: flip(path / "note.txt"),
    "a flipped bit in the manifest": lambda path: flip(path / MANIFEST),
    "a flipped bit in the seal": lambda path: flip(path / SEAL),
    "no seal": lambda path: (path / SEAL).unlink(),
    "no manifest": lambda path: (path / MANIFEST).unlink(),
    "a file that is gone": lambda path: (path / "note.txt").unlink(),
    "a file that was added": lambda path: (path / "more.txt").touch(),
    "a link that leads nowhere": lambda path: (path / "more.txt").symlink_to("nowhere"),
    "a folder in place of a file": lambda path: (path / "note.txt").rename(path / "more").with_name("note.txt").mkdir(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_artifact_is_named_and_made_again(
    run: Run, declare: Callable[..., Stage], capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    stage = declare(doubles_two_rows)
    made = run_stage(stage, run)
    files = {p.name: p.read_bytes() for p in made.path.iterdir() if p.name == "note.txt"}
    DAMAGE[damage](made.path)
    assert not run.is_cached("trial")
    capsys.readouterr()
    again = run_stage(stage, run)
    assert (again, again.damage()) == (made, [])
    assert {p.name: p.read_bytes() for p in again.path.iterdir() if p.name not in (MANIFEST, SEAL)} == files
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"trial: {made.path}/")
    assert "the artifact is not used" in first
    assert [p.name for p in made.path.parent.iterdir() if p.is_dir()] == [made.path.name]


def test_a_stage_does_not_begin_on_a_damaged_input_that_cannot_be_made_again(
    run: Run, declare: Callable[..., Stage], capfd: pytest.CaptureFixture[str]
) -> None:
    """In the process that would make it again nobody declares the stage of this test."""
    flip(run_stage(declare(doubles_two_rows), run).path / "note.txt")
    reader = declare(tells_what_it_sees, "reader", inputs=("trial",))
    with pytest.raises(UserError, match=r"trial: could not make trial again \(status 2\); its last lines above say"):
        run_stage(reader, run)
    assert SEEN == {}
    assert "reader: the artifact of trial is damaged, task trial makes it again" in capfd.readouterr().out


def grows_its_source(context: StageContext) -> None:
    with Path(context.profile.acquire.sources[0].path or "").open("a") as file:
        file.write("{}\n")


def test_a_source_that_changes_while_it_is_read_makes_no_artifact(run: Run, declare: Callable[..., Stage]) -> None:
    stage = declare(grows_its_source, raw="pipeline.acquire.sources:raw_inputs")
    with pytest.raises(UserError, match=r"chat\.jsonl has changed .*, while the stage was reading; begin a new run"):
        run_stage(stage, run)
    assert list(run.store.root.glob("trial/[!.]*")) == []


def test_a_run_goes_on_with_what_it_read_of_a_source_that_has_grown(
    run: Run, declare: Callable[..., Stage], capsys: pytest.CaptureFixture[str]
) -> None:
    stage = declare(doubles_two_rows, raw="pipeline.acquire.sources:raw_inputs")
    made = run_stage(stage, run)
    source = Path(run.profile.acquire.sources[0].path or "")
    source.write_text("{}\n{}\n")
    capsys.readouterr()
    assert execute(Run(run.folder), "trial") == [made]
    said, _ = capsys.readouterr().out.splitlines()
    assert "chat.jsonl has changed since run test read it; this run goes on with what it read" in said
    flip(made.path / "note.txt")
    with pytest.raises(UserError, match=r"chat\.jsonl has changed .*, and the artifact that was made of it is not"):
        execute(Run(run.folder), "trial")
