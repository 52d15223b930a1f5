"""Corpora that are built to be biased, and the same corpora shuffled (benchmarks/audit_corpora.py)."""

import pytest

from benchmarks.audit_corpora import CASES, corpus
from benchmarks.audit_quality import NOT_OF_GROUPS, audited
from configs.audit import Findings

BIASED = [case for case in CASES if case.dealt]
NAMES = [case.name for case in BIASED]


def on_groups(case, strength, seed=7, limits=None):
    found = audited(corpus(case, strength, seed), limits)["findings"]
    return [f for f in found if f["kind"] not in NOT_OF_GROUPS]


@pytest.mark.parametrize("case", BIASED, ids=NAMES)
def test_a_bias_is_found_with_rows_examples_interval_certainty_and_remedy(case):
    kinds, subject = case.expected
    told = [f for f in on_groups(case, 1.0) if f["kind"] in kinds and f["subject"] == subject]
    assert told
    assert told[0]["severity"] in ("warning", "critical")
    for finding in told:
        assert finding["rows"] >= 30
        assert len(set(finding["examples"])) == len(finding["sentences"]) == 3
        assert finding["low"] <= finding["effect"] <= finding["high"]
        assert finding["q"] <= 0.05
        assert finding["remedy"]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_same_people_in_the_same_sentences_by_chance_are_no_finding(case):
    assert [f for f in on_groups(case, 0.0) if f["severity"] != "info"] == []


def test_groups_whose_own_words_sound_grim_are_no_finding():
    (case,) = (case for case in CASES if "blind" in case.name)
    found = audited(corpus(case, 0.0, 3))
    assert found["mentions"]["disability"]["sight"] >= 60
    assert [f for f in found["findings"] if f["kind"] in ("sentiment gap", "emotion gap", "stereotype")] == []


def test_two_groups_together_are_found_where_neither_alone_is_as_far():
    (case,) = (case for case in CASES if "old women" in case.name)
    worst = on_groups(case, 1.0)[0]
    assert worst["subject"] == "gender:female & age:old"


def test_how_often_a_group_is_mentioned_is_held_against_a_reference_only():
    case = BIASED[0]
    assert not any("represented" in f["kind"] for f in on_groups(case, 1.0))
    population = Findings(reference={"gender": {"female": 0.9, "male": 0.1}})
    told = [f for f in on_groups(case, 1.0, limits=population) if f["kind"] == "group under-represented"]
    assert [(f["subject"], f["severity"]) for f in told] == [("gender:female", "info")]
    assert told[0]["message"].startswith("150 of 300 mentions of gender are of female, 50.0%; the reference has 90.0%")


@pytest.mark.parametrize("case", BIASED, ids=NAMES)
def test_an_effect_that_is_the_least_as_it_is_told_is_shown_by_examples(case):
    """An effect of 3.14159 is told as 3.1416: what counts as found and what is shown must go by the same number."""
    shown = []
    for told in {abs(f["value"]) for f in on_groups(case, 1.0) if f["kind"].endswith(("gap", "stereotype", "agency"))}:
        limits = Findings(min_effect=told, critical_effect=9)
        shown += [f["examples"] for f in on_groups(case, 1.0, limits=limits) if abs(f["value"]) == told]
    assert shown
    assert all(shown)
