"""Each rule at its border, what it leaves as evidence, and the table that holds them."""

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from configs.clean import Rules
from pipeline.clean.clean import nothing_left
from pipeline.clean.rules.rules import RULES, evidence, first_failures
from pipeline.clean.score_columns import ARROW_SCORES
from pipeline.rows.schema import MESSAGES, METADATA

PROJECT = Path(__file__).resolve().parents[4]
FOLDER = PROJECT / "pipeline" / "clean" / "rules"

GOOD = {
    "language": "en",
    "language_confidence": 0.9,
    "languages": [("en", 0.9)],
    "offensive": 0.1,
    "offence": None,
    "repetition": 0.0,
    "chars": 80,
    "reply_chars": 40,
    "assistant_chars": 40,
    "turn_languages": [("en", 0.95), ("en", 0.95)],
    "tokens": 20,
    "reply_ratio": 1.0,
    "non_letters": 0.1,
    "capitals": 0.1,
    "digits": 0.0,
    "echo": 0.0,
    "refusals": 0,
    "leaks": 0,
    "empty_turns": 0,
    "role_faults": [],
    "rare_words": 0.0,
    "messages": [("user", "Hello?"), ("assistant", "Hello.")],
    "metadata": [],
}
STRICT = Rules(turn_languages="replies", refusals="drop", min_reply_ratio=0.1, role_faults=["unanswered"])
"""The rules that the default leaves out as well."""
LANGUAGE = ("code", "confidence")
FRENCH = {"language": "fr"}
FRENCH_REPLY = {"turn_languages": [("en", 0.9), ("fr", 0.9)]}
UNLEARNED = {"metadata": [("not_learned", "1")]}
TOOL = {"messages": [("user", "Hello?"), ("tool", "{}")]}
WORST = ("score", "turn", "role", "agrees_with", "words")
EXAMPLES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("empty", {"assistant_chars": 0, "reply_chars": 0}, {"assistant_chars": 2}),
    ("reply_too_short", {"reply_chars": 0}, {"reply_chars": 1}),
    ("too_short", {"chars": 4}, {"chars": 5}),
    ("too_long", {"chars": 100_001}, {"chars": 100_000}),
    ("language", FRENCH | {"languages": [("fr", 0.8), ("en", 0.13)]}, FRENCH | {"languages": [("en", 0.131)]}),  # 10:1
    (
        "language",
        FRENCH | {"languages": [("sr", 0.5), ("hr", 0.3)]},
        FRENCH | {"languages": [("fr", 0.7), ("en", 0.2)]},
    ),
    (
        "language",
        FRENCH | {"languages": [("sr", 0.5), ("hr", 0.25)]},
        FRENCH | {"languages": [("sr", 0.4), ("ja", 0.3)]},
    ),
    ("language", FRENCH | {"languages": [("fr", 0.9)]}, {"languages": [("fr", 0.7), ("en", 0.12)]}),
    ("language", FRENCH | {"languages": [("fr", 0.9)]}, {"language": "und", "languages": []}),
    ("repetition", {"repetition": 0.51}, {"repetition": 0.5}),
    ("empty_turn", {"empty_turns": 1}, {"empty_turns": 0}),
    ("role_order", {"role_faults": ["same_role_twice", "unanswered"]}, {"role_faults": ["same_role_twice"]}),
    ("too_few_tokens", {"tokens": 1}, {"tokens": 2}),
    ("too_many_tokens", {"tokens": 32_769}, {"tokens": 32_768}),
    (
        "turn_language",
        {"turn_languages": [("en", 0.9), ("fr", 0.9)]},
        {"turn_languages": [("fr", 0.99), ("fr", 0.89)]},  # a prompt, and a reply that is not sure
    ),
    ("turn_language", {"turn_languages": [("en", 0.9), ("fr", 0.9)]}, {"turn_languages": [("en", 0.9), ("und", 0.9)]}),
    ("turn_language", FRENCH_REPLY, FRENCH_REPLY | UNLEARNED),
    ("turn_language", FRENCH_REPLY, FRENCH_REPLY | TOOL),
    ("reply_equals_prompt", {"echo": 0.6}, {"echo": 0.5}),
    ("refusal", {"refusals": 1}, {"refusals": 0}),
    ("prompt_leak", {"leaks": 1}, {"leaks": 0}),
    ("reply_ratio_low", {"reply_ratio": 0.09}, {"reply_ratio": 0.1}),
    ("reply_ratio_high", {"reply_ratio": 1000.1}, {"reply_ratio": 1000.0}),
    ("non_letters", {"non_letters": 0.61}, {"non_letters": 0.6}),
    ("capitals", {"capitals": 0.81}, {"capitals": 0.8}),
    ("digits", {"digits": 0.41}, {"digits": 0.4}),
    ("rare_words", {"rare_words": 0.21}, {"rare_words": 0.2}),
    ("offensive", {"offensive": 0.81, "offence": (0.81, 1, "assistant", 0, ["scum"])}, {"offensive": 0.8}),
]


