"""Lists of exchanges, and lists of texts under the name that UltraChat gives them."""

import pytest

from tests.pipeline.acquire.shapes.reading import messages, outcomes, refused

SAID = [("user", "Hi"), ("assistant", "Hello"), ("user", "And you?"), ("assistant", "Fine.")]


@pytest.mark.parametrize(
    "record",
    [
        {
            "source": "x",
            "conversation": [{"input": "Hi", "output": "Hello"}, {"input": "And you?", "output": "Fine."}],
        },
        {"dialogue": [{"answer": "Hello", "question": "Hi"}, {"answer": "Fine.", "question": "And you?"}]},
        {"conversations": '[{"user": "Hi", "assistant": "Hello"}, {"user": "And you?", "assistant": "Fine."}]'},
        {"id": "0", "data": ["Hi", "Hello", "And you?", "Fine."]},
    ],
)
def test_are_turns(record):
    (found,) = outcomes(record)
    assert messages(found) == SAID


def test_a_system_text_and_identifiers_lie_beside_them():
    record = {"id": 7, "system": "Be kind.", "conversation": [{"input": "Hi", "output": "Hello"}], "topic": "greeting"}
    (found,) = outcomes(record)
    assert messages(found) == [("system", "Be kind."), *SAID[:2]]
    assert (found.conversation_id, found.metadata) == ("7", {"topic": "greeting"})


def test_a_list_of_data_beside_a_question_is_no_conversation():
    (found,) = outcomes({"question": "Hi", "answer": "Hello", "data": ["x", "y"]})
    assert messages(found) == SAID[:2]


@pytest.mark.parametrize(
    ("broken", "rule"), [([{"input": "Hi"}], "wrong_type"), ([], "no_reply"), (7, "wrong_type"), (None, "no_reply")]
)
def test_an_exchange_that_cannot_be_read_costs_its_record_alone(broken, rule):
    read, other = outcomes({"conversation": [{"input": "Hi", "output": "Hello"}]}, {"conversation": broken})
    assert messages(read) == SAID[:2]
    assert refused(other)[0] == rule
