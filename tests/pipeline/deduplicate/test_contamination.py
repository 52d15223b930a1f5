"""Which conversations repeat an evaluation set."""

import json
from pathlib import Path

import pytest

from pipeline.deduplicate.contamination import EvaluationIndex, index_of
from pipeline.deduplicate.hashed_words import HashedWords
from pipeline.rows.turns import Turn

PASSAGE = " ".join(f"word{i}" for i in range(40))
QUESTION = "why does the harbour freeze over in winter"  # 8 words
EVALUATION: list[list[Turn]] = [
    [("user", PASSAGE), ("assistant", "Yes.")],
    [("user", QUESTION), ("assistant", "It is shallow.")],
    [("user", "What is seven times eight?"), ("assistant", "Fifty six, I think.")],
    [("user", "Hello!"), ("assistant", "Hi.")],
]


@pytest.fixture
def index(tmp_path: Path) -> EvaluationIndex:
    found, unseen = index_of([("trivia", [f"e{i}" for i in range(4)], HashedWords.of(EVALUATION))])
    assert unseen == 1, "a greeting cannot be told from common speech"
    found.save(tmp_path / "index")
    return EvaluationIndex.load(tmp_path / "index")


@pytest.mark.parametrize(
    ("prompt", "reply", "evidence"),
    [
        (" ".join(PASSAGE.split()[5:18]), "No.", {"matched": "e0", "words": 13}),
        ("I read: " + ", ".join(PASSAGE.upper().split()[5:30]), "No.", {"matched": "e0", "words": 13}),
        (" ".join(PASSAGE.split()[5:17]), "No.", None),
        (" ".join(PASSAGE.split()[5:17]), " ".join(PASSAGE.split()[17:20]), None),
        (f"So: {QUESTION}?", "No idea.", {"matched": "e1", "words": 8}),
        (QUESTION.removesuffix("winter"), "It is shallow.", None),
        ("What is seven times eight", "fifty-six, I think", {"matched": "e2", "exchange": "whole"}),
        ("What is seven times eight", "I do not know that.", None),
        ("Hello!", "Hi.", None),
    ],
    ids=[
        "13 words",
        "case and punctuation",
        "12 words of a longer text",
        "a run across turns",
        "a whole short turn",
        "part of a short turn",
        "a whole short exchange",
        "another reply",
        "a greeting",
    ],
)
def test_a_row_repeats_an_evaluation_row(
    index: EvaluationIndex, prompt: str, reply: str, evidence: dict[str, object] | None
) -> None:
    talk = HashedWords.of([[("user", "unlike"), ("assistant", "it")], [("user", prompt), ("assistant", reply)]])
    found = {row: json.loads(text) for row, text in index.overlaps(talk).items()}
    assert found == ({1: {"evaluation_set": "trivia", **evidence}} if evidence else {})


def test_without_evaluation_sets_nothing_overlaps(tmp_path: Path) -> None:
    assert EvaluationIndex.load(tmp_path).overlaps(HashedWords.of(EVALUATION)) == {}
