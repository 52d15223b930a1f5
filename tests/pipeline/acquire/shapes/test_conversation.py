import pytest

from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes.conversation import Conversation, alternating, check_text, from_turns
from pipeline.clean.scores.roles import role_faults
from pipeline.rows.learned import not_learned


def test_consecutive_turns_of_one_speaker_become_one():
    found = from_turns([("user", "a"), ("user", "b"), ("assistant", "c"), ("assistant", "d")])
    assert found.messages == [("user", "a\nb"), ("assistant", "c\nd")]


def test_every_role_name_of_the_field_is_understood():
    found = from_turns([("System", "s"), ("human", "a"), ("gpt", "b"), ("customer", "c"), ("ChatGPT", "d")])
    assert found.messages == [("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]


def test_the_first_system_texts_are_one_and_a_later_one_stays_where_it_governs():
    found = from_turns(
        [
            ("system", "s"),
            ("developer", "d"),
            ("user", "a"),
            ("assistant", "b"),
            ("system", "t"),
            ("user", "c"),
            ("assistant", "e"),
        ]
    )
    assert found.messages == [
        ("system", "s\nd"),
        ("user", "a"),
        ("assistant", "b"),
        ("system", "t"),
        ("user", "c"),
        ("assistant", "e"),
    ]
    assert found.metadata == {}


def test_a_call_and_what_it_returned_are_turns_of_their_own():
    found = from_turns(
        [
            ("user", "weather?"),
            ("assistant", "Let me see."),
            ("function_call", "{}"),
            ("tool", "20 C"),
            ("observation", "dry"),
            ("assistant", "It is 20 C"),
        ]
    )
    assert found.messages == [
        ("user", "weather?"),
        ("assistant", "Let me see.\n{}"),
        ("tool", "20 C\ndry"),
        ("assistant", "It is 20 C"),
    ]
    assert found.metadata == {"tool_turns": "1"}


@pytest.mark.parametrize(
    ("turns", "fault"),
    [
        (["assistant", "user", "assistant"], "assistant_first"),
        (["user", "user", "assistant"], "same_role_twice"),
        (["user", "assistant", "user"], "unanswered"),
        (["assistant", "user", "assistant", "assistant", "user"], "same_role_twice, assistant_first, unanswered"),
    ],
)
def test_what_is_mended_in_the_order_of_the_turns_is_recorded(turns, fault):
    found = from_turns([(role, str(number)) for number, role in enumerate(turns)])
    assert [role for role, _ in found.messages] == ["user", "assistant"]
    assert found.metadata["role_faults"] == fault


def test_a_greeting_before_the_user_and_a_question_without_reply_are_dropped_and_noted():
    found = from_turns([("assistant", "hi"), ("user", "a"), ("assistant", "b"), ("user", "c")])
    assert found.messages == [("user", "a"), ("assistant", "b")]
    assert found.metadata == {
        "leading_turns_dropped": "1",
        "trailing_turns_dropped": "1",
        "role_faults": "assistant_first, unanswered",
    }


def test_a_turn_that_is_not_to_be_learned_is_context_and_named():
    found = from_turns([("user", "a"), ("unlearned", "wrong"), ("user", "no"), ("assistant", "right")])
    assert [role for role, _ in found.messages] == ["user", "assistant", "user", "assistant"]
    assert not_learned(found.metadata.items()) == {1}


def test_what_follows_the_last_reply_that_is_learned_is_dropped():
    found = from_turns([("user", "a"), ("assistant", "right"), ("user", "b"), ("unlearned", "wrong")])
    assert found.messages == [("user", "a"), ("assistant", "right")]
    assert found.metadata == {"trailing_turns_dropped": "2"}


def test_reasoning_is_left_out_and_counted_or_kept_before_the_reply():
    turns = [("user", "2+2?"), ("reasoning", "two and two"), ("assistant", "4")]
    found = from_turns(turns)
    assert (found.messages, found.left_out) == ([("user", "2+2?"), ("assistant", "4")], ("reasoning",))
    kept = from_turns(turns, reasoning=True)
    assert kept.messages[1] == ("assistant", "<think>\ntwo and two\n</think>\n\n4")
    assert kept.left_out == ()


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
        ([("user", "a"), ("unlearned", "b")], "not_learned"),
        ([("x", "a"), ("y", "b"), ("z", "c")], "unknown_role"),
        ([("user", "a"), ("assistant", "b"), ("critic", "c")], "unknown_role"),
    ],
)
def test_what_cannot_be_a_conversation_is_refused_with_the_reason(turns, rule):
    with pytest.raises(Malformed) as refused:
        from_turns(turns)
    assert refused.value.rule == rule


def test_a_system_text_that_is_answered_without_any_user_is_a_conversation_that_a_rule_may_drop():
    found = from_turns([("system", "Write a haiku."), ("assistant", "Rain")])
    assert found.messages == [("system", "Write a haiku."), ("assistant", "Rain")]
    assert role_faults([role for role, _ in found.messages]) == ["assistant_first", "no_user"]


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
