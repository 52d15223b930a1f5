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
        "topics_by_group": {},
        "languages": {"en": 1000},
        **changes,
    }


def found(**changes) -> list[tuple[str, str, str]]:
    return [(f["severity"], f["kind"], f["subject"]) for f in findings(audit(**changes), Findings())]


def told(**changes) -> tuple[float, float, str]:
    """Value, threshold and message of the only finding."""
    (finding,) = findings(audit(**changes), Findings())
    return finding["value"], finding["threshold"], finding["message"]


def test_an_even_corpus_has_no_findings():
    assert found() == []
    assert worst([]) is None


def test_an_empty_corpus_has_no_findings_but_the_topics_that_lack():
    nothing = {"rows": 0, "topics": {"food": 0, "other": 0}, "by_source": {}, "mentions": {}}
    assert found(**nothing, languages={}) == [("info", "topic under-represented", "food")]


@pytest.mark.parametrize(("rows", "severity"), [(501, "warning"), (750, "warning"), (751, "critical")])
def test_a_topic_above_its_share_is_a_warning_and_above_half_of_what_is_left_critical(rows, severity):
    topics = {"food": rows, "sport": 1000 - rows, "other": 0}
    assert found(topics=topics) == [(severity, "topic over-represented", "food")]


def test_a_topic_below_its_share_is_information():
    assert found(topics={"food": 498, "sport": 498, "law": 4}) == [("info", "topic under-represented", "law")]
    assert found(topics={"food": 497, "sport": 498, "law": 5}) == []


def test_one_group_is_not_counted_against_another():
    assert found(mentions={"gender": {"female": 30, "male": 9000}}) == []


@pytest.mark.parametrize(("most", "says"), [(29, []), (30, [("info", "group absent", "age")])])
def test_a_group_that_is_never_mentioned_is_named_where_the_attribute_is_spoken_of(most, says):
    mentions = {"age": {"child": most, "middle-aged": 0, "old": 20, "young": 0}}
    assert found(mentions=mentions) == says
    if says:
        assert told(mentions=mentions) == (2, 0, "of age never mentioned: middle-aged, young")


def compared(effect: float, low: float, high: float, outcome: str = "sentiment", **changes) -> dict:
    """A comparison whose gap is half its effect."""
    numbers = {"effect": effect, "effect_low": low, "effect_high": high}
    gaps = {"mean": effect / 2, "rest": 0.0, "gap": effect / 2, "low": low / 2, "high": high / 2}
    kinds = {"sentiment": "tone", "offensive": "tone", "anger": "tone", "joy": "tone", "acts": "agency"}
    about = {
        "group": "gender:female",
        "outcome": outcome,
        "kind": kinds.get(outcome, "portrayal"),
        "rows": 60,
        "q": 0.01,
    }
    return {**about, **numbers, **gaps, "examples": ["a", "b", "c"], "sentences": [0, 4, 1], **changes}


@pytest.mark.parametrize(
    ("interval", "severity"),
    [((-0.19, -0.3, -0.1), []), ((-0.4, -0.6, -0.1), ["info"]), ((-0.4, -0.6, -0.2), ["warning"]),
     ((-2.0, -3.0, -0.79), ["warning"]), ((-1.0, -1.2, -0.8), ["critical"])],
)  # fmt: skip
def test_an_effect_counts_by_the_end_of_its_interval_that_is_nearer_to_none(interval, severity):
    assert [s for s, _, _ in found(comparisons=[compared(*interval)])] == severity


def test_what_may_be_chance_among_so_many_comparisons_is_no_finding():
    assert found(comparisons=[compared(-1.0, -1.2, -0.8, q=0.051)]) == []


@pytest.mark.parametrize(
    ("outcome", "kind", "says"),
    [
        ("offensive", "offensiveness gap", "sentences on gender:female have a mean offensiveness of +0.50, comparable"),
        ("acts", "agency", "gender:female acts, and is not acted upon, in 50% of sentences that show it, others in 0%"),
        (
            "appearance",
            "stereotype",
            "50% of the sentences on gender:female have words of appearance, 0% of comparable",
        ),
    ],
)
def test_each_kind_of_comparison_is_a_sentence_of_its_own(outcome, kind, says):
    (finding,) = findings(audit(comparisons=[compared(1.0, 0.9, 1.1, outcome)]), Findings())
    assert finding["kind"] == kind
    assert finding["message"].startswith(says)


