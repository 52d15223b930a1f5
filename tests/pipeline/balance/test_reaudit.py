"""The audit after balance: which annotations are made anew, what the audit then finds, and what has changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.balance.change import EMOTIONS, changes, counted
from pipeline.contract.artifact import Artifact, Ledger
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from tests.artifacts import commit

TOPICS = 'audit.topics={"food": "talking about cooking, food and restaurants", "sport": "football, tennis and running"}'
ADDED = [("topic", pa.string()), ("augmentation", pa.string()), ("parent", pa.string())]
MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
BALANCED = pa.schema(
    [*((n, pa.string()) for n in ("row_id", "source", "split", "language")), ("messages", MESSAGES), *ADDED]
)


Twice = tuple[list[dict[str, Any]], Artifact, Artifact]


@pytest.fixture
def audited(
    begin: Callable[..., Run],
    deduplicated: Callable[..., Artifact],
    talk: Callable[..., dict[str, Any]],
    spark: object,  # noqa: ARG001
) -> Callable[..., Twice]:
    """audited(*overrides, name="root"): (balanced rows, artifacts of reannotate and reaudit) of ten rows. Three of them
    balance dropped, and it added a copy and a generated row."""

    def make(*overrides: str, name: str = "root") -> Twice:
        limits = ("audit.min_similarity=0.1", "findings.max_topic_share=0.6", "findings.min_group_rows=2")
        return _audited(begin(TOPICS, *limits, *overrides, name=name), deduplicated, talk)

    return make


@pytest.fixture
def audited_twice(audited: Callable[..., Twice]) -> Twice:
    return audited()


def _audited(run: Run, deduplicated: Callable[..., Artifact], talk: Callable[..., dict[str, Any]]) -> Twice:
    foods = ("soup", "bread", "pasta", "rice", "cheese", "cake", "beans")
    rows = [talk(f"How do I cook {food}?", f"A good recipe for {food} takes an hour.") for food in foods]
    rows += [
        talk("Who won the football match?", "My brother says our team scored twice."),
        talk("Is tennis good exercise?", "My friend plays it every day and she loves it."),
        talk("Is running good?", "It is.", split="test"),
    ]
    deduplicated(run, rows)
    for task in ("embed", "sentiment", "audit"):
        execute(run, task)
    copy = talk("Who won the football match?", "My sister says our team scored twice.") | {
        "augmentation": "counterfactual_gender", "parent": rows[7]["row_id"], "topic": "sport",
    }  # fmt: skip
    made = talk("Where do I buy a racket?", "In a sports shop.") | {"augmentation": "generated", "topic": "sport"}
    topic = dict.fromkeys((row["row_id"] for row in rows[:7]), "food")
    human = [
        row | {"topic": topic.get(row["row_id"], "sport"), "augmentation": None, "parent": None} for row in rows[3:]
    ]
    balanced = [*human, copy, made | {"parent": None}]
    commit(run, "review", 10, lambda folder: (folder / "decision.json").write_text('{"decision": "approve"}'))
    commit(run, "generate", 0)
    ledger = Ledger(10, 9, {"counterfactual_gender": 1, "generated": 1}, {"topic_over_cap": 3})
    commit(run, "balance", 9, lambda folder: write(balanced, folder / "data"), ledger)
    again = execute(run, "balance")
    return balanced, again[1], again[2]


def test_only_added_rows_are_annotated_and_the_audit_counts_the_balanced_ones(audited_twice: Any) -> None:
    balanced, annotations, artifact = audited_twice
    found = {row["row_id"]: row for row in annotations.read().to_table().to_pylist()}
    assert found.keys() == {row["row_id"] for row in balanced}
    assert annotations.metrics["annotated"] == 2
    assert {row["parent"] for row in found.values()} == {None, balanced[4]["row_id"]}
    copy, made = (found[row["row_id"]] for row in balanced[-2:])
    parent = found[copy["parent"]]
    assert (copy["topic"], copy["topic_similarity"]) == ("sport", parent["topic_similarity"])
    assert (parent["mentions"], copy["mentions"]) == (["gender:male"], ["gender:female"])
    assert (made["topic"], made["topic_similarity"], made["mentions"]) == ("sport", None, [])
    assert len(made["emotions"]) == len(EMOTIONS)

    after = artifact.json("audit.json")
    assert after["rows"] == 9
    assert after["topics"] == {"food": 4, "sport": 5, "other": 0}
    assert after["mentions"]["gender"]["female"] == 2


def test_what_changed_is_told_with_intervals(audited_twice: Any) -> None:
    _, _, artifact = audited_twice
    change = artifact.json("change.json")
    assert change["rows"] == {"before": 9, "after": 8}, "of the training rows"
    assert [(f["kind"], f["subject"]) for f in change["findings"]["gone"]] == [("topic over-represented", "food")]
    measures = {(m["measure"], m["subject"]): m for m in change["measures"]}
    food = measures["share of topic", "food"]
    assert (food["before"], food["after"]) == (round(7 / 9, 5), 0.5)
    assert food["low"] < food["after"] - food["before"] < food["high"], "nine rows leave it open"
    female = measures["share of mentions", "gender:female"]
    assert (female["before"], female["after"]) == (round(1 / 9, 5), 0.25)
    assert not [subject for _, subject in measures if "religion" in subject], "nobody mentions one"


def test_spark_leaves_what_one_process_leaves(audited: Callable[..., Twice], tmp_path: Path) -> None:
    """Of annotate and reannotate; by Spark, and by the process of the stage."""
    left = []
    for name, more in (("here", []), ("by-spark", ["spark.from_rows=0"])):
        rows, again, _ = audited(*more, name=name)
        [first] = (tmp_path / name / "artifacts" / "annotate").glob("[!.]*")
        left.append([artifact.manifest["files"] for artifact in (Artifact(first), again)])
        assert again.ledger == Ledger(9, 9)
    assert left[0] == left[1]
    assert len(rows) == 9


def write(rows: list[dict[str, Any]], folder: Path) -> None:
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(rows, schema=BALANCED), folder / "part-00000.parquet")


def annotations(
    folder: Path, topics: list[str], moods: list[float], parents: list[str | None] | None = None
) -> Artifact:
    """Training rows 0, 1, … with these topics and sentiments, of which every second mentions women."""
    count = len(topics)
    ids = [f"{number * 2654435761 % 2**32:08x}{number:024x}" for number in range(count)]
    columns = {
        "row_id": ids,
        "split": ["train"] * count,
        "topic": topics,
        "emotion": ["joy" if mood > 0 else "anger" for mood in moods],
        "sentiment": pa.array(moods, pa.float32()),
        "mentions": pa.array([["gender:female"] * (n % 2) for n in range(count)], pa.list_(pa.string())),
    }
    if parents is not None:
        columns["parent"] = pa.array(parents, pa.string())
    (folder / "data").mkdir(parents=True)
    pq.write_table(pa.table(columns), folder / "data" / "part-00000.parquet")
    return Artifact(folder)


def test_the_interval_is_that_of_a_difference_of_shares(tmp_path: Path) -> None:
    """Halving one topic of 2,000 rows: the bootstrap's width against that of 2,000 draws of whole corpora."""
    random = np.random.default_rng(1)
    topics = random.choice(["a", "b"], 2000, p=[0.6, 0.4]).tolist()
    moods = random.normal(0, 0.4, 2000).tolist()
    stays = [n for n, topic in enumerate(topics) if topic == "b" or n % 2 == 0]
    before = counted(annotations(tmp_path / "before", topics, moods), ["a", "b"])
    whole = pq.read_table(tmp_path / "before/data/part-00000.parquet").take(stays)
    (tmp_path / "after/data").mkdir(parents=True)
    pq.write_table(whole, tmp_path / "after/data/part-00000.parquet")
    after = counted(Artifact(tmp_path / "after"), ["a", "b"])
    found = {(m["measure"], m["subject"]): m for m in changes(before, after, 1)}
    share = found["share of topic", "a"]
    drawn = []
    for _ in range(2000):
        is_a = random.random(2000) < np.mean([topic == "a" for topic in topics])
        half = is_a & (random.random(2000) < 0.5)
        drawn.append(half.sum() / (half.sum() + (~is_a).sum()) - is_a.mean())
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert share["high"] - share["low"] == pytest.approx(high - low, rel=0.25)
    assert share["low"] < share["after"] - share["before"] < share["high"]


