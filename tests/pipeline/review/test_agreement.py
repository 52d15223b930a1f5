"""Cohen's kappa and the precision of strata, against values worked out by hand."""

from dataclasses import replace

import pytest

from pipeline.review.agreement import agreement
from pipeline.review.marks import Mark
from pipeline.review.results import agreements, precision


def said(both_right, only_one, only_other, both_wrong):
    """Pairs of verdicts, so many of each kind."""
    return [
        *[(True, True)] * both_right,
        *[(True, False)] * only_one,
        *[(False, True)] * only_other,
        *[(False, False)] * both_wrong,
    ]


@pytest.mark.parametrize(
    ("pairs", "raw", "kappa"),
    [
        # Of 50 rows both say right 20 times, wrong 15: p_o = 0.7; one says right 25 times, the other 30:
        # p_e = 0.5 · 0.6 + 0.5 · 0.4 = 0.5; κ = (0.7 − 0.5) / 0.5.
        (said(20, 5, 10, 15), 0.7, 0.4),
        # p_e = 0.6 · 0.7 + 0.4 · 0.3 = 0.54; κ = (0.6 − 0.54) / 0.46.
        (said(45, 15, 25, 15), 0.6, 0.06 / 0.46),
        # Half and half, never the same: p_o = 0, p_e = 0.5.
        (said(0, 5, 5, 0), 0.0, -1.0),
        # As often as chance would have it.
        (said(25, 25, 25, 25), 0.5, 0.0),
        (said(6, 0, 0, 4), 1.0, 1.0),
    ],
)
def test_kappa_is_the_agreement_beyond_chance(pairs, raw, kappa):
    found = agreement(pairs)
    assert (found.rows, found.raw) == (len(pairs), pytest.approx(raw))
    assert found.kappa == pytest.approx(kappa)


def test_kappas_interval_follows_from_that_of_the_raw_agreement():
    found = agreement(said(20, 5, 10, 15))
    # Wilson for 35 of 50: (0.7 + 0.03841 ± 1.96 · √(0.21/50 + 0.000384)) / 1.07683 = 0.5625 to 0.8090
    assert (found.raw_low, found.raw_high) == (pytest.approx(0.5625, abs=1e-4), pytest.approx(0.8090, abs=1e-4))
    assert (found.low, found.high) == (pytest.approx(0.1250, abs=2e-4), pytest.approx(0.6179, abs=2e-4))


def test_full_agreement_over_few_rows_is_not_certain():
    found = agreement(said(3, 0, 0, 3))
    assert found.kappa == found.high == pytest.approx(1)
    assert found.low == pytest.approx(2 * 0.6097 - 1, abs=1e-3)  # Wilson's lower bound for 6 of 6 is 0.6097


def test_where_both_always_say_the_same_kappa_says_nothing():
    found = agreement(said(7, 0, 0, 0))
    assert (found.raw, found.kappa, found.low, found.high) == (1.0, None, None, None)


MARK = Mark("1", "rule/clean/offensive", "clean", "f" * 64, "ann", "2026-11-28T17:00:00+00:00", True)


def marks(by, verdicts, **more):
    return [replace(MARK, by=by, row=row, right=right, **more) for row, right in verdicts.items()]


def test_reviewers_are_compared_on_the_rows_that_both_marked():
    ann = marks("ann", {"1": True, "2": True, "3": False, "4": True})
    bob = marks("bob", {"2": True, "3": False, "5": True})
    [pair] = agreements([*ann, *bob])
    assert (pair["between"], pair["rows"], pair["raw"], pair["kappa"]) == (["ann", "bob"], 2, 1.0, 1.0)
    assert agreements(ann) == []


def test_a_row_counts_once_in_its_stratum_and_half_where_its_reviewers_differ():
    ann = marks("ann", {"1": True, "2": True, "3": True, "4": False})
    bob = marks("bob", {"1": False, "2": True})
    [stratum] = precision([*ann, *bob])
    assert (stratum["rows"], stratum["disputed"], stratum["precision"]) == (4, 1, 0.625)  # (½ + 1 + 1 + 0) / 4
    assert stratum["low"] < 0.625 < stratum["high"]


def test_rows_that_the_audit_chose_tell_nothing_of_the_others():
    drawn = marks("ann", {"1": True, "2": False})
    chosen = marks("ann", {"3": True, "4": True}, example=True)
    [stratum] = precision([*drawn, *chosen])
    assert (stratum["rows"], stratum["examples"], stratum["precision"]) == (2, 2, 0.5)
    assert precision(chosen)[0]["precision"] is None