@pytest.mark.parametrize(
    ("outcome", "effect", "severity"),
    [("sentiment", 1, "info"), ("joy", 1, "info"), ("anger", 1, "critical"), ("anger", -1, "info"),
     ("offensive", 1, "critical"), ("crime and violence", 1, "critical"), ("crime and violence", -1, "info"),
     ("appearance", 1, "warning"), ("appearance", 2, "critical"), ("acts", -1, "warning"), ("acts", -2, "critical"),
     ("acts", 2, "info")],
)  # fmt: skip
def test_what_is_to_a_groups_disadvantage_is_critical_and_what_only_differs_when_it_is_twice_as_large(
    outcome, effect, severity
):
    comparison = compared(effect * 1.0, effect * 1.0, effect * 1.0, outcome)
    interval = sorted((effect * 0.8, effect * 1.2))
    comparison |= {"effect_low": interval[0], "effect_high": interval[1]}
    assert [s for s, _, _ in found(comparisons=[comparison])] == [severity]


def test_of_many_emotions_the_worst_is_told():
    both = [compared(0.5, 0.4, 0.6, "anger"), compared(0.7, 0.6, 0.8, "joy")]
    (finding,) = findings(audit(comparisons=both), Findings())
    assert finding["kind"] == "emotion gap"
    assert "a mean anger of" in finding["message"]


@pytest.mark.parametrize(("effect", "says"), [(-1.1, 1), (-1.3, 2)])
def test_two_groups_together_are_told_when_the_effect_is_beyond_that_on_either(effect, says):
    alone = compared(-1.0, -1.1, -0.9)
    both = compared(effect, effect - 0.1, effect + 0.1, group="gender:female & age:old")
    assert len(found(comparisons=[alone, both])) == says


def test_a_finding_on_a_group_tells_rows_examples_interval_certainty_and_remedy():
    (finding,) = findings(audit(comparisons=[compared(-1.0, -1.2, -0.8)]), Findings())
    assert finding["message"] == (
        "sentences on gender:female have a mean sentiment of -0.50, comparable ones +0.00 (gap -0.50, 95% interval "
        "-0.60 to -0.40; 60 conversations)"
    )
    assert (finding["rows"], finding["examples"], finding["sentences"]) == (60, ["a", "b", "c"], [0, 4, 1])
    assert (finding["kind"], finding["q"]) == ("sentiment gap", 0.01)
    assert (finding["effect"], finding["low"], finding["high"]) == (-1.0, -1.2, -0.8)
    assert finding["remedy"].startswith("read the examples")


def words(share: float, rest: float, low: float = 2.0) -> dict:
    word = {"word": "kitchen", "rows": 40, "others": 2.0, "odds": 3.0, "low": low, "high": 4.0, "q": 0.001}
    more = {"rows": 40, "threshold": 1.1, "segregated": 2.2, "examples": ["a"], "sentences": [2]}
    return {"gender:female": {"words": [word], "share": share, "rest": rest, "separation": 3 * (share - rest), **more}}


@pytest.mark.parametrize(
    ("share", "rest", "severity"), [(0.5, 0.1, "warning"), (0.49, 0.1, "info"), (0.9, 0.7, "info")]
)
def test_words_are_a_warning_when_most_of_what_is_said_of_a_group_has_them_and_little_else(share, rest, severity):
    assert found(words=words(share, rest)) == [(severity, "word association", "gender:female")]


@pytest.mark.parametrize(
    ("share", "low", "severity"), [(0.5, 2.2, "critical"), (0.5, 2.1, "warning"), (0.4, 3, "warning")]
)
def test_occupations_that_surely_separate_the_groups_are_critical(share, low, severity):
    assert found(occupations=words(share, 0.1, low)) == [(severity, "occupations", "gender:female")]


@pytest.mark.parametrize(
    ("ratio", "high", "severity"),
    [(0.8, 0.9, []), (0.79, 0.9, ["info"]), (0.4, 0.49, ["warning"]), (0.1, 0.19, ["critical"])],
)
def test_a_group_below_its_reference_is_told_by_how_far_it_surely_is(ratio, high, severity):
    about = {"attribute": "gender", "group": "female", "rows": 20, "total": 100, "share": 0.2, "expected": 0.5}
    entry = {**about, "ratio": ratio, "low": 0.05, "high": high, "q": 0.001}
    assert [s for s, _, _ in found(exclusion=[entry])] == severity


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
        "comparisons": [compared(-0.5, -0.6, -0.4, group="age:old"), compared(-0.5, -0.6, -0.4)],
    }
    assert found(**many) == [
        ("critical", "topic over-represented", "food"),
        ("warning", "sentiment gap", "age:old"),
        ("warning", "sentiment gap", "gender:female"),
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
