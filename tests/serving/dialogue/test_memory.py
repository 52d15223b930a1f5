"""What is remembered of a user, by similarity and recency, and of nobody else."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from configs.errors import UserError
from configs.load import load_profile
from serving.api_error import ApiError
from serving.commands.serve import run
from serving.dialogue.facts import stated
from serving.dialogue.memory import Memory
from serving.dialogue.tables import Forgotten, Segment, User
from tests.serving.dialogue.conftest import Talk

WEEK = 7 * 86_400


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Hi, call me ABC!", [("name", "ABC")]),
        ("My name is Ada Lovelace and I like maths", [("name", "Ada Lovelace")]),
        ("You can call me jo.", [("name", "jo")]),
        ("Remember that my flight leaves on Monday. OK?", [("note", "my flight leaves on Monday")]),
        ("I live in Ghent. My dog is Rex", [("note", "I live in Ghent"), ("note", "My dog is Rex")]),
        ("call me a cab", []),
        ("Please call me when you can", []),
        ("They call me Max", []),
        ("Don't call me Bob", []),
        ("Can you remember when we met?", []),
        ("What is my name?", []),
    ],
)
def test_what_a_message_states(said: str, found: list[tuple[str, str]]) -> None:
    assert [tuple(fact) for fact in stated(said)] == found


def age(talk: Talk, seconds: float) -> None:
    """Everything was said so much earlier."""
    with talk.dialogue.sessions.database.writing() as session:
        session.execute(update(Segment).values(at=Segment.at - seconds))


def test_a_name_is_known_next_week_in_another_conversation(talk: Talk, talking: Callable[..., Talk]) -> None:
    talk.say("ann", "Hi! Call me ABC from now on.")
    age(talk, WEEK)
    assert "They want to be called ABC." in talk.told(talking().begin("ann", "Good morning"))


def test_the_last_name_given_is_the_one_that_counts(talk: Talk) -> None:
    talk.say("ann", "Call me ABC.")
    talk.say("ann", "Call me XYZ.")
    [fact] = talk.dialogue.memory.shown("ann")["facts"]
    assert fact["text"] == "You want to be called XYZ."


def test_what_was_said_of_the_same_matter_comes_back_and_other_matters_do_not(talk: Talk) -> None:
    talk.say("ann", "The tomatoes in the greenhouse have yellow leaves.")
    talk.say("ann", "Our train to Lisbon was four hours late.")
    told = talk.told(talk.begin("ann", "How should I water the tomatoes in my greenhouse?"))
    assert "They said: The tomatoes in the greenhouse have yellow leaves." in told
    assert "Lisbon" not in told


def test_nobody_is_told_what_another_said(talk: Talk) -> None:
    talk.say("ann", "Call me ABC. The tomatoes in the greenhouse have yellow leaves.")
    told = talk.told(talk.begin("bob", "How should I water the tomatoes in my greenhouse?"))
    assert told == "How should I water the tomatoes in my greenhouse?"
    assert talk.dialogue.memory.shown("bob") == {"facts": [], "segments": []}


def test_a_store_that_answers_with_anothers_points_shows_nothing(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    talk.say("ann", "The tomatoes in the greenhouse have yellow leaves.")
    search = talk.dialogue.memory._store.search
    monkeypatch.setattr(talk.dialogue.memory._store, "search", lambda vector, limit, _: search(vector, limit))
    assert talk.told(talk.begin("bob", "How are the tomatoes?")) == "How are the tomatoes?"


def test_of_equally_similar_segments_the_newer_comes_first(talking: Callable[..., Talk]) -> None:
    talk = talking("serving.dialogue.recalled=1", "serving.dialogue.half_life_days=7")
    talk.say("ann", "The tomatoes have yellow leaves.")
    age(talk, 52 * WEEK)
    talk.say("ann", "The tomatoes have brown leaves.")
    assert "brown" in talk.told(talk.begin("ann", "The tomatoes and their leaves"))
    assert "yellow" not in talk.told(talk.seen[-1])


def test_what_the_model_sees_anyway_is_not_recalled(talk: Talk) -> None:
    first = talk.say("ann", "The tomatoes have yellow leaves.")
    again = talk.begin("ann", "Why have the tomatoes yellow leaves?", first.conversation)
    assert talk.told(again).count("The tomatoes have yellow leaves.") == 1


def test_what_is_forgotten_is_not_told(talk: Talk) -> None:
    talk.say("ann", "Call me ABC. The tomatoes have yellow leaves.")
    talk.say("bob", "Call me Bob.")
    shown = talk.dialogue.memory.shown("ann")
    with pytest.raises(ApiError):
        talk.dialogue.memory.forget("bob", shown["facts"][0]["id"])
    talk.dialogue.memory.forget("ann", shown["facts"][0]["id"])
    assert "They want to be called ABC" not in talk.told(talk.begin("ann", "Hello"))
    talk.dialogue.memory.forget("ann")
    assert talk.dialogue.memory.shown("ann") == {"facts": [], "segments": []}
    assert talk.told(talk.begin("ann", "The tomatoes?")) == "The tomatoes?"
    assert "Bob" in talk.told(talk.begin("bob", "Hello"))


def test_a_deleted_conversation_is_not_remembered(talk: Talk) -> None:
    exchange = talk.say("ann", "The tomatoes have yellow leaves.")
    gone = talk.dialogue.sessions.delete("ann", exchange.conversation)
    talk.dialogue.memory.forget_messages("ann", gone)
    assert talk.told(talk.begin("ann", "The tomatoes?")) == "The tomatoes?"
    assert talk.dialogue.memory._store.count() == 0


def test_a_store_that_is_lost_is_made_again_from_the_database(
    talk: Talk, talking: Callable[..., Talk], tmp_path: Path
) -> None:
    import shutil

    talk.say("ann", "The tomatoes have yellow leaves.")
    talk.do(talk.dialogue.close())
    shutil.rmtree(tmp_path / "root/serving/memory")
    talk.do(talk.dialogue.open())
    assert "yellow" in talk.told(talking().begin("ann", "The tomatoes?"))


def test_two_servers_do_not_share_one_folder(talk: Talk, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"another server holds the memory.*vectors\.url"):
        Memory(talk.dialogue.sessions.database, talk.dialogue._profile, tmp_path / "root/serving/memory")


def test_a_server_that_cannot_open_its_dialogue_says_why(
    talk: Talk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    talk.say("ann", "The roses are red.")
    for override, why in (
        ("serving.port=0", r"another server holds the memory.*vectors\.url"),
        ("embed.model=package:not-there", "embed.model: the package not-there is not installed"),
    ):
        with pytest.raises(UserError, match=why):
            run(load_profile("demo", ["serving.port=0", override]), tmp_path / "root")
    assert "Traceback" not in caplog.text


def test_the_vectors_of_the_erased_leave_the_files_of_a_running_server(talk: Talk, tmp_path: Path) -> None:
    talk.say("ann-the-erased", "The tomatoes have yellow leaves.")
    talk.say("bob", "The roses are red.")
    with talk.dialogue.sessions.database.writing() as session:
        session.execute(delete(User).where(User.id == "ann-the-erased"))
        session.add(Forgotten(user_id="ann-the-erased", at=time.time()))
    talk.dialogue.memory.forget_erased()
    files = [p for p in (tmp_path / "root/serving/memory").rglob("*") if p.is_file()]
    assert files
    assert not [p for p in files if b"ann-the-erased" in p.read_bytes()]
    assert talk.dialogue.memory._store.count() == 1
    assert "roses" in talk.told(talk.begin("bob", "The roses are what colour?"))
