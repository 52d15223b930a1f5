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


def told(**changes) -> tuple[float, float, str]:
    """Value, threshold and message of the only finding."""
    (finding,) = findings(audit(**changes), Findings())
    return finding["value"], finding["threshold"], finding["message"]


def gap(one: dict, other: dict, **more: dict) -> dict:
    return {"gender": {"female": one, "male": other, **more}}


def test_an_even_corpus_has_no_findings():
    assert found() == []
    assert worst([]) is None


def test_an_empty_corpus_has_no_findings_but_the_topics_that_lack():
    nothing = {"rows": 0, "topics": {"food": 0, "other": 0}, "by_source": {}, "mentions": {}}
    assert found(**nothing, sentiment_by_group={}, languages={}) == [("info", "topic under-represented", "food")]


@pytest.mark.parametrize(("rows", "severity"), [(501, "warning"), (750, "warning"), (751, "critical")])
def test_a_topic_above_its_share_is_a_warning_and_above_half_of_what_is_left_critical(rows, severity):
    topics = {"food": rows, "sport": 1000 - rows, "other": 0}
    assert found(topics=topics) == [(severity, "topic over-represented", "food")]


def test_a_topic_below_its_share_is_information():
    assert found(topics={"food": 498, "sport": 498, "law": 4}) == [("info", "topic under-represented", "law")]
    assert found(topics={"food": 497, "sport": 498, "law": 5}) == []


@pytest.mark.parametrize(("male", "says"), [(90, []), (91, [("warning", "group ratio", "gender")])])
def test_a_group_mentioned_more_than_three_times_as_often_is_a_warning(male, says):
    assert found(mentions={"gender": {"female": 30, "male": male}}) == says


def test_few_mentions_are_not_compared_and_hide_no_other_attribute():
    age = {"young": 1, "old": 29}
    assert found(mentions={"age": age}) == []
    assert found(mentions={"age": age, "gender": {"female": 8, "male": 30}}) == [("warning", "group ratio", "gender")]


def test_a_group_that_is_never_mentioned_counts_as_once_and_is_named():
    mentions = {"age": {"child": 40, "middle-aged": 0, "old": 20, "young": 0}}
    ratio, absent = findings(audit(mentions=mentions), Findings())
    assert (ratio["kind"], ratio["value"]) == ("group ratio", 40)
    assert (absent["kind"], absent["severity"], absent["value"], absent["threshold"]) == ("group absent", "info", 2, 0)
    assert absent["message"] == "never mentioned: middle-aged, young"


@pytest.mark.parametrize(
    ("mean", "severity"), [(0.3, []), (0.31, ["warning"]), (0.55, ["warning"]), (0.56, ["critical"])]
)
def test_a_gap_of_sentiment_is_a_warning_and_when_surely_twice_the_limit_critical(mean, severity):
    groups = gap(group(mean), group(0.1))  # ± 0.055, and the limit is 0.2
    assert found(sentiment_by_group=groups) == [(s, "sentiment gap", "gender") for s in severity]


@pytest.mark.parametrize(("deviations", "says"), [(1.95, 0), (1.97, 1)])
def test_a_gap_of_two_groups_is_held_against_the_95_percent_of_chance(deviations, says):
    error = 0.3 / deviations / 2**0.5
    groups = gap(group(0.4, standard_error=error), group(0.1, standard_error=error))
    assert len(found(sentiment_by_group=groups)) == says


@pytest.mark.parametrize(("deviations", "says"), [(2.38, 0), (2.41, 1)])
def test_a_gap_among_three_pairs_of_groups_must_be_three_times_as_unlikely(deviations, says):
    error = 0.3 / deviations / 2**0.5
    third = {"transgender or non-binary": group(0.3, standard_error=error)}
    groups = gap(group(0.4, standard_error=error), group(0.1, standard_error=error), **third)
    assert len(found(sentiment_by_group=groups)) == says


def test_of_many_gaps_the_widest_is_told():
    groups = gap(group(0.1), group(0.2), third=group(-0.4))
    _, _, message = told(sentiment_by_group=groups)
    assert message.startswith("mean sentiment is +0.20 where male is mentioned and -0.40 where third is")


@pytest.mark.parametrize(("rows", "says"), [(29, 0), (30, 1)])
def test_a_gap_between_groups_of_few_rows_is_no_finding_and_hides_no_other_attribute(rows, says):
    groups = {"age": {"old": group(0.9)}, **gap(group(0.5), group(0.1, rows=rows))}
    assert len(found(sentiment_by_group=groups)) == says


def test_one_source_among_several_that_holds_nearly_everything_is_named():
    sources = {"club": {"food": 450, "sport": 451}, "press": {"food": 49, "sport": 50}}
    assert found(by_source=sources) == [("info", "source dominance", "club")]
    even = {"club": {"food": 450, "sport": 450}, "press": {"food": 50, "sport": 50}}
    assert found(by_source=even) == []
    assert found(by_source={"club": {"food": 500, "sport": 500}}) == []


