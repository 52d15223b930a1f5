"""Each shape: recognised from its records, and read."""

import pytest

from configs.acquire import Source
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes.detect import conversation_of, layout_of

HI = [("user", "hi"), ("assistant", "hello")]


def auto(*records, **given):
    return layout_of(Source(name="s", path="x", **given), list(records))


def read(record, *others, **given):
    layout = auto(record, *others, **given)
    assert layout is not None
    return conversation_of(record, layout)


@pytest.mark.parametrize(
    ("record", "shape", "messages"),
    [
        ({"instruction": "hi", "input": "", "output": "hello"}, "alpaca", HI),
        ({"instruction": "add", "input": "1 2", "output": "3"}, "alpaca", [("user", "add\n\n1 2"), ("assistant", "3")]),
        ({"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]}, "sharegpt", HI),
        ({"conversations": [{"role": "user", "content": "hi"}, {"role": "bot", "content": "hello"}]}, "messages", HI),
        ({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}, "messages", HI),
        ([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}], "messages", HI),
        ({"messages": '[{"role": "user", "content": "hi"}, {"role": "ai", "content": "hello"}]'}, "messages", HI),
        ({"dialog": ["hi", "hello"]}, "messages", HI),
        (
            {"chosen": "\n\nHuman: hi\n\nAssistant: hello", "rejected": "\n\nHuman: hi\n\nAssistant: no"},
            "preference",
            HI,
        ),
        ({"prompt": "hi", "chosen": "hello", "rejected": "no"}, "preference", HI),
        (
            {
                "prompt": [{"role": "user", "content": "hi"}],
                "chosen": [{"role": "assistant", "content": "hello"}],
                "rejected": [{"role": "assistant", "content": "no"}],
            },
            "preference",
            HI,
        ),
        ({"question": "hi", "answer": ["hello", "hey"], "idx": 1}, "columns", HI),
        ({"question": "hi", "answers": {"text": ["hello"], "answer_start": [1]}, "id": "q1"}, "columns", HI),
        ({"user": "hi", "assistant": "hello"}, "columns", HI),
        ({"text": "Human: hi\nAssistant: hello"}, "text", HI),
        ({"text": "Question: hi\nAnswer: hello"}, "text", HI),
        ({"text": "### Human: hi### Assistant: hello"}, "text", HI),
        ({"text": "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nhello<|im_end|>\n"}, "text", HI),
        ("User: hi\nBot: hello", "text", HI),
    ],
)
def test_a_shape_is_recognised_and_read(record, shape, messages):
    assert auto(record).shape == shape
    assert read(record).messages == messages


def test_passage_and_question_make_the_prompt_and_a_bool_label_is_yes_or_no():
    found = read({"question": "is it", "passage": "Text.", "idx": 463, "label": False})
    assert found.messages == [("user", "Text.\n\nis it"), ("assistant", "No")]


def test_ids_addresses_and_votes_are_never_used():
    layout = auto(
        {
            "questionID": "0",
            "questionTitle": "T",
            "questionText": "B",
            "questionLink": "https://example.org",
            "topic": "sleep",
            "answerText": "A",
            "upvotes": "1",
        }
    )
    assert (layout.prompt, layout.reply, layout.metadata) == (
        ("questionTitle", "questionText"),
        "answerText",
        ("topic",),
    )


def test_a_reply_that_is_absent_or_empty_is_refused_with_the_reason():
    good = {"question": "is it", "label": True}
    for record, detail in (
        ({"question": "is it"}, "label is absent"),
        ({"question": "is it", "label": None}, "label is empty"),
    ):
        with pytest.raises(Malformed) as refused:
            conversation_of(record, auto(good))
        assert (refused.value.rule, refused.value.detail) == ("no_reply", detail)


def test_identifiers_and_metadata_are_kept():
    found = read(
        {
            "id": 7,
            "user_id": "u1",
            "topic": "food",
            "language": ["en", "de"],
            "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
        }
    )
    assert (found.conversation_id, found.user_id) == ("7", "u1")
    assert found.metadata == {"topic": "food", "language": "en, de"}


def test_the_profiles_columns_win():
    columns = {"prompt": ["b", "a"], "reply": "c", "system": "d", "user_id": "e"}
    found = read({"a": "1", "b": "2", "c": "3", "d": "4", "e": "5", "question": "x", "answer": "y"}, columns=columns)
    assert found.messages == [("system", "4"), ("user", "2\n\n1"), ("assistant", "3")]
    assert found.user_id == "5"


def test_numbered_questions_become_turns_and_those_without_answer_are_left_out():
    found = read(
        {
            "passage": "Ann was born in 1990 in Rome, Italy. She sang.",
            "question": "question1: when?\nquestion2: why?\nquestion3: where?",
            "answer": "possible answers for question1:\nborn in 1990 born in 1990 in Rome,\n"
            "possible answers for question2:\nCANNOTANSWER CANNOTANSWER\n"
            "possible answers for question3:\nin Rome, in Rome, Italy.",
        }
    )
    assert found.messages == [
        ("user", "Ann was born in 1990 in Rome, Italy. She sang.\n\nwhen?"),
        ("assistant", "born in 1990"),
        ("user", "where?"),
        ("assistant", "in Rome"),
    ]


def test_a_thread_is_answered_by_its_best_answer_without_comments():
    text = (
        "\nTITLE: How?\nDATE: 2021-09-01\nBY: 11\nSCORE: 3\nBody.\n\n7 on 2021-09-04 12:46:20 [Score: 0]: comment\n\n"
        "\nDATE: 2021-09-02\nBY: 12\nSCORE: 1\nWorse.\n\nDATE: 2021-09-02\nBY: 13\nSCORE: 5\nBetter.\n"
    )
    found = read({"sha": "ab", "content": text, "docLink": "https://example.org"})
    assert found.messages == [("user", "How?\n\nBody."), ("assistant", "Better.")]
    assert (found.user_id, found.metadata) == ("11", {"score": "5"})


def test_a_mark_inside_a_reply_does_not_start_a_turn():
    found = read({"chosen": "\n\nHuman: write\n\nAssistant: A play:\nUser: to be\nBot: or not", "rejected": ""})
    assert found.messages == [("user", "write"), ("assistant", "A play:\nUser: to be\nBot: or not")]


def test_text_parts_of_a_message_are_joined():
    content = [{"type": "text", "text": "hi"}, {"type": "text", "text": "there"}]
    found = read({"messages": [{"role": "user", "content": content}, {"role": "assistant", "content": "hello"}]})
    assert found.messages == [("user", "hi\nthere"), ("assistant", "hello")]


@pytest.mark.parametrize("record", [{"a": 1, "b": 2}, {"text": "just prose", "label": 3}, 7, {}])
def test_records_without_a_conversation_have_no_layout(record):
    assert auto(record) is None


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        (5, "wrong_type"),
        (None, "wrong_type"),
        ({"messages": "no"}, "wrong_type"),
        ({"messages": ["a", 1]}, "wrong_type"),
        ({"messages": [{"role": "user"}]}, "no_reply"),
        ({"messages": [{"role": "user", "content": 4}]}, "wrong_type"),
        ({"messages": [{"content": "a"}]}, "wrong_type"),
        ({"other": []}, "missing_columns"),
        ({"messages": []}, "no_reply"),
    ],
)
def test_a_record_of_wrong_types_is_refused(record, rule):
    layout = auto({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]})
    with pytest.raises(Malformed) as refused:
        conversation_of(record, layout)
    assert refused.value.rule == rule
