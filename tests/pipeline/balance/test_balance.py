"""balance on hand-made conversations, through the stage's own door; and the arithmetic of topic caps."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError
from pyspark.sql import functions as F

from configs.balance import Cap
from configs.errors import UserError
from pipeline.balance import decided_by_spark, decided_here, written_here
from pipeline.balance.caps import Cut, cuts
from pipeline.balance.topic_cap import rows_to_keep
from pipeline.contract.artifact import Artifact, Ledger
from pipeline.contract.execute import run_stage
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from pipeline.rows.row_id import row_id
from pipeline.rows.schema import PAIRS
from pipeline.rows.text_hash import text_hash
from tests.artifacts import commit, commit_parts, dropped, dropped_pairs, kept, pairs

MESSAGES = pa.list_(pa.struct({"role": pa.string(), "content": pa.string()}))
DEDUPLICATED = pa.schema(
    {
        "row_id": pa.string(),
        "source": pa.string(),
        "origin": pa.struct({"file": pa.string(), "ordinal": pa.int64()}),
        "conversation_id": pa.string(),
        "user_id": pa.string(),
        "messages": MESSAGES,
        "metadata": pa.map_(pa.string(), pa.string()),
        "chars": pa.int32(),
        "text_hash": pa.string(),
        "split": pa.string(),
        "cluster": pa.string(),
    }
)
ANNOTATED = pa.schema(
    {
        "row_id": pa.string(),
        "source": pa.string(),
        "split": pa.string(),
        "topic": pa.string(),
        "mentions": pa.list_(pa.string()),
        "emotion": pa.string(),
    }
)


def row(name: str, topic: str, split: str = "train", prompt: str = "Is it late?", **columns: Any) -> dict[str, Any]:
    """A row of deduplicate, with its topic."""
    return {
        "row_id": name,
        "source": "made",
        "origin": {"file": "made.jsonl", "ordinal": 3},
        "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": "I think so."}],
        "metadata": [("channel", "web")],
        "chars": len(prompt),
        "text_hash": name,
        "split": split,
        "cluster": name,
        "topic": topic,
        **columns,
    }


def held_out() -> list[dict[str, Any]]:
    return [row(f"{split[0]}{i}", "sport", split) for split in ("validation", "test") for i in range(10)]


def many(topic: str, count: int, **columns: Any) -> list[dict[str, Any]]:
    return [row(f"{topic}{i:03d}", topic, **columns) for i in range(count)]


ODD = 'pie \\ "Käse"/日本 \n\t\x1b\\u001b🦉'
"""A topic that JSON writes in another way."""

Made = Callable[..., Artifact]


@pytest.fixture
def balanced(make_run: Callable[..., Run], tmp_path: Path) -> Made:
    """balanced(rows, overrides=[], decision={}, parts=1, unknown=None, …): the artifact of balance; unknown: how
    the row_ids begin of which annotate has nothing; more folders of deduplicate's."""

    def make(
        rows: list[dict[str, Any]],
        overrides: list[str] | None = None,
        decision: dict[str, Any] | None = None,
        parts: int = 1,
        unknown: str | None = None,
        annotated: pa.Schema = ANNOTATED,
        **more: tuple[list[dict[str, Any]], pa.Schema],
    ) -> Artifact:
        root = tmp_path / f"root-{len(list(tmp_path.iterdir()))}"
        settings = [f"storage.root={root}", *(overrides or [])]
        run = make_run(conversations=[[("user", "unused"), ("assistant", "unused")]], overrides=settings)
        generated = more.pop("generated", None)
        known = [of for of in rows if not (unknown and of["row_id"].startswith(unknown))]
        commit_parts(run, "deduplicate", [rows[part::parts] for part in range(parts)], DEDUPLICATED, **more)
        commit_parts(run, "annotate", [known[part::parts] for part in range(parts)], annotated)
        commit(run, "embed", len(rows))
        if not generated:
            commit(run, "generate", 0)
        else:
            commit_parts(run, "generate", [generated[0]], generated[1])
        answer = json.dumps(decision or {"decision": "approve"})
        commit(run, "review", len(rows), lambda folder: (folder / "decision.json").write_text(answer))
        return run_stage(STAGES["balance"], run)

    return make


