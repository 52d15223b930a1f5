import pytest

from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes.conversation import Conversation, alternating, check_text, from_turns


def test_consecutive_turns_of_one_speaker_become_one():
    found = from_turns([("user", "a"), ("user", "b"), ("assistant", "c"), ("assistant", "d")])
    assert found.messages == [("user", "a\nb"), ("assistant", "c\nd")]


def test_every_role_name_of_the_field_is_understood():
    found = from_turns([("System", "s"), ("human", "a"), ("gpt", "b"), ("customer", "c"), ("ChatGPT", "d")])
    assert found.messages == [("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]


def test_system_texts_go_to_the_front():
    found = from_turns([("user", "a"), ("system", "s"), ("assistant", "b"), ("system", "t")])
    assert found.messages == [("system", "s\nt"), ("user", "a"), ("assistant", "b")]


def test_what_a_tool_returns_is_context_and_its_call_is_left_out():
    found = from_turns([("user", "weather?"), ("function_call", "{}"), ("tool", "20 C"), ("assistant", "It is 20 C")])
    assert found.messages == [("user", "weather?\n20 C"), ("assistant", "It is 20 C")]
    assert found.metadata == {"tool_turns": "1"}


def test_a_greeting_before_the_user_and_a_question_without_reply_are_dropped_and_noted():
    found = from_turns([("assistant", "hi"), ("user", "a"), ("assistant", "b"), ("user", "c")])
    assert found.messages == [("user", "a"), ("assistant", "b")]
    assert found.metadata == {"leading_turns_dropped": "1", "trailing_turns_dropped": "1"}


def test_of_two_people_the_first_to_speak_is_the_user():
    found = from_turns([("agent_2", "a"), ("agent_1", "b"), ("agent_2", "c"), ("agent_1", "d")])
    assert [role for role, _ in found.messages] == ["user", "assistant", "user", "assistant"]


def test_an_unknown_speaker_takes_the_role_that_is_missing():
    assert from_turns([("user", "a"), ("wizard", "b")]).messages == [("user", "a"), ("assistant", "b")]


def test_empty_turns_are_left_out():
    assert from_turns([("user", "a"), ("assistant", " "), ("user", "b"), ("assistant", "c")]).messages == [
        ("user", "a\nb"),
        ("assistant", "c"),
    ]


@pytest.mark.parametrize(
    ("turns", "rule"),
    [
        ([], "no_reply"),
        ([("user", "a")], "no_reply"),
        ([("assistant", "a")], "no_prompt"),
        ([("assistant", "a"), ("user", "b")], "no_reply"),
        ([("x", "a"), ("y", "b"), ("z", "c")], "unknown_role"),
        ([("user", "a"), ("assistant", "b"), ("critic", "c")], "unknown_role"),
    ],
)
def test_what_cannot_be_a_conversation_is_refused_with_the_reason(turns, rule):
    with pytest.raises(Malformed) as refused:
        from_turns(turns)
    assert refused.value.rule == rule


def test_speakers_names_are_not_in_the_evidence():
    with pytest.raises(Malformed) as refused:
        from_turns([("Ann", "a"), ("Ben", "b"), ("Cem", "c")])
    assert "Ann" not in refused.value.detail


def test_plain_texts_alternate():
    assert alternating(["a", "b", "c", "d"]).messages == [
        ("user", "a"),
        ("assistant", "b"),
        ("user", "c"),
        ("assistant", "d"),
    ]


@pytest.mark.parametrize(("text", "rule"), [("a\0b", "nul_character"), ("a\udcffb", "invalid_utf8")])
def test_text_that_parquet_cannot_carry_is_refused(text, rule):
    with pytest.raises(Malformed) as refused:
        check_text(Conversation([("user", "a"), ("assistant", text)]))
    assert (refused.value.rule, refused.value.detail[:6]) == (rule, "turn 1")
