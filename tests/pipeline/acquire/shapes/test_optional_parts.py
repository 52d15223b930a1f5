"""What only some records have is read in each record that has it."""

from typing import Any

import pytest

from tests.pipeline.acquire.shapes.reading import bot, messages, outcomes, refused, talk, user

MANY = 260
"""More records than are looked at first."""


@pytest.mark.parametrize(
    ("plain", "more", "expected"),
    [
        (
            {"instruction": "Translate.", "output": "Katze"},
            {"input": "cat"},
            [("user", "Translate.\n\ncat"), ("assistant", "Katze")],
        ),
        (
            {"instruction": "Hi.", "output": "Yo"},
            {"system": "Be kind."},
            [("system", "Be kind."), ("user", "Hi."), ("assistant", "Yo")],
        ),
        (
            {"instruction": "And you?", "output": "Fine."},
            {"history": [["Hi.", "Yo."]]},
            [("user", "Hi."), ("assistant", "Yo."), ("user", "And you?"), ("assistant", "Fine.")],
        ),
        (
            {"instruction": "And you?", "output": "Fine."},
            {"conversation_history": [{"answer": "Yo.", "question": "Hi."}]},
            [("user", "Hi."), ("assistant", "Yo."), ("user", "And you?"), ("assistant", "Fine.")],
        ),
        (
            {"question": "Who?", "answer": "Ann"},
            {"context": "Ann sang."},
            [("user", "Ann sang.\n\nWho?"), ("assistant", "Ann")],
        ),
        (
            {"question": "Who?", "response": "Ann"},
            {"system_prompt": "s"},
            [("system", "s"), ("user", "Who?"), ("assistant", "Ann")],
        ),
        (talk(user("a"), bot("b")), {"system": "s"}, [("system", "s"), ("user", "a"), ("assistant", "b")]),
        (
            {"prompt": "a", "chosen": "b", "rejected": "c"},
            {"system": "s"},
            [("system", "s"), ("user", "a"), ("assistant", "b")],
        ),
    ],
)
def test_a_part_that_comes_late_or_seldom_is_read(plain, more, expected):
    *others, last = outcomes(*[plain] * MANY, {**plain, **more})
    assert messages(last) == expected
    assert all(found.messages == others[0].messages for found in others)


def test_identifiers_and_metadata_that_come_late_are_kept():
    *_, last = outcomes(*[talk(user("a"), bot("b"))] * MANY, talk(user("a"), bot("b"), id="7", user_id=8, topic="x"))
    assert (last.conversation_id, last.user_id, last.metadata) == ("7", "8", {"topic": "x"})


OTHERS: list[dict[str, Any]] = [
    {"instruction": "a", "output": "b"},
    {"question": "a", "answer": "b"},
    {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
    talk(user("a"), bot("b")),
    {"prompt": "a", "chosen": "b", "rejected": "c"},
    {"prompt": [user("a")], "completion": [bot("b")]},
    {"text": "User: a\nBot: b"},
]


@pytest.mark.parametrize("main", OTHERS)
@pytest.mark.parametrize("absent", ["missing", "null", "empty"])
@pytest.mark.parametrize("share", [1, 20])
def test_every_other_shape_in_the_same_file_is_read(main, absent, share):
    keys = {key for record in OTHERS for key in record} if absent != "missing" else set()
    empty = dict.fromkeys(keys, "" if absent == "empty" else None)
    records = [empty | record for record in (*[main] * MANY, *OTHERS * share)]
    assert all(messages(found) == [("user", "a"), ("assistant", "b")] for found in outcomes(*records))


def test_a_record_that_only_lacks_a_part_is_refused_for_that_part():
    *_, last = outcomes({"question": "a", "answer": "b"}, {"question": "a", "answer": None, "idx": 3})
    assert refused(last) == ("no_reply", "answer is empty")


def test_a_shape_that_the_profile_names_is_the_only_one_tried():
    _, other = outcomes(talk(user("a"), bot("b")), {"instruction": "a", "output": "b"}, shape="messages")
    assert refused(other)[0] == "missing_columns"


@pytest.mark.parametrize(
    "history",
    [
        [["Hi.", "Yo."]],
        '[["Hi.", "Yo."]]',
        [user("Hi."), bot("Yo.")],
        [{"question": "Hi.", "answer": "Yo."}],
        ["Hi.", "Yo."],
        "User: Hi.\nBot: Yo.",
    ],
)
@pytest.mark.parametrize("names", [("instruction", "output"), ("query", "response")])
def test_earlier_exchanges_come_first(history, names):
    (found,) = outcomes({names[0]: "And?", names[1]: "So.", "system": "s", "history": history})
    assert messages(found) == [
        ("system", "s"),
        ("user", "Hi."),
        ("assistant", "Yo."),
        ("user", "And?"),
        ("assistant", "So."),
    ]


@pytest.mark.parametrize("history", [None, "", [], "[]"])
def test_an_empty_history_is_none(history):
    (found,) = outcomes({"instruction": "a", "output": "b", "history": history})
    assert messages(found) == [("user", "a"), ("assistant", "b")]


@pytest.mark.parametrize("history", [[["only one"]], [1], "something was said", {"a": 1}])
def test_a_history_that_cannot_be_read_is_a_reason_and_no_loss(history):
    (found,) = outcomes({"instruction": "a", "output": "b", "history": history})
    assert refused(found) == ("wrong_type", "history holds neither pairs nor turns")


@pytest.mark.parametrize(("value", "name"), [(7, "7"), (7.0, "7"), ({"$oid": "a1"}, "a1"), (b"\xff\x01", "ff01")])
def test_an_identifier_is_kept_whatever_its_type(value, name):
    (found,) = outcomes(talk(user("a"), bot("b"), conversation_id=value, user_id=value))
    assert (found.conversation_id, found.user_id) == (name, name)
