"""Which thresholds marks speak for, on scores that one can count through."""

import time

import pytest
import yaml

from configs.load import load_profile
from pipeline.cli import main
from pipeline.contract.fingerprint import SETTLED_NS
from pipeline.review.desk import Desk
from pipeline.review.sample import draw
from pipeline.review.thresholds import Threshold, thresholds
from pipeline.review.tune import drops, patch, relaxed, rounded, tightened, tune
from tests.pipeline.review.conftest import dropped_row

OFFENSIVE = Threshold("clean", "offensive", "clean.rules.max_offensive", 0.8, "offensive")
SHORT = Threshold("clean", "too_short", "clean.rules.min_chars", 50, "chars", upper=False)
NEAR_DUPLICATE = Threshold("deduplicate", "near_duplicate", "deduplicate.jaccard", 0.8, "jaccard", strict=False)


def test_a_limit_is_relaxed_as_little_as_it_takes():
    gone = [(0.81, 0), (0.82, 1), (0.83, 0), (0.84, 1), (0.85, 1), (0.86, 1)]
    assert relaxed(gone, OFFENSIVE, target=0.9, least=3) == 0.83  # beyond it 3 of 3; beyond 0.81 4 of 5
    assert relaxed(gone, OFFENSIVE, target=0.8, least=3) == 0.81
    assert relaxed(gone, OFFENSIVE, target=0.9, least=4) is None


def test_a_lower_limit_is_relaxed_downwards():
    gone = [(45, 0), (40, 1), (30, 0), (20, 1), (10, 1)]
    assert relaxed(gone, SHORT, target=0.9, least=2) == 30  # what is shorter than 30 is still dropped: 2 of 2


def test_a_limit_is_tightened_as_far_as_the_rows_it_would_drop_are_dropped_rightly():
    stays = [(0.79, 1), (0.75, 1), (0.7, 1), (0.6, 0), (0.5, 1)]
    assert tightened(stays, OFFENSIVE, target=0.9, least=3) == 0.6  # 3 of 3; with 0.6 itself 3 of 4
    assert tightened(stays, OFFENSIVE, target=0.75, least=3) == 0.5
    assert tightened(stays, OFFENSIVE, target=0.9, least=4) is None


@pytest.mark.parametrize(
    ("threshold", "score", "value"),
    [(OFFENSIVE, 0.81234, 0.8124), (OFFENSIVE, 0.83, 0.83), (SHORT, 45, 45), (NEAR_DUPLICATE, 0.85, 0.8501)],
)
def test_a_value_is_short_and_keeps_the_score_that_it_is_made_for(threshold, score, value):
    assert rounded(score, threshold) == value
    assert not drops(threshold, value, score)


def test_every_rule_that_compares_with_a_number_has_a_threshold():
    found = {t.key: t for t in thresholds(load_profile("scratch"))}
    assert found["clean.rules.max_offensive"].upper
    assert not found["clean.rules.min_chars"].upper
    assert found["deduplicate.jaccard"].value == 0.8
    assert {"clean.rules.languages", "clean.rules.refusals", "clean.rules.role_faults"}.isdisjoint(found)


@pytest.fixture
def marked(audited):
    """marked(wrong, by) a run whose 12 offensive rows ann marked: wrong are those whose number is named."""

    def make(wrong, *overrides):
        run = audited("review.sample.rule=12", *overrides)
        desk = Desk(run, "ann")
        bad = {dropped_row(number)["row_id"] for number in wrong}
        for item in draw(run).items:
            if item.stratum == "rule/clean/offensive":
                desk.mark({"stratum": item.stratum, "row": item.row, "right": item.row not in bad})
        return run

    return make


def test_marks_on_dropped_rows_raise_the_threshold_and_say_what_that_costs(marked):
    run = marked({0, 2, 3})  # of 0.80, 0.81 … 0.91 those of 0.80, 0.82 and 0.83 are harmless
    [proposal] = tune(run, target=0.9, least=5)
    assert proposal.value == 0.83
    text = patch([proposal])
    assert yaml.safe_load(text) == {"clean": {"rules": {"max_offensive": 0.83}}}
    assert "0.8 to 0.83: 12 marked rows, 75% rightly dropped (47% to 91%); beyond 0.83 8 marked rows, 100%" in text
    assert "4 of 12 rows are kept again" in text
    changed = load_profile("scratch", [f"clean.rules.max_offensive={proposal.value}"])
    assert changed.clean.rules.max_offensive == 0.83