def table(*rows: dict[str, Any]) -> pa.Table:
    """Rows that are GOOD but for the scores given."""
    types = {**ARROW_SCORES, "messages": MESSAGES, "metadata": METADATA}
    columns = {name: [{**GOOD, **row}[name] for row in rows] for name in GOOD}
    pairs = {"languages": LANGUAGE, "turn_languages": LANGUAGE, "messages": ("role", "content")}
    for name, fields in pairs.items():
        columns[name] = [turns and [dict(zip(fields, turn, strict=True)) for turn in turns] for turns in columns[name]]
    columns["offence"] = [worst and dict(zip(WORST, worst, strict=True)) for worst in columns["offence"]]
    return pa.table({name: pa.array(values, types[name]) for name, values in columns.items()})


def judge(scores: dict[str, Any], rules: Rules) -> str | None:
    """The first rule that a row of scores fails."""
    return first_failures(table(scores), rules)[0].as_py()


@pytest.mark.parametrize(("name", "fails", "passes"), EXAMPLES)
def test_each_rule_has_its_border(name: str, fails: Any, passes: Any) -> None:
    assert judge(fails, STRICT) == name
    assert judge(passes, STRICT) is None


def test_every_rule_has_an_example_and_evidence() -> None:
    assert {name for name, _, _ in EXAMPLES} == EVIDENCE.keys() == {rule.name for rule in RULES}


EVIDENCE = {
    "empty": '{"assistant_chars":0}',
    "reply_too_short": '{"reply_chars":0,"min_reply_chars":1}',
    "empty_turn": '{"empty_turns":1,"max_empty_turns":0}',
    "role_order": '{"role_faults":["same_role_twice","unanswered"],"rules.role_faults":["unanswered"]}',
    "too_short": '{"chars":4,"min_chars":5}',
    "too_long": '{"chars":100001,"max_chars":100000}',
    "too_few_tokens": '{"tokens":1,"min_tokens":2}',
    "too_many_tokens": '{"tokens":32769,"max_tokens":32768}',
    "language": '{"language":"fr","languages":[{"code":"fr","confidence":0.8},{"code":"en","confidence":0.13}],'
    '"rules.languages":["en"]}',
    "turn_language": '{"turn_languages":[{"code":"en","confidence":0.9},{"code":"fr","confidence":0.9}],'
    '"rules.turn_languages":"replies"}',
    "repetition": '{"repetition":0.51,"max_repetition":0.5}',
    "reply_equals_prompt": '{"echo":0.6,"max_echo":0.5}',
    "refusal": '{"refusals":1,"rules.refusals":"drop"}',
    "prompt_leak": '{"leaks":1,"max_leaks":0}',
    "reply_ratio_low": '{"reply_ratio":0.09,"min_reply_ratio":0.1}',
    "reply_ratio_high": '{"reply_ratio":1000.1,"max_reply_ratio":1000.0}',
    "non_letters": '{"non_letters":0.61,"max_non_letters":0.6}',
    "capitals": '{"capitals":0.81,"max_capitals":0.8}',
    "digits": '{"digits":0.41,"max_digits":0.4}',
    "rare_words": '{"rare_words":0.21,"max_rare_words":0.2}',
    "offensive": '{"offence":{"score":0.81,"turn":1,"role":"assistant","agrees_with":0,"words":["scum"]},'
    '"max_offensive":0.8}',
}


@pytest.mark.parametrize("name", EVIDENCE)
def test_a_dropped_row_leaves_its_scores_and_the_threshold(name: str) -> None:
    rows = table({}, next(fails for rule, fails, _ in EXAMPLES if rule == name))
    failed = first_failures(rows, STRICT)
    assert evidence(rows.slice(1), failed.drop_null(), STRICT) == [EVIDENCE[name]]