@pytest.fixture
def alike(balanced: Made, monkeypatch: pytest.MonkeyPatch) -> Made:
    """The same, made without a Spark session and by Spark: in all files, the ledger and the metrics it is equal."""

    def make(rows: list[dict[str, Any]], overrides: list[str] | None = None, *given: Any, **more: Any) -> Artifact:
        with monkeypatch.context() as without:
            without.setattr("pipeline.spark.session.spark_session", lambda *_: pytest.fail("Spark was started"))
            here = balanced(rows, overrides, *given, **more)
        by_spark = balanced(rows, [*(overrides or []), "spark.from_rows=0"], *given, **more)
        assert here.manifest["files"] == by_spark.manifest["files"]
        assert (here.ledger, here.metrics) == (by_spark.ledger, by_spark.metrics)
        return here

    return make


def test_a_topic_above_the_cap_shrinks_to_it_in_the_training_split_only(alike: Made) -> None:
    rows = [*held_out(), *many("sport", 70), *many("food", 20), *many("other", 10)]
    artifact = alike(rows)
    train = Counter(r["topic"] for r in kept(artifact).values() if r["split"] == "train")
    assert train == {"sport": 30, "food": 20, "other": 10}
    assert sum(r["split"] != "train" for r in kept(artifact).values()) == 20
    evidence = {"topic": "sport", "share": 0.7, "cap": 0.5}
    assert list(dropped(artifact).values()) == [("topic_over_cap", evidence)] * 40
    assert artifact.ledger == Ledger(120, 80, {}, {"topic_over_cap": 40})
    assert all(r["augmentation"] is None and r["parent"] is None for r in kept(artifact).values())


def test_the_seed_chooses_which_rows_stay_and_partitions_do_not(balanced: Made) -> None:
    rows = [*held_out(), *many("sport", 70), *many("food", 20)]
    rows += many("work", 30, prompt="My brother lost his hat, is he sad?")
    found = []
    for ordered, parts in ((rows, 1), (rows[::-1], 7)):
        artifact = balanced(ordered, ["balance.max_topic_share=0.4", "balance.counterfactual_share=0.5"], parts=parts)
        found.append({f["path"]: f["sha256"] for f in artifact.manifest["files"]})
    assert found[0] == found[1]
    other_seed = balanced(rows, ["balance.max_topic_share=0.4", "seed=99"])
    assert dropped(artifact).keys() != dropped(other_seed).keys()
    assert len(dropped(artifact)) == len(dropped(other_seed))


def test_a_group_an_emotion_and_their_meeting_shrink_to_their_caps(alike: Made) -> None:
    women: dict[str, Any] = {"mentions": ["gender:female"]}
    men: dict[str, Any] = {"mentions": ["gender:male"]}
    rows = [*held_out(), *many("other", 40), *many("work", 30, **men), *many("food", 10, **women, emotion="joy")]
    rows += [row(f"sad{n}", "home", **women, emotion="sadness") for n in range(30)]
    sad_women = "{group: 'gender:female', emotion: sadness, within: group, max_share: 0.5}"
    few_men = "{group: 'gender:male', max_share: 0.25}"
    artifact = alike(rows, ["balance.max_topic_share=1", f"balance.caps=[{sad_women}, {few_men}]"])
    stays = Counter(name[:3] for name, of in kept(artifact).items() if of["split"] == "train")
    assert stays == {"oth": 40, "foo": 10, "sad": 10, "wor": 20}, "20 of 80 are 25%; 10 of 20 are 50%"
    assert artifact.ledger.dropped == {"group_over_cap": 30}
    proofs = [proof for _, proof in dropped(artifact).values()]
    assert {"group": "gender:male", "within": "all", "max_share": 0.25, "share": 0.3333} in proofs
    about_women = {"group": "gender:female", "emotion": "sadness", "within": "group", "max_share": 0.5, "share": 0.75}
    assert proofs.count(about_women) == 20
    assert artifact.ledger.rows_out == 100


def test_a_cap_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs a group, an emotion or a topic"):
        Cap(max_share=0.5)
    with pytest.raises(ValidationError, match="within: group needs a group and a further condition"):
        Cap(group="age:old", within="group", max_share=0.5)
    with pytest.raises(ValidationError, match="'old' is no group"):
        Cap(group="old", max_share=0.5)


