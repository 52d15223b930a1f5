"""What counts as a finding, on distributions that one can check in one's head."""

import pytest

from configs.audit import Findings
from pipeline.audit.findings import findings, worst


def audit(**changes):
    """An even audit of 1,000 rows, in which nothing stands out."""
    return {
        "rows": 1000,
        "topics": {"food": 500, "sport": 500, "other": 0},
        "by_source": {"club": {"food": 250, "sport": 250}, "press": {"food": 250, "sport": 250}},
        "mentions": {"gender": {"female": 100, "male": 100}},
        "sentiment_by_group": {"gender": {"female": group(0.2), "male": group(0.2)}},
        "topics_by_group": {},
        "languages": {"en": 1000},
        **changes,
    }


def group(mean: float, rows: int = 100, standard_error: float = 0.02) -> dict:
    return {"mean": mean, "rows": rows, "standard_error": standard_error}


def found(**changes) -> list[tuple[str, str, str]]:
    return [(f["severity"], f["kind"], f["subject"]) for f in findings(audit(**changes), Findings())]


def test_an_even_corpus_has_no_findings():
    assert found() == []
    assert worst([]) is None


@pytest.mark.parametrize(("rows", "severity"), [(700, "warning"), (900, "critical")])
def test_a_topic_above_its_share_is_a_warning_and_far_above_critical(rows, severity):
    topics = {"food": rows, "sport": 1000 - rows, "other": 0}
    assert found(topics=topics) == [(severity, "topic over-represented", "food")]


def test_a_topic_below_its_share_is_information():
    assert found(topics={"food": 499, "sport": 499, "law": 2}) == [("info", "topic under-represented", "law")]


def test_a_group_mentioned_four_times_as_often_is_a_warning():
    assert found(mentions={"gender": {"female": 50, "male": 200}}) == [("warning", "group ratio", "gender")]


def test_few_mentions_are_not_compared():
    assert found(mentions={"gender": {"female": 1, "male": 20}}) == []


def test_a_group_that_is_never_mentioned_is_named():
    mentions = {"age": {"child": 40, "old": 20, "young": 0}}
    assert ("info", "group absent", "age") in found(mentions=mentions)


def test_a_wide_and_certain_gap_of_sentiment_is_a_warning():
    gap = {"gender": {"female": group(0.4), "male": group(0.1)}}
    assert found(sentiment_by_group=gap) == [("warning", "sentiment gap", "gender")]


def test_a_gap_of_more_than_twice_the_limit_is_critical():
    gap = {"gender": {"female": group(0.5), "male": group(-0.1)}}
    assert found(sentiment_by_group=gap) == [("critical", "sentiment gap", "gender")]


def test_a_gap_that_may_be_chance_is_no_finding():
    gap = {"gender": {"female": group(0.4, standard_error=0.15), "male": group(0.1, standard_error=0.15)}}
    assert found(sentiment_by_group=gap) == []


def test_a_gap_between_groups_of_few_rows_is_no_finding():
    assert found(sentiment_by_group={"gender": {"female": group(0.4), "male": group(0.1, rows=29)}}) == []


def test_one_source_among_several_that_holds_nearly_everything_is_named():
    sources = {"club": {"food": 480, "sport": 480}, "press": {"food": 20, "sport": 20}}
    assert found(by_source=sources) == [("info", "source dominance", "club")]


def test_a_group_tied_to_one_topic_is_named():
    topics = {"food": 100, "sport": 900, "other": 0}
    ties = {"gender": {"female": {"food": 60, "sport": 40}, "male": {"food": 10, "sport": 90}}}
    assert ("info", "topic association", "gender:female") in found(topics=topics, topics_by_group=ties)


def test_the_worst_comes_first():
    many = found(topics={"food": 900, "sport": 98, "law": 2}, languages={"en": 990, "de": 10})
    assert [severity for severity, _, _ in many] == ["critical", "info", "info"]