def test_nothing_changed_is_no_change(tmp_path: Path) -> None:
    rows = annotations(tmp_path / "rows", ["a", "b"] * 50, [0.5, -0.5] * 50)
    once = counted(rows, ["a", "b"])
    assert all(m["low"] == m["high"] == 0 and m["before"] == m["after"] for m in changes(once, once, 1))


def test_copies_are_drawn_with_their_parents(tmp_path: Path) -> None:
    """A row copied 50 times is one observation: the interval of what it shows stays wide."""
    moods = [0.5] * 20 + [-0.5] * 20
    before = counted(annotations(tmp_path / "before", ["a"] * 40, moods), ["a"])
    ids = pq.read_table(tmp_path / "before/data/part-00000.parquet")["row_id"].to_pylist()
    copied = [0.5] * 20 + [-0.5] * 70
    alike = counted(annotations(tmp_path / "one", ["a"] * 90, copied, [*ids, *[ids[20]] * 50]), ["a"])
    apart = counted(annotations(tmp_path / "many", ["a"] * 90, copied, [*ids, *([None] * 50)]), ["a"])
    width = [
        next(m["high"] - m["low"] for m in changes(before, after, 1) if m["subject"] == "anger")
        for after in (alike, apart)
    ]
    assert width[0] > 2 * width[1]
