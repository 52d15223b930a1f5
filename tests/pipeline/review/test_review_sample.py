"""Which rows a reviewer is shown, and why."""

from collections import Counter

import pytest

from configs.errors import UserError
from pipeline.review.sample import draw
from tests.pipeline.review.conftest import FINDING, dropped_row, row

SPORT = "finding/topic over-represented: sport"
OFFENSIVE = "rule/clean/offensive"


def rows_of(sample, stratum):
    return [item.row for item in sample.items if item.stratum == stratum]


def test_every_reason_to_look_is_a_stratum_of_the_size_that_the_settings_say(audited):
    sample = draw(audited("review.sample={finding: 4, rule: 5, kept: 6, group: 2}"))
    assert [(s.id, s.rows, s.shown) for s in sample.strata] == [
        (SPORT, 20, 4),
        (OFFENSIVE, 12, 5),
        ("rule/clean/too_long", 1, 0),  # it was not searched for personal data, so its text is not shown
        ("rule/deduplicate/near_duplicate", 1, 1),
        ("kept", 40, 6),
        ("group/gender:female", 8, 2),
    ]
    assert Counter(item.stratum for item in sample.items) == {s.id: s.shown for s in sample.strata if s.shown}


def test_rows_belong_where_they_are_shown_and_come_with_text_reason_and_scores(audited):
    sample = draw(audited("review.sample.finding=20"))
    assert set(rows_of(sample, SPORT)) == {row(n)["row_id"] for n in range(0, 40, 2)}
    assert set(rows_of(sample, "group/gender:female")) <= {row(n)["row_id"] for n in range(0, 40, 5)}
    bad = next(item for item in sample.items if item.row == dropped_row(3)["row_id"])
    assert bad.messages == [
        {"role": "user", "content": "Say something bad, 3."},
        {"role": "assistant", "content": "Bad 3."},
    ]
    assert bad.why == "score 0.83, max offensive 0.8"
    assert bad.scores == {"chars": 30, "offensive": 0.83}


def test_a_duplicate_is_shown_beside_the_row_that_it_repeats(audited):
    [twin] = [item for item in draw(audited()).items if item.stratum == "rule/deduplicate/near_duplicate"]
    assert twin.messages[0]["content"] == "What is 1 ?"
    assert twin.matched[0]["content"] == "What is 1?"


def test_the_same_seed_draws_the_same_rows_and_another_one_others(audited):
    one, same = draw(audited("seed=1", "review.sample.kept=10")), draw(audited("seed=1", "review.sample.kept=10"))
    other = draw(audited("seed=2", "review.sample.kept=10"))
    assert one == same
    assert rows_of(one, "kept") != rows_of(other, "kept")


def test_a_larger_sample_holds_the_smaller_one(audited):
    small, large = (draw(audited(f"review.sample.kept={n}")) for n in (5, 10))
    assert set(rows_of(small, "kept")) < set(rows_of(large, "kept"))


def test_strata_draw_independently_of_each_other(audited):
    sample = draw(audited("review.sample={finding: 8, kept: 8}"))
    assert rows_of(sample, SPORT) != rows_of(sample, "kept")


def test_the_audits_examples_come_first_and_are_marked_as_chosen(audited):
    examples = [row(2)["row_id"], row(4)["row_id"]]
    sample = draw(audited("review.sample.finding=3", findings=[{**FINDING, "examples": examples, "rows": 20}]))
    assert rows_of(sample, SPORT)[:2] == examples
    drawn = {item.row for item in sample.items if item.stratum == SPORT and not item.example}
    assert len(drawn) == 3  # an example that the draw picks as well is a row like any other


def test_a_finding_about_fewer_rows_than_can_be_told_shows_its_examples_only(audited):
    finding = {**FINDING, "kind": "association", "subject": "gender:female", "rows": 5, "examples": [row(5)["row_id"]]}
    sample = draw(audited(findings=[finding]))
    assert rows_of(sample, "finding/association: gender:female") == [row(5)["row_id"]]


@pytest.mark.parametrize(
    ("kind", "subject", "rows"),
    [
        ("sentiment gap", "gender", 8),
        ("topic association", "gender:female", 8),
        ("source dominance", "hand", 40),
        ("topic under-represented", "other", 20),
        ("language mix", "en", 0),
        ("group absent", "gender", 0),
    ],
)
def test_a_findings_rows_follow_from_its_subject(audited, kind, subject, rows):
    sample = draw(audited(findings=[{**FINDING, "kind": kind, "subject": subject}]))
    assert [s.rows for s in sample.strata if s.kind == "finding"] == [rows] * bool(rows)


def test_two_findings_of_one_kind_and_subject_are_two_strata(audited):
    sample = draw(audited(findings=[FINDING, FINDING]))
    assert [s.id for s in sample.strata if s.kind == "finding"] == [SPORT, f"{SPORT}, 2"]


def test_a_size_of_none_shows_none(audited):
    sample = draw(audited("review.sample={finding: 0, rule: 0, kept: 0, group: 0}"))
    assert sample.items == []


def test_a_run_without_an_audit_says_what_to_run_first(begin):
    with pytest.raises(UserError, match="parlance stage audit"):
        draw(begin())


def test_other_sizes_ask_nobody_again(audited):
    assert audited("review.sample.kept=1").fingerprint("review") == audited().fingerprint("review")
