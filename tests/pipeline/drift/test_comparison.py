"""Each measure sees the shift that it is for, says what moved, and is silent about the others."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from configs.drift import LIMITS, Drift
from configs.errors import UserError
from configs.load import load_profile
from pipeline.drift.comparison import compare, findings
from pipeline.drift.corpus import Corpus
from tests.pipeline.drift.corpora import corpus

SETTINGS = Drift(resamples=200)


def rows(now: dict[str, Any], then: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    found = compare(corpus(600, seed=1, **now), corpus(600, seed=2, **(then or {})), SETTINGS)
    return {row["measure"]: row for row in found}


def warned(found: dict[str, dict[str, Any]]) -> set[str]:
    return {measure for measure, row in found.items() if row["severity"] == "warning"}


def test_two_samples_of_one_corpus_have_every_measure_and_no_finding() -> None:
    found = rows({})
    assert found.keys() == LIMITS.keys()
    assert not [row for row in found.values() if row["severity"]]


def test_topics_that_moved_are_named_with_their_shares() -> None:
    found = rows({"shares": (0.2, 0.3, 0.5)})
    assert (
        {"topics", "vocabulary", "embedding"} <= warned(found) <= {"topics", "vocabulary", "embedding", "reply_length"}
    )
    row = found["topics"]
    assert row["low"] < 0.3 < row["high"]
    assert {shift["name"] for shift in row["shifts"][:2]} == {"food", "work"}
    assert "of the conversations would have to change their topic: " in row["message"]
    assert {"soup", "office", "kitchen", "salary"} & {shift["name"] for shift in found["vocabulary"]["shifts"]}


@pytest.mark.parametrize(
    ("shift", "measure"),
    [
        ({"german": 0.2}, "languages"),
        ({"sources": (0.3, 0.7)}, "sources"),
        ({"offensive": 0.12}, "offensive"),
    ],
)
def test_a_shift_is_seen_by_its_measure_alone(shift: dict[str, Any], measure: str) -> None:
    assert warned(rows(shift)) == {measure}


def test_longer_replies_are_told_by_their_quantiles() -> None:
    found = rows({"words": 30})
    assert "reply_length" in warned(found)
    assert not {"prompt_length", "turns", "languages", "sources"} & warned(found)
    assert found["reply_length"]["shifts"][1]["name"] == "50% are below"
    assert found["reply_length"]["shifts"][1]["now"] > 2 * found["reply_length"]["shifts"][1]["then"]


def test_a_big_corpus_does_not_alarm_for_nothing() -> None:
    """4 of 100 rows have changed their topic, surely, which is below the limit; a profile may ask for more."""
    now, then = corpus(5000, 1, shares=(0.44, 0.34, 0.22)), corpus(5000, 2)
    topics = next(row for row in compare(now, then, SETTINGS) if row["measure"] == "topics")
    assert topics["q"] < 0.05
    assert topics["severity"] is None
    strict = Drift(resamples=200, limits={"topics": 0.02})
    topics = next(row for row in compare(now, then, strict) if row["measure"] == "topics")
    assert topics["severity"] in ("warning", "info")


def test_a_few_rows_are_not_compared() -> None:
    found = compare(corpus(40, 1), corpus(600, 2), SETTINGS)
    assert found == []
    found = compare(corpus(70, 1), corpus(600, 2), SETTINGS)
    assert "languages" in {row["measure"] for row in found}
    assert "topics" not in {row["measure"] for row in found}, "its half would be fewer than 50"


def test_a_corpus_against_itself_has_not_moved_at_all() -> None:
    same = corpus(300, 3)
    assert {row["effect"] for row in compare(same, same, SETTINGS)} == {0.0}


def renamed(of: Corpus, names: list[str]) -> Corpus:
    """The corpus with other names of conversations."""
    tables = [
        table.set_column(2, "conversation_id", pa.array(names[: table.num_rows], pa.string()))
        for table in (of.kept, of.scored)
    ]
    return replace(of, kept=tables[0], scored=tables[1])


def test_two_exports_that_both_number_from_1_are_told_apart_all_the_same() -> None:
    names = [str(number) for number in range(600)]
    now, then = (renamed(of, names) for of in (corpus(600, 1, german=0.3), corpus(600, 2)))
    assert {row["measure"] for row in compare(now, then, SETTINGS) if row["severity"]} == {"languages"}


def test_many_rows_of_few_conversations_are_few_observations() -> None:
    """Ten conversations a side, each in a language of its own: 600 rows show nothing of the next ten."""
    names = [str(number % 10) for number in range(600)]
    found = []
    for seed in range(20):
        draw = np.random.default_rng(seed)
        sides = []
        for side in range(2):
            of = renamed(corpus(600, 2 * seed + side), names)
            german = draw.random(10) < 0.3
            codes = pa.array(["de" if german[int(name)] else "en" for name in names], pa.string())
            sides.append(replace(of, kept=of.kept.set_column(3, "language", codes)))
        rows = compare(sides[0], sides[1], Drift(resamples=200, limits={"languages": 0}))
        found.append(next(row["p"] for row in rows if row["measure"] == "languages"))
    assert sum(p < 0.05 for p in found) <= 4


def test_the_same_data_give_the_same_figures() -> None:
    assert compare(corpus(200, 1), corpus(200, 2), SETTINGS) == compare(corpus(200, 1), corpus(200, 2), SETTINGS)


def test_findings_are_those_of_an_audit_the_worst_first() -> None:
    found = findings(list(rows({"german": 0.4, "sources": (0.5, 0.5)}).values()))
    assert [finding["subject"] for finding in found[:2]] == ["languages", "sources"]
    assert all(finding["severity"] and finding["remedy"] and finding["kind"] == "drift" for finding in found)


def test_a_limit_that_is_no_share_or_no_measure_is_refused() -> None:
    with pytest.raises(UserError, match=r"drift\.limits.*lies between 0 and 1"):
        load_profile("scratch", ["drift.limits={topics: 2}"])
    with pytest.raises(UserError, match=r"drift\.limits"):
        load_profile("scratch", ["drift.limits={topic: 0.2}"])
