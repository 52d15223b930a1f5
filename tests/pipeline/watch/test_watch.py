"""New files against a champion's corpus, by the pipeline's own rules and encoder."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from configs.load import load_profile
from configs.profile import Profile
from pipeline.contract.run import Run
from pipeline.drift.drift import NONE_YET
from pipeline.rows.schema import CONVERSATIONS
from pipeline.watch.prepared import prepared
from pipeline.watch.reasons import Ratings
from pipeline.watch.unread import unread
from pipeline.watch.watch import told, watched
from tests import artifacts
from tests.pipeline.drift.corpora import hold, reign

FOOD = ["soup", "bread", "cheese", "rice", "salad", "pasta", "apples", "beans", "fish", "butter", "onions", "honey"]
SPORT = [
    "football",
    "tennis",
    "rowing",
    "boxing",
    "cycling",
    "hockey",
    "running",
    "golf",
    "chess",
    "judo",
    "polo",
    "golf",
]


def conversations(things: list[str], rows: int, seed: int, told_by: str) -> Iterator[dict[str, object]]:
    draw = Random(seed)
    for number in range(rows):
        one, other, third = draw.sample(things, 3)
        prompt = f"Do you like {one} or {other} better, and why is that so for number {draw.randrange(10**6)}?"
        reply = f"I think that {other} with some {third} is nicer, {draw.choice(['really', 'often', 'perhaps'])}."
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}]
        yield {"messages": turns, "conversation_id": f"{told_by} {number}"}


def write(file: Path, things: list[str], rows: int, seed: int) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(json.dumps(c) + "\n" for c in conversations(things, rows, seed, file.stem)))


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """Of one folder, whose first file a champion was made of."""
    write(tmp_path / "chats" / "first.jsonl", FOOD, 260, 1)
    source = [{"name": "chats", "path": str(tmp_path / "chats")}]
    settings = [f"storage.root={tmp_path / 'root'}", f"acquire.sources={json.dumps(source)}", "drift.resamples=200"]
    return load_profile("scratch", [*settings, "watch.rows=400", "watch.min_rows=100", "deduplicate.jaccard=0.9"])


def made_champion(profile: Profile) -> Run:
    run = Run.begin(profile, "first")
    new = unread(profile, run.store, 1000).sample
    artifacts.commit_parts(run, "acquire", [new.to_pylist()], CONVERSATIONS)
    hold(run, prepared(new, profile))
    run.record("acquire", run.fingerprint("acquire"), False, 1.0, datetime.now(UTC))
    reign(run)
    return run


def test_what_is_new_is_prepared_as_the_pipeline_prepares_and_compared_with_the_champions(
    profile: Profile, tmp_path: Path
) -> None:
    empty = watched(profile, Run.begin(profile, "first").store, Ratings())
    assert empty["why"] == NONE_YET
    store = made_champion(profile).store
    assert watched(profile, store, Ratings())["rows"] == 0

    write(tmp_path / "chats" / "alike.jsonl", FOOD, 200, 2)
    alike = watched(profile, store, Ratings(liked=10, disliked=90))
    assert (alike["rows"], alike["why"], alike["version"]) == (200, "", 3)
    assert alike["findings"] == []
    assert [reason.partition(":")[0] for reason in alike["reasons"]] == ["quality"]

    write(tmp_path / "chats" / "alike.jsonl", SPORT, 200, 3)
    other = watched(profile, store, Ratings())
    assert {"vocabulary", "embedding"} <= {finding["subject"] for finding in other["findings"]}
    assert all(reason.startswith("drift: ") for reason in other["reasons"])
    assert other["digest"] != alike["digest"]
    lines = told(other)
    assert lines[0] == "200 new conversations in 1 files that no run has read"
    assert any(line.startswith("drift: warning: vocabulary: ") for line in lines)

    write(tmp_path / "chats" / "few.jsonl", SPORT, 30, 4)
    (tmp_path / "chats" / "alike.jsonl").unlink()
    few = watched(profile, store, Ratings())
    assert few["why"] == "30 new conversations are fewer than watch.min_rows (100)"
    assert told(few)[-1] == "no reason to train anew"


def test_the_command_writes_what_it_found_and_starts_nothing(profile: Profile, tmp_path: Path) -> None:
    import yaml

    from pipeline.cli import main

    write(tmp_path / "chats" / "more.jsonl", SPORT, 300, 3)
    file, out = tmp_path / "profile.yaml", tmp_path / "found.json"
    file.write_text(yaml.safe_dump(profile.model_dump(mode="json")))
    assert main(["watch", "--profile", str(file), "--root", str(tmp_path / "root"), "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["rows"] == 560
    assert found["reasons"] == ["rows: 560 conversations that no run has read (watch.rows 400)"]
    assert found["ratings"] == {"liked": 0, "disliked": 0}
    assert not (tmp_path / "root" / "serving").exists(), "nobody is served, and no database is made for it"
