"""What is a preference between two replies, and what is none: hand-made conversations and their worse sides."""

import json

import pytest

from configs.load import load_profile
from pipeline.contract.artifact import Artifact
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from pipeline.report.explain import explain
from tests.artifacts import dropped_pairs, kept, pairs

ASKED = ("user", "How do I keep bread fresh for a week?")
GOOD = ("assistant", "Slice it, freeze it, and toast what you need.")
ABUSE = "shut up you stupid bitch, you are a whore"


def pair(chosen: list[tuple[str, str]], rejected: list[tuple[str, str]]) -> dict:
    sides = {"chosen": chosen, "rejected": rejected}
    return {side: [{"role": r, "content": c} for r, c in turns] for side, turns in sides.items()}


RECORDS = {
    "a pair": pair([ASKED, GOOD], [ASKED, ("assistant", "Leave it in the sun.")]),
    "abuse is rejected": pair([("user", "Who is that?"), GOOD], [("user", "Who is that?"), ("assistant", ABUSE)]),
    "abuse is chosen": pair([("user", "Who was it?"), ("assistant", ABUSE)], [("user", "Who was it?"), GOOD]),
    "empty": pair(
        [("user", "And cake, can I keep it?"), GOOD], [("user", "And cake, can I keep it?"), ("assistant", "\u200b")]
    ),
    "the same": pair(
        [("user", "What about the “dough”?"), ("assistant", "It is “fine” in the fridge.")],
        [("user", "What about the “dough”?"), ("assistant", 'It is  "fine" in the fridge. ')],
    ),
    "another prompt": pair(
        [("user", "May I freeze rolls?"), GOOD], [("user", "May I freeze soup?"), ("assistant", "No.")]
    ),
    "two turns instead": pair(
        [("user", "Is rye better?"), ("assistant", "For what?"), ("user", "For keeping."), GOOD],
        [("user", "Is rye better?"), ("assistant", "Yes."), ("user", "For keeping."), ("assistant", "Rye dries out.")],
    ),
    "the prompt only looks another": pair(
        [("user", "Is it “safe”?"), ("assistant", "What is?"), ("user", "The crust."), GOOD],
        [("user", 'Is it "safe"?'), ("assistant", "What is?"), ("user", "The crust."), ("assistant", "Never mind it.")],
    ),
    "personal data": pair(
        [("user", "I am jane@letters.org, whom do I write to?"), ("assistant", "To bob@bakery.org, Jane.")],
        [("user", "I am jane@letters.org, whom do I write to?"), ("assistant", "To jane@letters.org or 212-555-0199.")],
    ),
}


@pytest.fixture(scope="module")
def made(spark: object, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Artifact, dict[str, str]]:  # noqa: ARG001
    """The run, clean's artifact over RECORDS, and the row id of each of them."""
    folder = tmp_path_factory.mktemp("pairs")
    data = folder / "records.jsonl"
    data.write_text("".join(json.dumps(record) + "\n" for record in RECORDS.values()))
    settings = [f"storage.root={folder / 'root'}", "spark.master=local[2]"]
    run = Run.begin(load_profile("scratch", settings, str(data)), "test")
    (acquired,) = execute(run, "acquire")
    _, cleaned = execute(run, "clean")
    ids = {list(RECORDS)[row["origin"]["ordinal"]]: name for name, row in kept(acquired).items()}
    return run, cleaned, ids


Made = tuple[Run, Artifact, dict[str, str]]


def test_what_is_no_preference_between_two_replies_is_told_apart(made: Made) -> None:
    _, artifact, ids = made
    assert {name: dropped_pairs(artifact).get(row) for name, row in ids.items()} == {
        "a pair": None,
        "abuse is rejected": None,
        "abuse is chosen": ("chosen_dropped", {"chosen": "offensive"}),
        "empty": ("rejected_empty", {}),
        "the same": ("rejected_same", {}),
        "another prompt": ("prompt_differs", {}),
        "two turns instead": ("prompt_differs", {}),
        "the prompt only looks another": None,
        "personal data": None,
    }
    assert pairs(artifact).keys() == set(ids.values()) - dropped_pairs(artifact).keys()
    assert artifact.metrics["pairs"] == {
        "in": 9,
        "out": 4,
        "dropped": {"chosen_dropped": 1, "prompt_differs": 2, "rejected_empty": 1, "rejected_same": 1},
    }


def test_a_conversation_stays_whatever_becomes_of_its_pair(made: Made) -> None:
    _, artifact, ids = made
    assert ids.keys() - {"abuse is chosen"} == {name for name, row in ids.items() if row in kept(artifact)}


def test_a_pair_holds_the_prompt_once_and_both_replies_repaired_and_masked(made: Made) -> None:
    _, artifact, ids = made
    found = pairs(artifact)[ids["personal data"]]
    assert found["row_id"] == found["pair_id"]
    assert found["prompt"] == [{"role": "user", "content": "I am <EMAIL_1>, whom do I write to?"}]
    assert (found["chosen"], found["rejected"]) == ("To <EMAIL_2>, Jane.", "To <EMAIL_1> or <PHONE_1>.")
    assert pairs(artifact)[ids["abuse is rejected"]]["rejected"] == ABUSE


def test_explain_shows_both_sides_of_a_row(made: Made) -> None:
    run, _, ids = made
    told = [line for line in explain(run, ids["a pair"]) if "pair" in line]
    assert told == [
        '  clean: its preference pair goes on {"chosen": "Slice it, freeze it, and toast what you need.", '
        '"rejected": "Leave it in the sun."}'
    ]
    assert "  clean: its preference pair dropped by rule rejected_same, evidence {}" in explain(run, ids["the same"])