def test_cuts_leave_the_most_rows_under_all_caps_and_shrink_what_meets_a_cap_in_proportion() -> None:
    both, one, rest = ((True, True), (True, True)), ((True, True), (False, True)), ((False, True), (False, True))
    found = cuts({both: 30, one: 60, rest: 60}, [0.5, 0.9])
    assert found == {both: [Cut(0, 10, 0.6)], one: [Cut(0, 20, 0.6)]}
    again = cuts({both: 30, one: 60, rest: 60}, [0.5, 0.1])
    stays = {kind: n - sum(cut.rows for cut in again.get(kind, [])) for kind, n in ((both, 30), (one, 60), (rest, 60))}
    total = sum(stays.values())
    assert stays[rest] == 60
    assert stays[both] + stays[one] <= 0.5 * total
    assert stays[both] <= 0.1 * total < stays[both] + 1.2
    assert cuts({both: 5}, [0.5, 0.5]) == {}, "no cap can hold where every row fulfils it"


def test_a_counterfactual_copy_is_marked_and_knows_its_parent(alike: Made) -> None:
    parent = row("p", "work", prompt="My brother lost his hat.", conversation_id="c1", user_id="u1")
    inherent = row("q", "work", prompt="My sister is pregnant.")
    elsewhere = row("h", "work", "test", prompt="My sister lost her hat.")
    artifact = alike(
        [*held_out(), *many("food", 5), parent, inherent, elsewhere],
        ["balance.counterfactual_share=1", "balance.max_topic_share=1"],
    )
    copies = [r for r in kept(artifact).values() if r["augmentation"]]
    turns = [("user", "My sister lost her hat."), ("assistant", "I think so.")]
    assert [(r["parent"], r["augmentation"]) for r in copies] == [("p", "counterfactual_gender")]
    (copy,) = copies
    assert [(m["role"], m["content"]) for m in copy["messages"]] == turns
    assert copy["row_id"] == row_id("made", "counterfactual/p", 0, turns)
    assert copy["text_hash"] != parent["text_hash"]
    for same in ("source", "origin", "conversation_id", "user_id", "metadata", "split", "cluster", "topic"):
        assert copy[same] == parent.get(same)
    assert artifact.ledger == Ledger(28, 29, {"counterfactual_gender": 1}, {})


def test_generated_rows_join_the_training_split_marked_and_without_a_parent(alike: Made) -> None:
    marks = {"augmentation": "generated", "parent": None, "language": "en"}
    written = {**row("g", "work"), "metadata": [("examples", "a,b")], **marks}
    schema = pa.schema(
        [*(f for f in DEDUPLICATED if f.name not in ("split", "cluster"))]
        + [pa.field(name, pa.string()) for name in ("topic", "augmentation", "parent", "language")]
    )
    artifact = alike([*held_out(), *many("food", 5)], ["balance.max_topic_share=1"], generated=([written], schema))
    made = kept(artifact)["g"]
    assert (made["split"], made["cluster"], made["topic"]) == ("train", "g", "work")
    assert (made["augmentation"], made["parent"]) == ("generated", None)
    assert dict(made["metadata"]) == {"examples": "a,b"}
    assert "language" not in made, "columns are deduplicate's"
    assert artifact.ledger == Ledger(25, 26, {"generated": 1}, {})


def test_a_share_of_the_gendered_rows_gets_a_copy(balanced: Made) -> None:
    rows = [*held_out(), *many("work", 200, prompt="My brother lost his hat."), *many("food", 200)]
    artifact = balanced(rows, ["balance.counterfactual_share=0.25"])
    assert 30 <= artifact.ledger.added["counterfactual_gender"] <= 70
    assert balanced(rows, ["balance.counterfactual_share=0"]).ledger.added == {}


def test_what_the_review_removed_goes_from_every_split(alike: Made) -> None:
    rows = [*held_out(), *many("food", 30), row("x1", "work", "test"), row("x2", "food", source="leaked")]
    rows += [row("v", "food", "validation"), row("t", "food", "test")]
    decision = {"decision": "approve", "remove": {"topics": ["work"], "sources": ["leaked"]}}
    artifact = alike(rows, ["balance.max_topic_share=1"], decision)
    assert dropped(artifact) == {
        "x1": ("removed_by_review", {"topic": "work"}),
        "x2": ("removed_by_review", {"source": "leaked"}),
    }
    decision["remove"] = {"topics": ["sport", "work"], "sources": []}
    assert len(kept(alike(rows, ["balance.max_topic_share=1"], decision))) == 33


