"""One run, one folder, whatever its id is made of; folders that were named before that are still found."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.errors import UserError
from pipeline.contract.run import Run
from pipeline.contract.run_folder import NAME, folder_name, folder_of, name_without_hash
from plugins.project import run_name

ALIKE = (
    "manual__2026-01-02T03:04:05+00:00",
    "manual__2026-01-02T03:04:05-00:00",
    "manual__2026-01-02T03_04_05_00_00",
    "größe",
    "grüße",
    "gr__e",
    "retrain_chat_model/nightly",
    "retrain_chat_model_nightly",
    "x" * 300,
    "x" * 301,
    "latest",
    ".latest",
    "..",
    "../..",
)


def test_runs_whose_ids_look_alike_have_folders_of_their_own() -> None:
    names = [folder_name(run) for run in ALIKE]
    assert len(set(names)) == len(ALIKE)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}", name), name
        assert name != "latest"


@pytest.mark.parametrize("run", ["20260102T030405", "demo_20260102T030405", "a.b-c_d"])
def test_an_id_that_is_a_folder_name_is_the_folder_name(run: str) -> None:
    assert folder_name(run) == run


def test_of_other_ids_what_can_be_read_is_kept() -> None:
    name = folder_name("manual__2026-01-02T03:04:05+00:00")
    assert re.fullmatch(r"manual__2026-01-02T03_04_05_00_00-[0-9a-f]{12}", name)


def test_equal_ids_of_two_dags_are_two_runs() -> None:
    ours, others = run_name("train_chat_model", "nightly"), run_name("retrain_chat_model", "nightly")
    assert ours == folder_name(ours) == "nightly"
    assert folder_name(others).startswith("retrain_chat_model_nightly-")


def test_a_run_is_opened_by_its_id_as_airflow_says_it(begin: Callable[..., Run]) -> None:
    runs = [begin(run_id=run) for run in ALIKE]
    assert len({run.folder for run in runs}) == len(ALIKE)
    for said, run in zip(ALIKE, runs, strict=True):
        if said == "latest":
            continue  # the newest
        assert Run.open(run.root, said).folder == run.folder
        assert Run.open(run.root, run.folder.name).folder == run.folder


def test_a_folder_of_another_run_is_not_overwritten(begin: Callable[..., Run]) -> None:
    first = begin(run_id="a:b")
    with pytest.raises(UserError, match=r"its folder .* is that of run a:b; give the run another id"):
        begin(run_id=first.folder.name)


def test_a_folder_from_before_is_still_found_and_no_new_one_is_taken_for_it(begin: Callable[..., Run]) -> None:
    said = "manual__2026-01-02T03:04:05+00:00"
    old = begin(run_id=name_without_hash(said))
    runs = old.folder.parent
    assert folder_of(runs, said) != old.folder  # it has a name of its own, and this is another
    (old.folder / NAME).unlink()
    assert folder_of(runs, said) == old.folder
    assert Run.open(old.root, said).folder == old.folder
    assert folder_of(runs, said.replace("+", ":")) == old.folder  # as it was then
    assert begin(run_id=said).folder != old.folder


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., Run]:
    """begin(run_id=...) begins a run of one small file under tmp_path/root."""
    from configs.load import load_profile

    (tmp_path / "chat.jsonl").write_text("{}\n")
    profile = load_profile("scratch", [f"storage.root={tmp_path / 'root'}"], str(tmp_path / "chat.jsonl"))
    return lambda run_id: Run.begin(profile, run_id)
