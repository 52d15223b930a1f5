"""What is written of consented conversations, and that acquire reads it as it was meant."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from configs.load import load_profile
from pipeline.acquire.sources import LOCK, standing_still
from serving.dialogue import feedback
from serving.dialogue.feedback import append
from tests.pipeline.acquire.files import read, rejected, turns
from tests.serving.dialogue.conftest import Talk

LONG = 1e12


def written(talk: Talk, name: str) -> list[dict[str, Any]]:
    talk.dialogue.feedback.write(time.time(), settled=True)
    files = sorted(talk.dialogue.feedback.folder.glob(f"{name}-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def consents(talk: Talk, *users: str) -> None:
    for user in users:
        talk.dialogue.sessions.set_consent(user, True)


def test_nothing_is_written_of_those_who_did_not_consent(talk: Talk) -> None:
    talk.say("ann", "Hello", "Hi")
    consents(talk, "ann")  # does not reach back
    talk.say("bob", "Hello", "Hi")
    assert written(talk, "conversations") == written(talk, "preferences") == []
    talk.say("ann", "How are you?", "Well.")
    [record] = written(talk, "conversations")
    assert (record["user_id"], record["messages"][0]["content"]) == ("ann", "How are you?")
    talk.dialogue.sessions.set_consent("ann", False)
    talk.say("ann", "Private again", "Yes.")
    assert len(written(talk, "conversations")) == 1


def test_a_conversation_that_goes_on_is_written_again_and_learned_once(talk: Talk) -> None:
    consents(talk, "ann")
    first = talk.say("ann", "One", "1")
    assert len(written(talk, "conversations")) == 1
    talk.say("ann", "Two", "2", first.conversation)
    weights = [[m.get("weight") for m in record["messages"]] for record in written(talk, "conversations")]
    assert weights == [[None, 1], [None, 0, None, 1]]
    assert len(written(talk, "conversations")) == 2


def test_what_has_not_settled_waits(talk: Talk) -> None:
    consents(talk, "ann")
    talk.say("ann", "One", "1")
    assert talk.dialogue.feedback.write(time.time()) == 0
    assert talk.dialogue.feedback.write(time.time() + 3600) == 1


def test_a_disliked_reply_is_context_and_a_correction_is_preferred(talk: Talk) -> None:
    consents(talk, "ann")
    first = talk.say("ann", "2 + 2?", "5")
    second = talk.say("ann", "3 + 3?", "6", first.conversation)
    talk.say("ann", "4 + 4?", "9", first.conversation)
    talk.dialogue.sessions.judge("ann", first.message_id, -1, "4")
    talk.dialogue.sessions.judge("ann", second.message_id, 1, None)
    [record] = written(talk, "conversations")
    assert [m.get("weight") for m in record["messages"]] == [None, 0, None, 1, None, 1]
    [pair] = written(talk, "preferences")
    assert pair["prompt"] == [{"role": "user", "content": "2 + 2?"}]
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == ("4", "5")


def test_a_correction_that_comes_later_is_written_then_and_once(talk: Talk) -> None:
    consents(talk, "ann")
    exchange = talk.say("ann", "2 + 2?", "5")
    assert written(talk, "preferences") == []
    talk.dialogue.sessions.judge("ann", exchange.message_id, None, "4")
    assert len(written(talk, "preferences")) == len(written(talk, "preferences")) == 1


@pytest.mark.parametrize(
    ("first", "second", "goes_on", "pairs"),
    [
        (None, None, False, 0),  # asked again and left: nobody knows which is better
        (None, None, True, 1),
        (None, 1, False, 1),
        (1, None, True, 0),  # both were well
        (None, -1, True, 0),
    ],
)
def test_a_reply_asked_for_again_is_preferred_when_its_reader_says_so(
    talk: Talk, first: int | None, second: int | None, goes_on: bool, pairs: int
) -> None:
    consents(talk, "ann")
    worse = talk.say("ann", "A joke?", "No.")
    if first:
        talk.dialogue.sessions.judge("ann", worse.message_id, first, None)
    better = talk.say("ann", None, "Knock knock.", worse.conversation)
    if second:
        talk.dialogue.sessions.judge("ann", better.message_id, second, None)
    if goes_on:
        talk.say("ann", "Who is there?", "Me.", worse.conversation)
    found = written(talk, "preferences")
    assert len(found) == pairs
    assert all((p["chosen"][0]["content"], p["rejected"][0]["content"]) == ("Knock knock.", "No.") for p in found)


def test_acquire_reads_what_was_written(talk: Talk) -> None:
    consents(talk, "ann")
    exchange = talk.say("ann", "2 + 2?", "5")
    talk.say("ann", "And 3 + 3?", "6", exchange.conversation)
    talk.dialogue.sessions.judge("ann", exchange.message_id, -1, "4")
    assert written(talk, "preferences")
    rows, refused, _ = read(talk.dialogue.feedback.folder)
    assert not refused
    conversation, pair = sorted(rows, key=lambda row: row["origin"]["file"])
    assert {row["user_id"] for row in rows} == {"ann"}
    assert {row["conversation_id"] for row in rows} == {exchange.conversation}
    assert turns(conversation) == [("user", "2 + 2?"), ("assistant", "5"), ("user", "And 3 + 3?"), ("assistant", "6")]
    assert dict(conversation["metadata"])["not_learned"] == "1"
    assert turns(pair) == [("user", "2 + 2?"), ("assistant", "4")]
    worse = rejected(talk.dialogue.feedback.folder / "preferences-000001.jsonl")
    assert list(worse.values()) == [[("assistant", "5")]]


def test_files_only_grow_are_whole_lines_and_give_way_when_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(tmp_path, "conversations", [{"n": 1}])
    first = tmp_path / "conversations-000001.jsonl"
    before = first.read_bytes()
    first.write_bytes(before + b'{"n": 2, "cut sh')  # a crash
    append(tmp_path, "conversations", [{"n": 3}])
    assert first.read_bytes() == before + b'{"n": 3}\n'
    monkeypatch.setattr(feedback, "FULL_BYTES", 10)
    append(tmp_path, "conversations", [{"n": 4}])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["conversations-000001.jsonl", "conversations-000002.jsonl"]


def test_nothing_is_written_while_a_run_reads(talk: Talk) -> None:
    consents(talk, "ann")
    talk.say("ann", "Hello", "Hi")
    folder = talk.dialogue.feedback.folder
    append(folder, "conversations", [{"messages": []}])
    (folder / LOCK).touch()
    with standing_still(load_profile("scratch", [], str(folder))):
        assert talk.dialogue.feedback.write(time.time(), settled=True) == 0
    assert talk.dialogue.feedback.write(time.time(), settled=True) == 1
