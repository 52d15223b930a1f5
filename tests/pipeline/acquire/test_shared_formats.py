"""The files of ../shared/cases/formats, as people bring them: what must come out of each (its expected.jsonl)."""

import os
from pathlib import Path

import pytest

from tests.pipeline.acquire.files import read, reasons, rejected, turns

FORMATS = Path(os.environ.get("PARLANCE_SHARED_CASES", "../shared/cases")) / "formats"

pytestmark = pytest.mark.skipif(not FORMATS.is_dir(), reason=f"{FORMATS} is absent; set PARLANCE_SHARED_CASES")


def roles(row: dict) -> list[str]:
    return [role for role, _ in turns(row)]


def said(row: dict) -> list[str]:
    return [text for _, text in turns(row)]


@pytest.mark.parametrize(("name", "column"), [("kto_label.jsonl", "label"), ("kto_tag.jsonl", "kto_tag")])
def test_rows_with_a_bad_verdict_are_quarantined_by_a_rule_that_names_the_column(name, column):
    good, refused, held = read(FORMATS / name)
    assert set(reasons(refused).values()) == {("rejected", f"{column} is false")}
    assert len(good) == len(refused) == held.read.total() / 2


def test_the_winner_is_the_conversation():
    (row,), _, held = read(FORMATS / "verdict_pair.jsonl")
    worse = rejected(FORMATS / "verdict_pair.jsonl")
    assert worse == {row["row_id"]: [("assistant", "Anywhere, I do not care about bikes.")]}
    assert said(row) == ["Where can I leave my bike?", "At the rack behind the library, it is lit at night."]
    assert (held.rejected, held.left_out) == (1, {})


def test_history_comes_first_and_the_system_text_stays_first():
    good, _, _ = read(FORMATS / "alpaca_history.json")
    assert roles(good[0]) == ["system", *["user", "assistant"] * 3]
    assert said(good[0])[1] == "Which trains go to Harbour Town?"
    assert said(good[0])[-2:] == [
        "And how long does the second one take?",
        "About forty minutes, because it stops in every village.",
    ]
    assert [len(row["messages"]) for row in good] == [7, 4, 2]


@pytest.mark.parametrize("name", ["turn_weight.jsonl", "turn_train.jsonl"])
def test_a_wrong_turn_is_context_and_not_learned(name):
    good, refused, _ = read(FORMATS / name)
    assert [row["metadata"] for row in good] == [[("not_learned", "1")]] * len(good)
    assert all(roles(row) == ["user", "assistant"] * 2 for row in good)
    assert refused == []


def test_both_sides_of_a_sharegpt_preference_follow_the_conversation():
    good, _, held = read(FORMATS / "preference_sharegpt.jsonl")
    assert [roles(row) for row in good] == [["user", "assistant"] * 2, ["user", "assistant"]]
    assert said(good[0])[-1] == "Then turn the power off and screw the bulb in more tightly."
    assert not any("hit the lamp" in text or "Never ask" in text for row in good for text in said(row))
    assert (held.rejected, held.left_out) == (2, {})


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("tools_openai.jsonl", ["system", "user", "assistant", "tool", "assistant"]),
        ("tools_sharegpt.jsonl", ["system", "user", "assistant", "tool", "assistant"]),
        ("tool_result_blocks.jsonl", ["user", "assistant", "tool", "assistant"]),
    ],
)
def test_calls_and_results_are_turns_of_their_own(name, kept):
    good, refused, _ = read(FORMATS / name)
    assert roles(good[0]) == kept
    call, result = said(good[0])[-3:-1]
    assert '"arguments"' in call
    assert result in ('{"left": 14}', '{"area": 15}', "22 degrees")
    assert result not in said(good[0])[-4]
    assert refused == []


def test_the_tree_gives_the_path_to_its_current_node():
    (row,), _, _ = read(FORMATS / "conversation_tree_export.json")
    assert said(row) == ["How warm should dough be while it rises?", "Around twenty-six degrees Celsius."]


def test_what_rests_on_an_image_is_quarantined():
    good, refused, _ = read(FORMATS / "image_parts.jsonl")
    assert [said(row) for row in good] == [["Say hello.", "Hello there, my friend."]]
    assert reasons(refused) == dict.fromkeys((0, 1), ("missing_part", "turn 0 rests on image_url"))


def test_markup_that_is_the_subject_is_unchanged():
    good, refused, _ = read(FORMATS / "html_as_subject.jsonl")
    assert (len(good), refused) == (6, [])
    assert "<time class=" in said(good[0])[0]


def test_reasoning_is_kept_where_the_profile_says_so_and_counted_elsewhere():
    dropped, _, held = read(FORMATS / "reasoning.jsonl")
    assert held.left_out == {"reasoning": 2}
    kept, _, whole = read(FORMATS / "reasoning.jsonl", reasoning="keep")
    assert said(dropped[1])[1] == "The answer is 1."
    assert said(kept[1])[1].startswith("<think>\nMultiply first: 4 times 2 is 8")
    assert whole.left_out == {}


def test_input_is_read_from_line_221_on_too():
    good, refused, _ = read(FORMATS / "late_input.jsonl")
    assert refused == []
    asked = [said(row)[0] for row in good]
    late = [text for text in asked if "\n\n" in text]
    assert len(late) == sum('"input": "' in line for line in (FORMATS / "late_input.jsonl").read_text().splitlines())
    assert asked.index(late[0]) >= 220


def test_what_is_mended_in_the_order_of_turns_is_recorded():
    good, refused, _ = read(FORMATS / "order_of_turns.jsonl")
    assert roles(good[0]) == ["user", "assistant", "system", "user", "assistant"]
    assert [dict(row["metadata"]).get("role_faults") for row in good] == [
        None,
        "same_role_twice, assistant_first",
        "same_role_twice, unanswered",
        None,
        None,
    ]
    assert refused == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("system_blocks.jsonl", ["Answer as a gardener.", "When do I plant beans?", "After the last frost."]),
        ("channels.jsonl", ["What is 3 times 4?", "Twelve."]),
        ("trl_prompt_completion.jsonl", ["Where do I buy stamps?", "At the counter in the station hall."]),
        ("preference_output.jsonl", ["Say good night.", "Good night, sleep well."]),
    ],
)
def test_one_conversation_comes_out(name, expected):
    (row,), refused, _ = read(FORMATS / name)
    assert (said(row), refused) == (expected, [])


@pytest.mark.parametrize(
    ("name", "rows"),
    [("sums.jsonl", 60), ("near_but_opposite.jsonl", 2), ("same_prompt.jsonl", 120), ("forged_markers.jsonl", 2)],
)
def test_every_row_is_read(name, rows):
    good, refused, _ = read(FORMATS / name)
    assert (len(good), refused) == (rows, [])


def test_the_file_of_expectations_names_every_case_that_is_tested_here():
    named = {line.split('"')[3] for line in (FORMATS / "expected.jsonl").read_text().splitlines()}
    here = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in sorted(named) if f'"{name}"' not in here] == []
