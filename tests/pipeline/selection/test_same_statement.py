"""What a cosine cannot tell: pairs near each other, of which some say the same."""

import json
from pathlib import Path

import pytest

from benchmarks.arguments import shared_data
from pipeline.selection.same_statement import Statements

REPLY = "Open the settings and choose reset, then follow the mail that we send you."
SAME = [
    ("How can I reset my password?", "Could you please tell me how I can reset my password?"),
    ("Where do I find the invoice of my order?", "The invoice of my order, where do I find it?"),
    ("What are good exercises for back pain?", "What exercise is good for back pains?"),
    ("Which book is the best for learning to paint?", "Which is the best book for learning to paint?"),
]
OTHER = [
    ("How can I reset my password?", "How can I reset my router?"),
    ("Can I take this medicine with milk?", "Can I not take this medicine with milk?"),
    ("The ticket to Paris costs 25 euros, right?", "The ticket to Paris costs 75 euros, right?"),
    ("The ticket to Paris costs 25 euros, right?", "The ticket to Rome costs 25 euros, right?"),
    ("Is the shop open on Monday?", "Is the shop open on Tuesday?"),
    ("Is the shop open on Monday?", "Is the shop closed on Monday?"),
    ("Does a dog chase a cat in the garden?", "Does a cat chase a dog in the garden?"),
    ("What is a good gift for my aunt?", "What is a good gift for my aunt Maria?"),
    ("What is a good gift for my aunt?", "What is a good gift for my aunt who hates flowers and chocolate?"),
    ("What is 8+2?", "What is 8-2?"),
    ("How do I turn the heating on?", "How do I turn the heating off?"),
]


def same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    said = Statements([[("user", prompt), ("assistant", reply)] for prompt, reply in (one, other)])
    assert said.same(0, 1) == said.same(1, 0)
    return said.same(0, 1)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_in_other_words(one: str, other: str) -> None:
    assert same((one, REPLY), (other, REPLY))


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_another_number_sign_negation_name_or_thing_is_another_statement(one: str, other: str) -> None:
    assert not same((one, REPLY), (other, REPLY))
    assert not same((REPLY, one), (REPLY, other)), "in a reply as in a prompt"


def test_another_reply_is_another_statement() -> None:
    asked = "What should I eat today?"
    assert not same((asked, "Try some soup with fresh bread."), (asked, "Order a pizza from the corner."))


def test_a_reply_that_asks_is_none_that_tells() -> None:
    assert not same(("Sounds good!", "Do you want to reserve the car?"), ("Sounds good!", "I've reserved the car."))
    assert same(("Tell me the way.", "Turn around."), ("Can you tell me the way?", "Please turn around."))


def test_what_is_no_duplicate_of_the_shared_cases_is_none_in_meaning() -> None:
    path = Path(shared_data()).parent / "cases" / "duplicates.jsonl"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    wrong = [
        row for row in rows if not row["duplicate"] and same((row["a"][0], row["a"][1]), (row["b"][0], row["b"][1]))
    ]
    assert not wrong