def test_too_few_marks_change_nothing_and_say_so(marked):
    [proposal] = tune(marked({0, 2, 3}), target=0.9, least=20)
    assert proposal.value == 0.8
    text = patch([proposal])
    assert yaml.safe_load(text) is None
    assert "# clean.rules.max_offensive: stays 0.8: 12 marked rows" in text
    assert "too few, 20 are the least" in text
    assert "# review.sample.rule and review.sample.near show more rows" in text


def test_a_rule_that_is_right_often_enough_stays(marked):
    [proposal] = tune(marked(set()), target=0.9, least=5)
    assert (proposal.value, proposal.words) == (0.8, "stays 0.8: 12 marked rows, 100% rightly dropped (76% to 100%)")


def test_a_rule_that_no_limit_makes_right_stays(marked):
    [proposal] = tune(marked(set(range(12))), target=0.9, least=5)
    assert proposal.value == 0.8
    assert "no limit with 5 marked rows beyond it reaches 90%" in proposal.words


def test_kept_rows_that_are_wrong_lower_the_threshold(audited):
    run = audited("clean.rules.max_offensive=0.4", "review.sample.near=40")  # kept rows have 0.00, 0.01 … 0.39
    desk = Desk(run, "ann")
    near = [item for item in draw(run).items if item.stratum == "near/clean/offensive"]
    assert sorted(item.scores["offensive"] for item in near) == pytest.approx([n / 100 for n in range(20, 40)])
    for item in near:
        desk.mark({"stratum": item.stratum, "row": item.row, "right": item.scores["offensive"] < 0.295})
    [proposal] = tune(run, target=0.9, least=5)
    # above 0.28 lie 11 rows, of which 10 are wrongly kept: 91%
    assert (proposal.value, proposal.rows) == (0.2801, 11)


@pytest.mark.parametrize(
    ("threshold", "evidence", "score"),
    [
        (OFFENSIVE, {"offence": {"score": 0.9, "turn": 1}, "max_offensive": 0.8}, 0.9),
        (OFFENSIVE, {"offence": None, "max_offensive": 0.2}, None),
        (NEAR_DUPLICATE, {"matched": "1", "jaccard": 0.85}, 0.85),
        (NEAR_DUPLICATE, {"matched": "1"}, None),
    ],
)
def test_the_score_that_decided_is_read_from_the_evidence_where_it_is_told(threshold, evidence, score):
    assert threshold.of(evidence) == score


def test_the_command_prints_a_patch_and_changes_nothing(marked, capsys):
    run = marked({0, 2, 3})
    time.sleep(2 * SETTLED_NS / 1e9)
    assert main(["tune", "--run", str(run.folder), "--least", "5"]) == 0  # hashes of settled files are remembered now
    capsys.readouterr()
    before = sorted((p, p.read_bytes()) for p in run.root.rglob("*") if p.is_file())
    assert main(["tune", "--run", str(run.folder), "--least", "5"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == {"clean": {"rules": {"max_offensive": 0.83}}}
    assert sorted((p, p.read_bytes()) for p in run.root.rglob("*") if p.is_file()) == before


@pytest.mark.parametrize(
    ("options", "says"), [(["--target", "2"], "--target 2.0 is no share"), (["--least", "0"], "--least 0 is too few")]
)
def test_a_mistake_is_said(marked, capsys, options, says):
    assert main(["tune", "--run", str(marked(set()).folder), *options]) == 2
    assert says in capsys.readouterr().err


def test_without_marks_it_says_how_to_make_some(audited, capsys):
    assert main(["tune", "--run", str(audited().folder)]) == 2
    assert "`parlance review --by NAME` shows rows" in capsys.readouterr().err
