"""What balance does with vectors, on directions in the plane: rows near an evaluation, said twice, selected."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from configs.errors import UserError
from configs.load import load_profile
from configs.selection import Decontamination, Selection
from pipeline.balance.evaluation_items import items_of
from pipeline.contract.artifact import Artifact, Ledger
from pipeline.contract.execute import run_stage
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from pipeline.embed.segmenter import segments_schema
from tests.artifacts import commit, commit_parts, dropped, kept

STRINGS = ("row_id", "source", "split", "text_hash", "cluster")
ROWS = pa.schema(
    [
        *((name, pa.string()) for name in STRINGS),
        ("origin", pa.struct({"file": pa.string(), "ordinal": pa.int64()})),
        ("messages", pa.list_(pa.struct({"role": pa.string(), "content": pa.string()}))),
        ("chars", pa.int32()),
        ("tokens", pa.int32()),
    ]
)
ANNOTATED = pa.schema([(name, pa.string()) for name in ("row_id", "topic", "emotion")])
SEGMENTS = segments_schema(2)
NO_COPIES = ["balance.counterfactual_share=0", "balance.max_topic_share=1"]
ASKED = "How can I reset my password in the shop?"
POLITE = "Could you please tell me how I can reset my password in the shop?"


def row(name: str, degrees: float, split: str = "train", said: str = "", tokens: int = 10) -> dict[str, Any]:
    talk = [
        {"role": "user", "content": said or f"What is {name}?"},
        {"role": "assistant", "content": "I can tell you."},
    ]
    found = {"row_id": name, "source": "made", "split": split, "text_hash": name, "cluster": name, "messages": talk}
    origin = {"file": "made.jsonl", "ordinal": 1}
    return found | {"origin": origin, "chars": len(said), "tokens": tokens, "degrees": degrees}


def segment(of: dict[str, Any]) -> dict[str, Any]:
    angle = np.radians(of["degrees"])
    place = dict.fromkeys(("segment", "first_turn", "last_turn", "first_char"), 0)
    return {"row_id": of["row_id"], **place, "vector": [np.cos(angle), np.sin(angle)]}


HELD_OUT = [row("val", 300, "validation"), row("test", 90, "test")]
Made = Callable[..., Artifact]


@pytest.fixture
def balanced(make_run: Callable[..., Run], tmp_path: Path) -> Made:
    """balanced(rows, overrides, parts=1, shards=1, embedded=None): balance's artifact of the rows and HELD_OUT."""

    def make(
        rows: list[dict[str, Any]], *overrides: str, parts: int = 1, shards: int = 1, embedded: int | None = None
    ) -> Artifact:
        root = tmp_path / f"root-{len(list(tmp_path.iterdir()))}"
        run = make_run([], [f"storage.root={root}", *NO_COPIES, *overrides])
        rows = [*rows, *HELD_OUT]
        columns = [{name: of[name] for name in ROWS.names} for of in rows]
        commit_parts(run, "deduplicate", [columns[part::parts] for part in range(parts)], ROWS)
        topics = [{"row_id": of["row_id"], "topic": "sport", "emotion": "joy"} for of in rows]
        commit_parts(run, "annotate", [topics], ANNOTATED)
        vectors = sorted(map(segment, rows), key=lambda of: of["row_id"])[: len(rows) if embedded is None else embedded]
        commit_parts(run, "embed", [vectors[shard::shards] for shard in range(shards)], SEGMENTS)
        commit(run, "generate", 0)
        commit(run, "review", 1, lambda folder: (folder / "decision.json").write_text('{"decision": "approve"}'))
        return run_stage(STAGES["balance"], run)

    return make


SAID_TWICE = [row("a", 0, said=ASKED), row("b", 3, said=POLITE), row("c", 1), row("d", 180, said=ASKED)]


def test_nothing_goes_for_what_it_means_unless_it_is_asked_for(balanced: Made) -> None:
    assert balanced(SAID_TWICE).ledger == Ledger(6, 6, {}, {})


def test_of_training_rows_that_say_the_same_one_stays(balanced: Made) -> None:
    rows = [*SAID_TWICE, row("e", 301, said="What is val?")]
    on = "balance.semantic_duplicates.min_similarity=0.95"
    artifacts = [balanced(rows, on), balanced(rows[::-1], on, parts=3, shards=4)]
    assert artifacts[0].manifest["files"] == artifacts[1].manifest["files"]
    (name, (rule, evidence)), *more = dropped(artifacts[0]).items()
    assert (name, rule, evidence["matched"], more) == ("a", "semantic_duplicate", "b", [])
    assert abs(evidence["similarity"] - np.cos(np.radians(3))) < 5e-4
    assert artifacts[0].ledger == Ledger(7, 6, {}, {"semantic_duplicate": 1})
    assert {"val", "test"} <= kept(artifacts[0]).keys()