@pytest.mark.parametrize("from_rows", [0, 20_000])
def test_a_removal_that_empties_a_split_is_refused(balanced: Made, from_rows: int) -> None:
    decision = {"decision": "approve", "remove": {"topics": ["sport"], "sources": []}}
    with pytest.raises(UserError, match="removals leave test and validation without rows"):
        balanced([*held_out(), *many("food", 30)], [f"spark.from_rows={from_rows}"], decision)


@pytest.mark.parametrize("from_rows", [0, 20_000])
def test_caps_need_what_they_are_about(balanced: Made, from_rows: int) -> None:
    rows = [*held_out(), *many("food", 30, mentions=["age:old"]), *many("work", 30)]
    settings, old = [f"spark.from_rows={from_rows}"], ANNOTATED.remove(ANNOTATED.get_field_index("emotion"))
    with pytest.raises(UserError, match="this run's annotate has no emotions"):
        balanced(rows, [*settings, "balance.caps=[{emotion: joy, max_share: 0.1}]"], annotated=old)
    made = balanced(rows, [*settings, "balance.caps=[{group: 'age:old', max_share: 0.25}]"], annotated=old)
    assert made.ledger.dropped == {"group_over_cap": 20}


@pytest.mark.parametrize(
    ("counts", "share", "keep"),
    [
        ({"a": 50, "b": 50}, 0.5, {}),
        ({"a": 70, "b": 20, "other": 10}, 0.5, {"a": 30}),
        ({"a": 51, "b": 50}, 0.5, {"a": 50}),
        ({"a": 100, "b": 90, "c": 10, "other": 10}, 0.4, {"a": 40, "b": 40}),
        ({"a": 100, "b": 30, "c": 20}, 0.4, {"a": 33}),
        ({"a": 100, "b": 34, "c": 20}, 0.4, {"a": 36}),
        ({"other": 900, "a": 100}, 0.5, {}),
        ({"a": 100}, 0.5, None),
        ({"a": 100, "b": 100}, 0.4, None),
        ({}, 0.5, {}),
    ],
)
def test_the_most_rows_stay_that_the_share_allows(
    counts: dict[str, int], share: float, keep: dict[str, int] | None
) -> None:
    assert rows_to_keep(counts, share) == keep


def test_no_kept_topic_is_above_the_share_and_one_row_more_would_be() -> None:
    for a in range(0, 60, 7):
        for b in range(0, 60, 5):
            for c in range(0, 60, 11):
                counts = {"a": a, "b": b, "c": c, "other": 13}
                keep = rows_to_keep(counts, 0.35)
                assert keep is not None
                after = {**counts, **keep}
                total = sum(after.values())
                assert all(after[t] <= 0.35 * total + 1e-9 for t in "abc")
                for topic in keep:
                    more = {t: n + (t in keep) for t, n in after.items()}
                    assert more[topic] > 0.35 * sum(more.values()), "all capped topics, one row more each"


def test_a_row_that_goes_takes_its_preference_pairs_and_a_copy_has_none(alike: Made) -> None:
    swapped = "My brother lost his hat, is he sad?"
    rows = [*held_out(), *many("sport", 30, prompt=swapped), *many("food", 10, prompt=swapped)]
    sides = {"prompt": [{"role": "user", "content": swapped}], "chosen": "I think so.", "rejected": "No."}
    identity = [{name: of[name] for name in ("row_id", "source", "origin", "split")} for of in rows]
    preferences = [{**of, **sides, "pair_id": f"{of['row_id']} {n}"} for of in identity for n in (1, 2)]
    settings = ["balance.max_topic_share=0.6", "balance.counterfactual_share=1"]
    artifact = alike(rows, settings, pairs=(preferences, PAIRS.append(pa.field("split", pa.string()))))
    humans = {name for name, of in kept(artifact).items() if of["augmentation"] is None}
    assert 0 < len(humans) < len(kept(artifact))
    assert pairs(artifact).keys() == {f"{name} {n}" for name in humans for n in (1, 2)}
    gone = {f"{name} {n}" for name in dropped(artifact) for n in (1, 2)}
    assert dropped_pairs(artifact) == dict.fromkeys(gone, ("chosen_dropped", {"chosen": "topic_over_cap"}))
    assert {of["split"] for of in pairs(artifact).values()} == {"train", "validation", "test"}
    assert artifact.metrics["pairs"] == {"in": 120, "out": 120 - len(gone), "dropped": {"chosen_dropped": len(gone)}}


