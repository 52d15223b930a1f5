"""Two sides: the better one is the conversation, the other is kept beside it and never learned."""

import pytest

from tests.pipeline.acquire.shapes.reading import bot, messages, outcomes, refused, talk, user

ASKED, GOOD, BAD = "Where do I park?", "Behind the hall.", "Go away."
RIGHT = [("user", ASKED), ("assistant", GOOD)]


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": ASKED, "chosen": GOOD, "rejected": BAD},
        {"chosen": f"\n\nHuman: {ASKED}\n\nAssistant: {GOOD}", "rejected": f"\n\nHuman: {ASKED}\n\nAssistant: {BAD}"},
        {"prompt": [user(ASKED)], "chosen": [bot(GOOD)], "rejected": [bot(BAD)]},
        {
            "prompt": ASKED,
            "chosen": [user(ASKED), bot(GOOD)],
            "rejected": [user(ASKED), bot(BAD)],
            "score_rejected": 1.0,
        },
        {
            "conversations": [{"from": "human", "value": ASKED}],
            "chosen": {"from": "gpt", "value": GOOD},
            "rejected": {"from": "gpt", "value": BAD},
        },
        {"messages": [user(ASKED)], "chosen": bot(GOOD), "rejected": bot(BAD)},
        {"input": talk(user(ASKED)), "preferred_output": [bot(GOOD)], "non_preferred_output": [bot(BAD)]},
        {"question": ASKED, "chosen_response": GOOD, "rejected_response": BAD},
        {"question": ASKED, "better_response": GOOD, "worse_response": BAD},
        {"prompt": ASKED, "answer_rejected": BAD, "answer_chosen": GOOD},
        {"winner": "model_b", "conversation_a": [user(ASKED), bot(BAD)], "conversation_b": [user(ASKED), bot(GOOD)]},
        {"winner": "a", "prompt": ASKED, "response_a": GOOD, "response_b": BAD},
        {
            "prompt": ASKED,
            "response_a": GOOD,
            "response_b": BAD,
            "winner_model_a": 1,
            "winner_model_b": 0,
            "winner_tie": 0,
        },
        {"prompt": ASKED, "response_0": BAD, "response_1": GOOD, "better_response_id": 1},
        {"prompt": ASKED, "output_1": BAD, "output_2": GOOD, "preference": 2},
        {"question": ASKED, "answer_0": GOOD, "answer_1": BAD, "score_0": 0.5, "score_1": -0.5},
        {"history": ASKED, "human_ref_A": BAD, "human_ref_B": GOOD, "labels": 0, "score_A": 2, "score_B": 9},  # SHP
        {"prompt": [user(ASKED)], "responseA": BAD, "responseB": GOOD, "choice": "B"},
    ],
)
def test_the_better_side_is_the_conversation_and_the_other_is_kept_beside_it(record):
    (found,) = outcomes(record)
    assert messages(found) == RIGHT
    assert found.rejected == [("assistant", BAD)]
    assert found.left_out == ()


@pytest.mark.parametrize("worse", [None, "", [], GOOD, "a\0b", 7, [user("only a question")]])
def test_a_worse_side_that_says_nothing_else_is_counted(worse):
    (found, _) = outcomes({"prompt": ASKED, "chosen": GOOD, "rejected": worse}, {"chosen": GOOD, "rejected": BAD})
    assert messages(found) == RIGHT
    assert (found.rejected, found.left_out) == ([], ("rejected side",))


def test_a_worse_side_is_kept_from_where_the_two_part():
    shared = [user("Hi."), bot("Hello."), user(ASKED)]
    (found,) = outcomes({"chosen": [*shared, bot(GOOD)], "rejected": [*shared, bot(BAD), user("?"), bot(BAD)]})
    assert found.rejected == [("assistant", BAD), ("user", "?"), ("assistant", BAD)]


@pytest.mark.parametrize("text", ["[1, 2, 3]", '["a"]', "[]", '["a", "b"]'])
def test_a_side_that_happens_to_be_json_is_the_text_that_it_is(text):
    (found,) = outcomes({"prompt": text, "chosen": text, "rejected": BAD})
    assert messages(found) == [("user", text), ("assistant", text)]


def test_an_instruction_keeps_its_input_and_its_history():
    (found,) = outcomes(
        {
            "instruction": "Add.",
            "input": "1 2",
            "chosen": "3",
            "rejected": "4",
            "history": [["hi", "hello"]],
            "system": "s",
        }
    )
    assert messages(found) == [
        ("system", "s"),
        ("user", "hi"),
        ("assistant", "hello"),
        ("user", "Add.\n\n1 2"),
        ("assistant", "3"),
    ]


@pytest.mark.parametrize("winner", ["tie", "tie (bothbad)", None, "neither", 7])
def test_a_comparison_that_nobody_won_is_quarantined(winner):
    record = {"conversation_a": [user("q"), bot("x")], "conversation_b": [user("q"), bot("y")]}
    lost, won = outcomes({**record, "winner": winner}, {**record, "winner": "model_a"})
    assert refused(lost)[0] == "no_winner"
    assert messages(won)[1] == ("assistant", "x")


def test_equal_scores_have_no_winner():
    (found,) = outcomes({"question": "q", "answer_0": "a", "answer_1": "b", "score_0": 1, "score_1": 1})
    assert refused(found)[0] == "no_winner"


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": [user(ASKED)], "completion": [bot(GOOD)]},
        {"prompt": [user(ASKED)], "completion": GOOD},
        {"prompt": ASKED, "completion": [bot(GOOD)]},
        {"messages": [user(ASKED)], "response": GOOD},
    ],
)
def test_prompt_and_completion_make_one_conversation(record):
    (found,) = outcomes(record)
    assert messages(found) == RIGHT
    assert found.left_out == ()


def test_turns_that_end_with_a_reply_need_no_column_beside_them():
    (found,) = outcomes(talk(user("q"), bot("whole"), answer="short"))
    assert messages(found) == [("user", "q"), ("assistant", "whole")]


def test_lists_of_texts_are_a_prompt_of_lines_and_equally_good_replies():
    (found,) = outcomes({"prompt": ["Pears.", "Where?"], "chosen": ["Here.", "There."], "rejected": ["Nowhere."]})
    assert messages(found) == [("user", "Pears.\nWhere?"), ("assistant", "Here.")]
    assert (found.rejected, found.left_out) == ([("assistant", "Nowhere.")], ("further answer",))
