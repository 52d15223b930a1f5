"""What the conversations are about, whom they mention, how they sound, and what stands out."""

import xml.etree.ElementTree

import numpy as np
import pytest

from pipeline.audit.audit import preferences
from pipeline.contract.execute import execute
from pipeline.rows.schema import PAIRS
from pipeline.sentiment.emotions import EMOTIONS, POLARITIES
from pipeline.sentiment.model import EmotionModel
from pipeline.sentiment.training_data import DEFAULT
from tests.artifacts import commit_parts

TOPICS = 'audit.topics={"food": "talking about cooking, food and restaurants", "sport": "football, tennis and running"}'


pytestmark = pytest.mark.usefixtures("spark")


@pytest.fixture
def audited(begin, deduplicated, talk):
    """The artifacts of annotate and audit over nine conversations that one can read."""
    foods = ("soup", "bread", "pasta", "rice", "cheese")
    rows = [talk(f"How do I cook {food}?", f"A good recipe for {food} takes an hour.") for food in foods]
    rows += [
        talk("Who won the football match?", "My brother says our team scored twice.", source="club"),
        talk("Is tennis good exercise?", "She plays it every day and loves it.", source="club"),
        talk("I hate this awful, terrible tournament.", "The match was horrible, I am sad.", source="club"),
        talk("xqz vvk pfft", "zzz 0x7f qqq", source="club"),
    ]

    def run_audit(name: str, *overrides: str):
        run = begin(TOPICS, "audit.min_similarity=0.1", "findings.max_topic_share=0.4", *overrides, name=name)
        deduplicated(run, rows)
        execute(run, "embed")
        execute(run, "sentiment")
        return run, execute(run, "audit")

    return run_audit


def test_topics_mentions_and_sentiment_of_each_conversation(audited):
    _, (annotated, _) = audited("root")
    rows = {row["row_id"]: row for row in annotated.read().to_table().to_pylist()}
    club = [row for row in rows.values() if row["source"] == "club"]
    assert all(row["topic"] == "food" for row in rows.values() if row["source"] == "hand")
    assert sorted(row["topic"] for row in club) == ["other", "sport", "sport", "sport"]
    assert sorted(tag for row in club for tag in row["mentions"]) == ["gender:female", "gender:male"]
    assert min(row["sentiment"] for row in club) < -0.5
    assert all(-1 <= row["sentiment"] <= 1 for row in rows.values())


def test_a_sentence_on_a_group_is_scored_without_its_words_and_one_on_nobody_of_each_conversation(audited):
    _, (annotated, _) = audited("root")
    said = {row["groups"][0]: row for row in annotated.read("mentions").to_table().to_pylist()}
    assert said.keys() == {"gender:female", "gender:male"}
    male = said["gender:male"]
    assert (male["topic"], male["source"], male["role"], male["turn"]) == ("sport", "club", "assistant", 1)
    assert (male["words"], male["acts"]) == (["our", "says", "scored", "team", "twice"], ["gender:male"])
    assert male["statement"] == f"{male['row_id']}:000"
    others = annotated.read("others").to_table().to_pylist()
    assert len({row["row_id"] for row in others}) == len(others) == 9
    assert all(row["groups"] == [] and len(row["emotions"]) == 7 for row in others)


def test_emotions_are_the_mean_over_the_turns_and_the_most_probable_is_named(audited):
    _, (annotated, _) = audited("root")
    rows = annotated.read().to_table().to_pylist()
    assert all(sum(row["emotions"]) == pytest.approx(1) for row in rows)
    assert all(row["emotion"] == EMOTIONS[np.argmax(row["emotions"])] for row in rows)
    polarities = list(POLARITIES.values())
    assert all(row["sentiment"] == pytest.approx(np.dot(row["emotions"], polarities), abs=1e-6) for row in rows)
    hated = ["I hate this awful, terrible tournament.", "The match was horrible, I am sad."]
    most_hated = min(rows, key=lambda row: row["sentiment"])
    assert most_hated["emotions"] == pytest.approx(EmotionModel.load(DEFAULT.parent).predict(hated).mean(axis=0))


