"""Preference pairs beside hand-made conversations: they go where those go, and what they reject is nowhere else."""

import gzip
import json
import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pipeline.contract.artifact import Artifact
from pipeline.contract.execute import execute, run_stage
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from pipeline.rows.schema import PAIRS
from pipeline.rows.text_hash import text_hash
from tests.artifacts import commit_parts, dropped_pairs, kept, pairs
from tests.pipeline.deduplicate.test_deduplicate import CLEAN, Made, row, sentence, unlike

Row = dict[str, Any]


def pair(of: Row, rejected: str) -> Row:
    """The pair of a row of clean."""
    *prompt, reply = of["messages"]
    identity = {name: of[name] for name in ("row_id", "source", "origin")}
    return {**identity, "pair_id": of["row_id"], "prompt": prompt, "chosen": reply["content"], "rejected": rejected}


def talk(name: str, opening: str, question: str, reply: str) -> Row:
    """A conversation of two exchanges."""
    found = row(name, opening, "Of course, go on.")
    found["messages"] += [{"role": "user", "content": question}, {"role": "assistant", "content": reply}]
    return {**found, "text_hash": f"{name:>032}"}


@pytest.fixture
def deduplicated(make_run: Callable[..., Run]) -> Made:
    """deduplicated(rows, preferences, overrides=[]): the artifact of deduplicate over these rows and pairs of clean."""

    def make(rows: list[Row], preferences: list[Row], overrides: list[str] | None = None) -> Artifact:
        run = make_run(conversations=[[("user", "unused"), ("assistant", "unused")]], overrides=overrides)
        commit_parts(run, "clean", [rows], CLEAN, pairs=(preferences, PAIRS))
        return run_stage(STAGES["deduplicate"], run)

    return make


def test_a_pair_goes_where_its_conversation_goes_and_identical_ones_are_one(deduplicated: Made, tmp_path: Path) -> None:
    random = Random(1)
    prompt, reply = sentence(random, 10), sentence(random, 20)
    copies = [row(f"a{n}", "Is it raining?", "No, it is dry.") for n in range(1, 5)]
    near = row("b1", prompt, reply), row("b2", prompt, reply + " indeed")
    asked, passage = row("c1", "What do they say of it?", "Nothing at all."), sentence(random, 14)
    file = tmp_path / "trivia.jsonl"
    file.write_text(json.dumps({"question": passage, "answer": "Because of the wind."}) + "\n")
    preferences = [
        *(pair(of, said) for of, said in zip(copies, ["Yes.", "Ask me later.", "YES", "Who knows?"], strict=True)),
        *(pair(of, "No.") for of in near),
        pair(asked, f"They say: {passage.upper()}"),
    ]
    rows = [*unlike(30), *copies, *near, asked]
    artifact = deduplicated(rows, preferences, [f"deduplicate.evaluation_sets=[{file}]"])
    found = pairs(artifact)
    assert {name: (of["row_id"], of["rejected"]) for name, of in found.items()} == {
        "a1": ("a1", "Yes."),
        "a2": ("a1", "Ask me later."),
        "a4": ("a1", "Who knows?"),
        "b2": ("b2", "No."),
    }
    assert {of["split"] for of in found.values() if of["row_id"] == "a1"} == {kept(artifact)["a1"]["split"]}
    assert dropped_pairs(artifact) == {
        "a3": ("identical_pair", {"matched": "a1"}),
        "b1": ("chosen_dropped", {"chosen": "near_duplicate"}),
        "c1": ("overlaps_evaluation", {"matched": "trivia.jsonl#0", "evaluation_set": str(file), "words": 13}),
    }
    reasons = {"chosen_dropped": 1, "identical_pair": 1, "overlaps_evaluation": 1}
    assert artifact.metrics["pairs"] == {"in": 7, "out": 4, "dropped": reasons}


QUESTION = "What would you do on a day such as this one?"


def test_what_a_pair_rejects_is_no_reply_to_the_same_words_in_another_split(deduplicated: Made) -> None:
    random = Random(2)
    rows = [talk(f"t{n:02}", sentence(random, 9), QUESTION, sentence(random, 12)) for n in range(60)]
    preferences = [pair(rows[n], rows[(n + 1) % 60]["messages"][-1]["content"]) for n in range(60)]
    artifact = deduplicated(rows, preferences, ["deduplicate.test_share=0.2", "deduplicate.validation_share=0.2"])
    split = {name: of["split"] for name, of in kept(artifact).items()}
    assert set(split.values()) == {"train", "validation", "test"}
    for n in range(60):
        own, other = f"t{n:02}", f"t{(n + 1) % 60:02}"
        leaks = (f"overlaps_{split[other]}", {"matched": other})
        assert dropped_pairs(artifact).get(own) == (None if split[own] == split[other] else leaks)


def test_a_reply_that_is_rejected_in_several_splits_stays_in_what_is_tested_on(deduplicated: Made) -> None:
    random = Random(3)
    rows = [talk(f"t{n:02}", sentence(random, 9), QUESTION, sentence(random, 12)) for n in range(60)]
    preferences = [pair(of, "I would stay in bed and complain.") for of in rows]
    artifact = deduplicated(rows, preferences, ["deduplicate.test_share=0.2", "deduplicate.validation_share=0.2"])
    split = {name: of["split"] for name, of in kept(artifact).items()}
    tested = {name for name in split if split[name] == "test"}
    assert pairs(artifact).keys() == tested
    first = ("overlaps_test", {"matched": min(tested)})
    assert dropped_pairs(artifact) == dict.fromkeys(split.keys() - tested, first)


SHARED = Path(os.environ.get("PARLANCE_SHARED_DATA", "../shared/data")) / "corpora"
HARMLESS = SHARED / "hh_rlhf_harmless.preference.jsonl.gz"


@pytest.mark.skipif(not HARMLESS.is_file(), reason=f"{HARMLESS} is absent; set PARLANCE_SHARED_DATA")
def test_real_preferences_between_harmless_and_harmful_replies_are_nearly_all_kept(
    make_run: Callable[..., Run], tmp_path: Path
) -> None:
    data = tmp_path / "harmless.jsonl"
    with gzip.open(HARMLESS, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in islice(lines, 400)]
    data.write_text("".join(json.dumps(record) + "\n" for record in records))
    run = make_run(data=data)
    acquired, _, cleaned, artifact = (
        found for task in ("acquire", "clean", "deduplicate") for found in execute(run, task)
    )
    assert cleaned.metrics["pairs"]["in"] == acquired.metrics["harmless"]["rejected_sides"] == 400
    assert artifact.metrics["pairs"]["out"] >= 0.97 * 400
    for found in pairs(artifact).values():
        record = records[found["origin"]["ordinal"]]
        for side in ("chosen", "rejected"):
            reply = record[side].rpartition("Assistant:")[2]
            assert text_hash([("assistant", found[side])]) == text_hash([("assistant", reply)]) or "<" in found[side]
        assert (
            len(found["prompt"]) == record["chosen"].count("\n\nHuman:") + record["chosen"].count("\n\nAssistant:") - 1
        )
