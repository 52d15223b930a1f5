"""Topics of one corpus against those of another: how far, how sure, and which moved."""

import numpy as np
import pytest

from pipeline.audit.drift import drift


def test_the_distance_is_the_share_of_rows_that_would_have_to_change_their_topic() -> None:
    found = drift({"food": 700, "sport": 300}, {"food": 5000, "sport": 5000})
    assert found is not None
    assert found["distance"] == 0.2
    assert found["low"] < 0.2 < found["high"]
    assert (found["severity"], found["p"] < 1e-6) == ("warning", True)
    assert "20.0% of the rows" in found["message"]
    assert "food 50.0% → 70.0%" in found["message"]
    assert found["topics"][0] == {"topic": "food", "then": 0.5, "now": 0.7}


def test_a_new_topic_and_a_lost_one_count() -> None:
    found = drift({"food": 500, "sport": 500}, {"food": 500, "news": 500})
    assert found is not None
    assert found["distance"] == 0.5
    assert {topic["topic"] for topic in found["topics"]} == {"food", "sport", "news"}


def test_small_samples_of_one_corpus_have_not_drifted() -> None:
    draw = np.random.default_rng(5)
    names, share = ["a", "b", "c", "d", "e"], [0.4, 0.3, 0.15, 0.1, 0.05]
    false = 0
    for _ in range(200):
        now, then = (dict(zip(names, draw.multinomial(300, share).tolist(), strict=True)) for _ in range(2))
        found = drift(now, then)
        assert found is not None
        assert found["severity"] == "info"
        false += "would have to change" in found["message"]
    assert false <= 6  # of 200 at a level of 1%


def test_a_tiny_drift_of_a_large_corpus_is_certain_and_no_warning() -> None:
    found = drift({"a": 520_000, "b": 480_000}, {"a": 500_000, "b": 500_000})
    assert found is not None
    assert (found["severity"], found["distance"]) == ("info", 0.02)
    assert found["p"] < 1e-9


@pytest.mark.parametrize("empty", [{}, {"a": 0}])
def test_without_rows_there_is_nothing_to_compare(empty: dict[str, int]) -> None:
    assert drift(empty, {"a": 3}) is None
    assert drift({"a": 3}, empty) is None


def test_one_topic_is_where_it_was() -> None:
    found = drift({"a": 3}, {"a": 9})
    assert found is not None
    assert (found["distance"], found["p"]) == (0, 1)
