"""What only some records have is read in each record that has it."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

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


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (7, "7"),
        (7.0, "7"),
        (7.25, "7.25"),
        ({"$oid": "a1"}, "a1"),
        (b"\xff\x01", "ff01"),
        (True, "true"),
        (False, "false"),
        (date(2026, 11, 28), "2026-11-28"),
        (datetime(2026, 11, 28, 10, 5), "2026-11-28T10:05:00"),
        (datetime(2026, 11, 28, 10, 5, tzinfo=UTC), "2026-11-28T10:05:00+00:00"),
        (time(10, 5), "10:05:00"),
        (timedelta(minutes=1, milliseconds=500), "PT60.5S"),
        (Decimal("7.0"), "7"),
        (Decimal("7.50"), "7.50"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (float("nan"), None),
        (float("inf"), None),
        (Decimal("NaN"), None),
        ("", None),
        (None, None),
    ],
)
def test_an_identifier_is_kept_whatever_its_type(value, name):
    (found,) = outcomes(talk(user("a"), bot("b"), conversation_id=value, user_id=value))
    assert (found.conversation_id, found.user_id) == (name, name)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([3, 1, 2], "[3, 1, 2]"),
        (["pears", "figs"], "pears\nfigs"),
        (["pears", None, ""], "pears"),
        (["pears", 2], '["pears", 2]'),
        ([[1, 2], [3, 4]], "[[1, 2], [3, 4]]"),
        ([["pears"], ["figs"]], "pears\nfigs"),
        ([True, False], "[true, false]"),
        ([0.5, 1], "[0.5, 1]"),
    ],
)
@pytest.mark.parametrize("names", [("instruction", "input", "output"), ("question", "context", "answer")])
def test_a_list_in_a_prompt_is_given_whole(given, said, names):
    asked, beside, answered = names
    (found,) = outcomes({asked: "Sort.", beside: given, answered: "Done."})
    assert set(messages(found)[0][1].split("\n\n")) == {"Sort.", said}
    assert found.left_out == ()


@pytest.mark.parametrize("column", ["knowledge", "documents", "contexts", "passages", "evidence"])
def test_what_a_reply_rests_on_is_told_to_the_model_or_counted(column):
    told, plain_ = outcomes({"question": "q", column: ["one", "two"], "answer": "a"}, {"question": "q", "answer": "a"})
    assert messages(told)[0] == ("user", "one\n\ntwo".replace("\n\n", "\n") + "\n\nq")
    assert (told.left_out, plain_.left_out) == ((), ())
    beside, nothing = outcomes(
        talk(user("q"), bot("a"), **{column: ["one", "two"]}), talk(user("q"), bot("a"), **{column: []})
    )
    assert (beside.left_out, nothing.left_out) == ((column,), ())


@pytest.mark.parametrize("others", [0, MANY])
def test_a_context_beside_an_instruction_is_told_to_the_model(others):
    *_, last = outcomes(
        *[{"instruction": "Sort.", "output": "Done."}] * others,
        {"instruction": "When did it open?", "context": "The mill opened in 1840.", "output": "In 1840."},
    )
    assert messages(last) == [("user", "The mill opened in 1840.\n\nWhen did it open?"), ("assistant", "In 1840.")]
    assert last.left_out == ()


@pytest.mark.parametrize(("number", "said"), [(8, "8"), (12.5, "12.5"), (Decimal("12.50"), "12.50")])
def test_a_number_is_an_answer(number, said):
    (found,) = outcomes({"question": "How many?", "answer": number})
    assert messages(found) == [("user", "How many?"), ("assistant", said)]


@pytest.mark.parametrize(
    "record",
    [{"inputs": "Say hi.", "targets": "Hi."}, {"problem": "Say hi.", "solution": "Hi."}],
)
def test_inputs_and_targets_and_problem_and_solution_are_prompt_and_reply(record):
    (found,) = outcomes(record)
    assert messages(found) == [("user", "Say hi."), ("assistant", "Hi.")]


def test_a_context_of_objects_is_counted_where_it_is_optional():
    *_, last = outcomes(
        *[{"question": "q", "answer": "a"}] * MANY, {"question": "q", "answer": "a", "context": {"x": []}}
    )
    assert messages(last) == [("user", "q"), ("assistant", "a")]
    assert last.left_out == ("context",)


def test_a_context_of_objects_is_counted_in_a_file_of_nothing_else():
    (found,) = outcomes({"question": "q", "context": {"title": ["t"], "sentences": [["s"]]}, "answer": "a"})
    assert messages(found) == [("user", "q"), ("assistant", "a")]
    assert found.left_out == ("context",)


def test_of_several_answers_the_first_is_the_reply_and_the_others_are_counted():
    several, one = outcomes({"question": "q", "answer": ["a", "b"]}, {"question": "q", "answer": ["a", "a", ""]})
    assert messages(several) == messages(one) == [("user", "q"), ("assistant", "a")]
    assert (several.left_out, one.left_out) == (("further answer",), ())


def test_a_reply_of_numbers_is_the_list():
    (found,) = outcomes({"instruction": "Sort.", "input": "3 1 2", "output": [1, 2, 3]})
    assert messages(found)[1] == ("assistant", "[1, 2, 3]")