def test_audit_json_adds_up_and_names_what_stands_out(audited):
    _, (_, artifact) = audited("root")
    audit = artifact.json("audit.json")
    assert audit["rows"] == 9
    assert audit["topics"] == {"food": 5, "sport": 3, "other": 1}
    assert audit["by_source"] == {
        "club": {"food": 0, "sport": 3, "other": 1},
        "hand": {"food": 5, "sport": 0, "other": 0},
    }
    assert audit["mentions"]["gender"] == {"female": 1, "male": 1, "transgender or non-binary": 0}
    assert sum(audit["sentiment"]["histogram"]["counts"]) == 9
    assert audit["languages"] == {"en": 9}
    assert [(f["severity"], f["kind"], f["subject"]) for f in audit["findings"]] == [
        ("warning", "topic over-represented", "food")
    ]


def test_annotations_findings_and_pictures_are_the_same_bytes_again(audited):
    one, other = audited("one"), audited("other")
    for first, second in zip(one[1], other[1], strict=True):
        files = [entry["path"] for entry in first.manifest["files"]]
        assert [(first.path / f).read_bytes() for f in files] == [(second.path / f).read_bytes() for f in files]


def test_texts_are_not_searched_again_for_other_topics(audited):
    _, (first, _) = audited("root")
    _, (again, _) = audited("root", "audit.min_similarity=0.9")
    assert again.path != first.path
    assert set(again.read().to_table()["topic"].to_pylist()) == {"other"}
    assert [m.manifest["timing"]["parts"]["made"] for m in (first, again)] == [2, 0]
    assert again.made_of == first.made_of
    assert all(part.damage() == [] for part in again.made_of)
    kept = ["row_id", "sentiment", "emotions", "mentions"]
    assert again.read().to_table(kept).equals(first.read().to_table(kept))


def test_pictures_are_well_formed_and_carry_their_numbers_as_text(audited):
    _, (_, artifact) = audited("root")
    pictures = sorted((artifact.path / "plots").glob("*.svg"))
    assert [p.stem for p in pictures] == ["mentions", "sentiment", "topics", "topics_by_source"]
    for picture in pictures:
        xml.etree.ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    assert "5  (55.6%)" in (artifact.path / "plots" / "topics.svg").read_text(encoding="utf-8")


def test_a_changed_threshold_counts_again_without_scoring_again(audited):
    run, (annotated, _) = audited("root")
    settings = run.profile.model_dump(mode="json")
    settings["findings"]["max_topic_share"] = 0.9
    again = type(run).begin(type(run.profile).model_validate(settings), "again")
    assert again.find("annotate").path == annotated.path
    assert again.find("audit") is None


def test_lengths_of_chosen_and_rejected_replies_are_compared_by_source(begin):
    replies = {"club": [("Yes.", "No."), ("No.", "Yes."), ("Yes.", "Nope")], "press": [("A long reply.", "Ün")]}
    rows = [
        {"row_id": str(n), "pair_id": str(n), "source": source, "prompt": [], "chosen": chosen, "rejected": rejected}
        for source, several in replies.items()
        for n, (chosen, rejected) in enumerate(several)
    ]
    run = begin()
    assert preferences(commit_parts(run, "acquire", [[]], PAIRS)) == {}
    found = preferences(commit_parts(run, "deduplicate", [[]], PAIRS, pairs=(rows, PAIRS)))
    club = {"rows": 3, "chosen_chars": 3.7, "rejected_chars": 3.7, "chosen_longer": 1, "chosen_shorter": 1}
    press = {"rows": 1, "chosen_chars": 13.0, "rejected_chars": 2.0, "chosen_longer": 1, "chosen_shorter": 0}
    assert found == {
        **{"rows": 4, "chosen_chars": 6.0, "rejected_chars": 3.2, "chosen_longer": 2, "chosen_shorter": 1},
        "by_source": {"club": club, "press": press},
    }