@pytest.mark.parametrize(("rows", "named"), [(29, []), (30, ["gender:female"])])
def test_a_group_tied_to_one_topic_is_named_when_there_are_enough_rows(rows, named):
    topics = {"food": 50, "sport": 500, "law": 450}
    ties = {"gender": {"male": {"sport": 100, "law": 80}, "female": {"sport": 70, "food": rows}}}
    assert [subject for _, _, subject in found(topics=topics, topics_by_group=ties)] == named


@pytest.mark.parametrize(("rows", "ties"), [(60, 0), (61, 1)])
def test_a_topic_is_tied_to_a_group_when_it_is_three_times_as_frequent_there(rows, ties):
    counts = {"gender": {"female": {"food": rows, "sport": 100 - rows}}}
    assert len(found(topics={"food": 200, "sport": 400, "law": 400}, topics_by_group=counts)) == ties


def test_every_finding_gives_its_value_the_limit_and_a_sentence():
    assert told(topics={"food": 667, "sport": 333}) == (
        0.667,
        0.5,
        "66.7% of the rows are about food, more than 50.0%",
    )
    assert told(topics={"food": 499, "sport": 499, "law": 2}) == (
        0.002,
        0.005,
        "0.2% of the rows are about law, fewer than 0.5%",
    )
    assert told(mentions={"gender": {"female": 1000, "male": 7000}}) == (
        7,
        3,
        "male is mentioned in 7,000 rows, female in 1,000",
    )
    assert told(sentiment_by_group=gap(group(0.5, standard_error=0.03), group(0.1, standard_error=0.04))) == (
        0.4,
        0.2,
        "mean sentiment is +0.50 where female is mentioned and +0.10 where male is (gap 0.40 ± 0.10)",
    )
    assert told(by_source={"club": {"food": 480, "sport": 480}, "press": {"food": 20, "sport": 20}}) == (
        0.96,
        0.9,
        "96.0% of the rows come from club",
    )
    assert told(languages={"en": 900, "de": 60, "fr": 40}) == (
        0.1,
        0,
        "en and 2 other languages; word lists and sentiment are made for English",
    )
    topics = {"food": 100, "sport": 400, "law": 500}
    ties = {"gender": {"female": {"food": 60, "sport": 40}}}
    assert told(topics=topics, topics_by_group=ties) == (
        6,
        3,
        "60 of 100 rows that mention female are about food, 10 by chance",
    )


def test_values_and_limits_are_rounded_to_four_digits():
    thirds = audit(rows=3, topics={"food": 2, "sport": 1}, by_source={})
    (finding,) = findings(thirds, Findings(max_topic_share=1 / 3))
    assert (finding["value"], finding["threshold"]) == (0.6667, 0.3333)


def test_one_row_is_all_of_a_corpus_of_one():
    few = {"rows": 1, "topics": {"food": 1}, "by_source": {"club": {"food": 1}, "press": {"food": 0}}}
    values = {f["kind"]: f["value"] for f in findings(audit(**few), Findings())}
    assert values == {"topic over-represented": 1, "source dominance": 1}


def test_the_worst_comes_first_then_kinds_and_subjects_by_name():
    many = {
        "topics": {"tax": 2, "food": 900, "sport": 96, "law": 2},
        "languages": {"en": 990, "de": 10},
        "mentions": {"gender": {"female": 30, "male": 300}, "age": {"old": 30, "young": 300}},
    }
    assert found(**many) == [
        ("critical", "topic over-represented", "food"),
        ("warning", "group ratio", "age"),
        ("warning", "group ratio", "gender"),
        ("info", "language mix", "en"),
        ("info", "topic under-represented", "law"),
        ("info", "topic under-represented", "tax"),
    ]
    assert worst(findings(audit(**many), Findings())) == "critical"


def pairs(longer: int, shorter: int) -> dict:
    counted = {"chosen_longer": longer, "chosen_shorter": shorter}
    return {"by_source": {"club": {"rows": longer + shorter + 5, "chosen_chars": 90, "rejected_chars": 60, **counted}}}


@pytest.mark.parametrize(("longer", "shorter"), [(65, 35), (35, 65), (0, 29)])
def test_preference_pairs_whose_lengths_tell_little_are_no_finding(longer, shorter):
    assert found(pairs=pairs(longer, shorter)) == []


def test_preference_pairs_that_length_tells_apart_are_a_warning():
    words = "the chosen reply is the longer one in 66.0% of 100 preference pairs (mean 90 against 60 characters)"
    assert told(pairs=pairs(66, 34)) == (0.66, 0.65, words)
    assert found(pairs=pairs(0, 30)) == [("warning", "length bias", "club")]