def test_spark_leaves_what_one_process_leaves(alike: Made, balanced: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of rows of all fates, those that were generated, and copies of which one says what a row says already; in one
    round, in several, and of files that are too large to be held."""
    people = many("work", 60, prompt="My brother lost his hat.")
    rows = [*held_out(), *many("sport", 70), *many("food", 20), *people, row("x", "food", source="leaked")]
    rows += [row("r", "work", prompt="Her uncle is late."), {**row("q", "other"), "topic": None}]
    said = [{"role": "user", "content": "My sister lost her hat."}, {"role": "assistant", "content": "I think so."}]
    rows += [row("s", "food", text_hash=text_hash([(turn["role"], turn["content"]) for turn in said]))]
    rows += [row("b", ODD), row("v", ODD, "validation", source="leaked"), row("w", "work", source="leaked")]
    written = {**row("g", "work"), "augmentation": "generated", "parent": None, "language": "en"}
    schema = pa.schema(
        [*(f for f in DEDUPLICATED if f.name not in ("split", "cluster"))]
        + [pa.field(name, pa.string()) for name in ("topic", "augmentation", "parent", "language")]
    )
    decision = {"decision": "approve", "remove": {"topics": [ODD], "sources": ["leaked"]}}
    settings = ["balance.counterfactual_share=1", "balance.max_topic_share=0.4"]
    given: dict[str, Any] = {"decision": decision, "parts": 3, "unknown": "w", "generated": ([written], schema)}
    made = alike(rows, settings, **given)
    assert made.ledger.added.keys() == {"generated", "counterfactual_gender"}
    assert made.ledger.dropped == {"removed_by_review": 4, "topic_over_cap": sum(made.ledger.dropped.values()) - 4}
    proofs = {name: proof for name, (rule, proof) in dropped(made).items() if rule == "removed_by_review"}
    leaked = {"source": "leaked"}
    assert proofs == {"x": leaked, "w": leaked, "v": leaked | {"topic": ODD}, "b": {"topic": ODD}}
    monkeypatch.setattr(written_here, "MOST_BYTES", 1)
    too_large = balanced(rows, settings, **given)
    monkeypatch.setattr(written_here, "bytes_in", lambda _: 0)
    for other in (too_large, alike(rows, settings, **given)):
        assert other.manifest["files"] == made.manifest["files"]
        assert (other.ledger, other.metrics) == (made.ledger, made.metrics)


@pytest.mark.parametrize("tied", [False, True])
def test_caps_that_meet_take_the_same_rows_both_ways(alike: Made, monkeypatch: pytest.MonkeyPatch, tied: bool) -> None:
    """Of kinds that several caps cut, rows without a topic or mentions, and rows that annotate has nothing of. tied:
    of equal draws the smallest row_ids stay."""
    if tied:
        monkeypatch.setattr(decided_by_spark, "uniform", lambda *_: F.lit(0.25))
        monkeypatch.setattr(decided_here, "uniforms", lambda _, keys: np.full(len(keys), 0.25))
    both = ["gender:female", "age:old", "gender:female"]
    rows = [*held_out(), *many("sport", 40, mentions=both, emotion="joy"), *many("food", 30, mentions=["age:old"])]
    rows += [*many("home", 30, mentions=[], emotion="joy"), *many("work", 50), *many("unknown", 20, mentions=both)]
    rows += [{**of, "topic": None} for of in many("none", 20, mentions=both, emotion="fear")]
    caps = [
        "{group: 'age:old', emotion: joy, within: group, max_share: 0.3}",
        "{emotion: joy, max_share: 0.2}",
        "{group: 'gender:female', topic: sport, within: topic, max_share: 0.9}",
        "{topic: sport, max_share: 0.08}",
    ]
    made = alike(rows, ["balance.max_topic_share=0.25", f"balance.caps=[{', '.join(caps)}]"], None, 3, "unknown")
    assert made.ledger.dropped.keys() == {"topic_over_cap", "group_over_cap", "emotion_over_cap"}
    assert not any(name.startswith("unknown") for name in dropped(made))
    rules = {name: rule for name, (rule, _) in dropped(made).items() if name.startswith("sport")}
    assert set(rules.values()) == {"topic_over_cap", "group_over_cap", "emotion_over_cap"}
    stays = sorted(name for name in kept(made) if name.startswith("sport"))
    assert (stays == [f"sport{n:03d}" for n in range(len(stays))]) == tied