def test_a_row_that_fails_two_rules_is_dropped_for_the_first_of_the_table() -> None:
    order = [rule.name for rule in RULES]
    pairs = [(a, b) for a, b in combinations(EXAMPLES, 2) if a[1].keys().isdisjoint(b[1])]
    assert len(pairs) > 200
    found = first_failures(table(*(a[1] | b[1] for a, b in pairs)), STRICT)
    assert found.to_pylist() == [min(a[0], b[0], key=order.index) for a, b in pairs]


def test_every_row_is_judged_by_itself() -> None:
    fails = [scores for _, scores, _ in EXAMPLES]
    passes = [scores for _, _, scores in EXAMPLES]
    mixed = [row for pair in zip(fails, passes, strict=True) for row in pair]
    expected = [name for each, _, _ in EXAMPLES for name in (each, None)]
    assert first_failures(table(*mixed), STRICT).to_pylist() == expected
    pieces = pa.concat_tables([table(*mixed[:7]), table(*mixed[7:])])
    assert first_failures(pieces, STRICT).to_pylist() == expected
    assert first_failures(table(*mixed).slice(5), STRICT).to_pylist() == expected[5:]
    assert first_failures(table(), STRICT).to_pylist() == []


@pytest.mark.parametrize("score", sorted(score for score, good in GOOD.items() if isinstance(good, int | float)))
def test_a_score_that_is_missing_fails_no_rule(score: str) -> None:
    rows = table({score: None}, {"role_faults": ["unanswered"]})
    assert first_failures(rows, STRICT).to_pylist() == [None, "role_order"]


def test_a_rule_is_named_as_its_file() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "rule", "rules"}
    assert [rule.name for rule in RULES] == list(dict.fromkeys(rule.name for rule in RULES))
    assert files == {rule.name for rule in RULES}


def test_every_setting_belongs_to_a_rule() -> None:
    confidences = {"min_language_confidence", "min_turn_confidence"}  # of language and turn_language, beside the lists
    assert {rule.setting for rule in RULES if rule.setting} | confidences == Rules.model_fields.keys()


def test_the_page_on_cleaning_lists_the_rules_in_order_with_settings_and_defaults() -> None:
    page = (PROJECT / "docs" / "preprocessing.md").read_text(encoding="utf-8")
    section = page.partition("## Rules (")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| *([a-z].*) \|$", section.partition("Kept in all")[0], re.M)[1:]
    listed = [
        facts
        for name, _, setting, default, *_ in ([cell.strip() for cell in line.split("|")] for line in lines)
        for facts in zip(name.split(", "), setting.replace("`", "").split(", "), default.split("; "), strict=True)
    ]
    defaults = Rules().model_dump()
    assert listed == [(rule.name, rule.setting, told(defaults.get(rule.setting))) for rule in RULES]


def told(value: Any) -> str:
    """A default as the page writes it."""
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else value if isinstance(value, str) else f"{value:,g}"


def test_when_every_row_is_dropped_the_setting_to_relax_is_that_of_the_rule_that_dropped_most() -> None:
    assert nothing_left(5, {"capitals": 2, "offensive": 3}) == (
        "clean: all 5 rows were dropped (offensive 3, capitals 2); relax clean.rules.max_offensive"
    )
    assert nothing_left(1_000, {"empty": 1_000}) == (
        "clean: all 1,000 rows were dropped (empty 1,000); the sources hold no assistant text, check them"
    )
    assert nothing_left(0, {}) == "clean: there are no rows to clean; check acquire.sources"


def test_refusals_and_the_language_of_turns_are_only_counted_unless_asked() -> None:
    odd = {"refusals": 1, "turn_languages": [("fr", 1.0), ("fr", 1.0)], "role_faults": ["unanswered"]}
    assert judge(odd, Rules()) is None
    assert judge({"turn_languages": [("fr", 1.0), ("en", 1.0)]}, Rules(turn_languages="all")) == "turn_language"
    assert judge(odd, Rules(turn_languages="replies", languages=[])) is None


def test_fewer_than_a_raised_limit_pass() -> None:
    lax = Rules(max_empty_turns=2, max_leaks=2)
    assert judge({"empty_turns": 1, "leaks": 1}, lax) is None
    assert judge({"empty_turns": 3}, lax) == "empty_turn"
    assert judge({"leaks": 3}, lax) == "prompt_leak"


def test_no_languages_keeps_all() -> None:
    assert judge(FRENCH | {"languages": [("fr", 1.0)]}, Rules(languages=[])) is None
    assert judge({"role_faults": ["no_user"]}, Rules(role_faults=[])) is None


def test_a_language_is_a_code_not_a_name() -> None:
    with pytest.raises(ValueError, match="pattern"):
        Rules(languages=["English"])
