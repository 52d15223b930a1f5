"""Who was erased stays out, and nobody else is kept out with them."""

from pathlib import Path

import pytest

from configs.load import load_profile
from pipeline.acquire.batches import Held, batches_of
from pipeline.acquire.reading_plan import plan
from pipeline.acquire.sources import raw_inputs, source_files
from pipeline.contract.fingerprint import FileHashes
from pipeline.contract.sealed_json import DamagedError
from pipeline.rows.bans import FILE, FOLDER, Bans
from pipeline.rows.schema import CONVERSATIONS

SAID = [("user", "Hello, is anybody there?"), ("assistant", "Yes.")]
OTHER = [("user", "Good morning to you"), ("assistant", "Good morning.")]


def test_a_user_is_known_by_id_and_nobody_elses_words_are_theirs() -> None:
    bans = Bans().adding("ann", [SAID], [])
    assert bans.hold("ann", OTHER)
    assert not bans.hold("bob", SAID)
    assert bans.hold(None, [("user", "hello is anybody there"), ("assistant", "yes")])
    assert not bans.hold(None, OTHER)
    assert not Bans().hold("ann", SAID)


def test_the_file_tells_nobody_who_it_is_of(tmp_path: Path) -> None:
    Bans().adding("ann", [SAID], ["f" * 64]).write(tmp_path)
    text = (tmp_path / FOLDER / FILE).read_text()
    assert "ann" not in text
    assert Bans().of("ann") != Bans().of("ann")  # another root's key
    read = Bans.read(tmp_path)
    assert read.hold("ann", OTHER)
    (tmp_path / FOLDER / FILE).write_text(text.replace(read.key, "0" * 64))
    with pytest.raises(DamagedError, match="would come back"):
        Bans.read(tmp_path)


def test_acquire_refuses_what_is_banned_and_accounts_for_it(tmp_path: Path) -> None:
    file = tmp_path / "chats.jsonl"
    row = (
        '{"user_id": "%s", "messages": [{"role": "user", "content": "Hi %s"}, {"role": "assistant", "content": "Hi"}]}'
    )
    file.write_text("".join(row % (name, name) + "\n" for name in ("ann", "bob", "ann")))
    profile = load_profile("scratch", [f"storage.root={tmp_path}"], str(file))
    [source] = profile.acquire.sources
    held = Held()
    bans = Bans().adding("ann", [], [])
    [unit] = plan(source, source_files(source)).units
    kept = [r for b in batches_of(unit, held, lambda _: None, bans) if b.schema == CONVERSATIONS for r in b.to_pylist()]
    assert [row["user_id"] for row in kept] == ["bob"]
    assert held.dropped == {"erased": 2}


def test_only_runs_over_files_that_somebody_was_erased_from_read_anew(tmp_path: Path) -> None:
    inputs = {}
    for name in ("hers", "others"):
        (tmp_path / name).write_text("{}\n" + name)
        inputs[name] = load_profile("scratch", [f"storage.root={tmp_path}"], str(tmp_path / name))
    hashes = FileHashes(tmp_path / "hashes.journal")
    before = {name: raw_inputs(profile, hashes) for name, profile in inputs.items()}
    Bans().adding("ann", [], before["hers"].values()).write(tmp_path)
    after = {name: raw_inputs(profile, hashes) for name, profile in inputs.items()}
    assert after["others"] == before["others"]
    assert after["hers"] != before["hers"]
    Bans.read(tmp_path).adding("bob", [], before["hers"].values()).write(tmp_path)
    assert raw_inputs(inputs["hers"], hashes) != after["hers"]
