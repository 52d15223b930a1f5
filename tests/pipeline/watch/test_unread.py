"""What no run has read: new files, and of grown files the new lines."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from configs.load import load_profile
from configs.profile import Profile
from pipeline.acquire.batches import Held, batches_of
from pipeline.acquire.reading_plan import plan
from pipeline.acquire.sources import source_files
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from pipeline.rows.schema import CONVERSATIONS
from pipeline.watch.unread import unread
from tests import artifacts


def write(folder: Path, name: str, numbers: range) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / name).open("a") as file:
        for number in numbers:
            turns = [{"role": "user", "content": f"Question {number}?"}, {"role": "assistant", "content": f"{number}!"}]
            file.write(json.dumps({"messages": turns}) + "\n")


def profile_of(tmp_path: Path, *settings: str) -> Profile:
    source = [{"name": "chats", "path": str(tmp_path / "chats")}, {"name": "demo", "package": "chatterbot-corpus"}]
    return load_profile(
        "scratch", [f"storage.root={tmp_path / 'root'}", f"acquire.sources={json.dumps(source)}", *settings]
    )


def acquired(profile: Profile, name: str) -> Run:
    """A run that has read the files of the first source, and leaves acquire's artifact."""
    run, source = Run.begin(profile, name), profile.acquire.sources[0]
    found = [b for unit in plan(source, source_files(source)).units for b in batches_of(unit, Held(), lambda _: None)]
    rows = pa.Table.from_batches(found, CONVERSATIONS).to_pylist()
    artifacts.commit_parts(run, "acquire", [rows], CONVERSATIONS)
    run.record("acquire", run.fingerprint("acquire"), False, 1.0, datetime.now(UTC))
    return run


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    write(tmp_path / "chats", "one.jsonl", range(5))
    return tmp_path / "chats"


def test_before_any_run_all_is_new_and_packages_never_are(chats: Path) -> None:
    profile = profile_of(chats.parent)
    found = unread(profile, Run.begin(profile, "x").store, 100)
    assert (found.rows, [*found.labels], found.at_least) == (5, ["chats/one.jsonl"], False)


def test_what_a_run_has_read_is_not_new_whatever_the_file_is_called(chats: Path) -> None:
    profile = profile_of(chats.parent)
    run = acquired(profile, "first")
    assert unread(profile, run.store, 100).rows == 0
    (chats / "one.jsonl").rename(chats / "uno.jsonl")
    assert unread(profile, run.store, 100).labels == {}


def test_a_new_file_is_new_and_of_a_grown_one_its_new_lines(chats: Path) -> None:
    profile = profile_of(chats.parent)
    run = acquired(profile, "first")
    write(chats, "two.jsonl", range(10, 13))
    write(chats, "one.jsonl", range(5, 7))
    found = unread(profile, run.store, 100)
    assert set(found.labels) == {"chats/one.jsonl", "chats/two.jsonl"}
    said = {row["messages"][0]["content"] for row in found.sample.to_pylist()}
    assert (found.rows, said) == (5, {f"Question {n}?" for n in (5, 6, 10, 11, 12)})
    later = acquired(profile, "second")
    assert unread(profile, later.store, 100).rows == 0


def test_of_a_source_with_a_limit_what_a_run_would_read_is_new(chats: Path) -> None:
    write(chats, "two.jsonl", range(100, 140))
    limited = [{"name": "chats", "path": str(chats), "limit": 9}]
    profile = profile_of(chats.parent, f"acquire.sources={json.dumps(limited)}")
    first = Run.begin(profile, "first")
    found = unread(profile, first.store, 100)
    execute(first, "acquire")
    assert found.rows == 9
    assert rows_of(first) == {row["row_id"] for row in found.sample.to_pylist()}
    write(chats, "three.jsonl", range(200, 230))
    found = unread(profile, first.store, 100)
    second = Run.begin(profile, "second")
    execute(second, "acquire")
    assert 0 < found.rows < 9
    assert rows_of(second) - rows_of(first) == {row["row_id"] for row in found.sample.to_pylist()}
    assert unread(profile, second.store, 100).rows == 0


def rows_of(run: Run) -> set[str]:
    return set(run.artifact("acquire").read().to_table(columns=["row_id"])["row_id"].to_pylist())


def test_equal_files_have_one_digest_and_others_another(chats: Path) -> None:
    profile = profile_of(chats.parent)
    store = Run.begin(profile, "x").store
    before = unread(profile, store, 100).digest
    assert unread(profile, store, 10).digest == before
    write(chats, "two.jsonl", range(1))
    assert unread(profile, store, 100).digest != before


def test_reading_stops_and_the_sample_is_bounded(chats: Path) -> None:
    write(chats, "many.jsonl", range(100, 5000))
    profile = profile_of(chats.parent, "watch.max_rows=1000")
    found = unread(profile, Run.begin(profile, "x").store, 50)
    assert found.at_least
    assert 1000 <= found.rows < 4000
    assert 50 <= found.sample.num_rows <= 100 + 2000
    assert found.sample["row_id"][0].as_py() < "2" * 32, "those of the lowest row_ids are kept"


def test_who_was_erased_is_not_read(chats: Path) -> None:
    from pipeline.rows.bans import Bans

    profile = profile_of(chats.parent)
    store = Run.begin(profile, "x").store
    with (chats / "one.jsonl").open("a") as file:
        turns = [{"role": "user", "content": "I am Ada."}, {"role": "assistant", "content": "Hello."}]
        file.write(json.dumps({"messages": turns, "user_id": "ada"}) + "\n")
    assert unread(profile, store, 100).rows == 6
    Bans.read(store.root.parent).adding("ada", [], []).write(store.root.parent)
    assert unread(profile, store, 100).rows == 5