def test_training_rows_near_a_held_out_one_go(balanced: Made) -> None:
    rows = [row("near", 92), row("far", 10), row("beside_validation", 301)]
    on = "balance.decontamination={min_similarity: 0.99, against: [test]}"
    artifact = balanced(rows, on)
    assert {name: rule for name, (rule, _) in dropped(artifact).items()} == {"near": "near_evaluation"}
    evidence = dropped(artifact)["near"][1]
    assert (evidence["matched"], evidence["evaluation_set"]) == ("test", "test")
    both = balanced(rows, on.replace("[test]", "[validation, test]"))
    assert dropped(both).keys() == {"near", "beside_validation"}
    with pytest.raises(UserError, match=r"decontamination.min_similarity: every training row is within 0.99"):
        balanced(rows[:1], on)


def test_a_diverse_subset_fits_its_rows_or_tokens(balanced: Made) -> None:
    rows = [row(f"dense{n}", n / 10) for n in range(10)] + [row(f"sparse{n}", 60 + 60 * n) for n in range(4)]
    artifact = balanced(rows, "balance.selection={method: diverse, rows: 5}", shards=3)
    stays = {name for name, of in kept(artifact).items() if of["split"] == "train"}
    assert len(stays) == 5
    assert stays >= {f"sparse{n}" for n in range(4)}
    assert artifact.ledger.dropped == {"not_selected": 9}
    assert {rule for rule, _ in dropped(artifact).values()} == {"not_selected"}
    for _, evidence in dropped(artifact).values():
        assert evidence["method"] == "diverse"
        assert evidence["matched"] in stays
        assert 0 <= evidence["distance"] < 1e-3
    facts = artifact.metrics["selection"]
    assert (facts["method"], facts["kept"], facts["of"]) == ("diverse", 5, 14)
    by_tokens = balanced(rows, "balance.selection={method: diverse, tokens: 59}")
    assert by_tokens.metrics["selection"] | {"radius": 0} == facts | {"tokens": 50, "radius": 0}
    assert kept(by_tokens).keys() == kept(artifact).keys()


def test_more_than_there_is_and_rows_without_vectors_are_refused(balanced: Made) -> None:
    rows = [row("a", 0), row("b", 90)]
    with pytest.raises(UserError, match=r"balance.selection.rows: 3 are asked for, and .* 2 rows; ask for fewer"):
        balanced(rows, "balance.selection={method: diverse, rows: 3}")
    with pytest.raises(UserError, match=r"balance.selection.tokens: 21 are asked for, and .* 20 tokens"):
        balanced(rows, "balance.selection={method: diverse, tokens: 21}")
    with pytest.raises(UserError, match=r"semantic_duplicates.min_similarity: embed has vectors of 0 of 4"):
        balanced(rows, "balance.semantic_duplicates.min_similarity=0.9", embedded=0)


def test_settings_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValidationError, match="method: diverse needs a size, either rows or tokens"):
        Selection(method="diverse")
    with pytest.raises(ValidationError, match="either rows or tokens"):
        Selection(method="diverse", rows=1, tokens=1)
    with pytest.raises(ValidationError, match="examples: a file of them is needed by method: nearest"):
        Selection(method="nearest", rows=1)
    with pytest.raises(ValidationError):
        Decontamination(against=())


def test_examples_that_are_not_there_are_refused_before_anything_runs(tmp_path: Path) -> None:
    chats = tmp_path / "chats.jsonl"
    chats.write_text("{}\n")
    missing = "{method: nearest, rows: 5, examples: nowhere.jsonl}"
    settings = [f"storage.root={tmp_path / 'root'}", f"balance.selection={missing}"]
    run = Run.begin(load_profile("scratch", settings, str(chats)), "test")
    with pytest.raises(UserError, match=r"balance.selection.examples: nowhere.jsonl: no such file"):
        run.fingerprint("balance")


def test_what_is_not_on_does_not_enter_the_fingerprint(tmp_path: Path) -> None:
    chats = tmp_path / "chats.jsonl"
    chats.write_text("{}\n")

    def raw(*settings: str) -> set[str]:
        profile = load_profile("scratch", [f"storage.root={tmp_path / 'root'}", *settings], str(chats))
        return set(Run.begin(profile, f"run-{len(settings)}").input_fingerprints("balance")) - STAGES.keys()

    assert raw() == set()
    of_probes = raw("balance.decontamination.min_similarity=0.9")
    assert {"probes/facts", "embed.model"} <= of_probes


def test_items_of_probes_are_what_the_model_is_asked_with_the_right_reply() -> None:
    from configs.probe import chosen, load_probe

    paths = chosen(None)
    assert items_of(load_probe(paths["facts"]))["paris"] == [
        ("user", "What is the capital of France?"),
        ("assistant", "Paris"),
    ]
    first, second = list(items_of(load_probe(paths["stereotypes"])).values())[:2]
    assert first[0][1] != second[0][1]
    assert json.dumps(first)
