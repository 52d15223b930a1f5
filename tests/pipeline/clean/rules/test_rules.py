"""Each rule at its border, and the table that holds them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from configs.clean import Rules
from pipeline.clean.rules.rules import RULES, first_failures
from pipeline.clean.score_columns import ARROW_SCORES
from pipeline.rows.schema import MESSAGES

PROJECT = Path(__file__).resolve().parents[4]

GOOD = {
    "language": "en",
    "language_confidence": 0.9,
    "offensive": 0.1,
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
}
STRICT = Rules(turn_languages="replies", refusals="drop", min_reply_ratio=0.1, role_faults=["unanswered"])
"""The rules that the default leaves out as well."""
EXAMPLES = [
    ("empty", {"assistant_chars": 0, "reply_chars": 0}, {"assistant_chars": 2}),
    ("reply_too_short", {"reply_chars": 0}, {"reply_chars": 1}),
    ("too_short", {"chars": 4}, {"chars": 5}),
    ("too_long", {"chars": 100_001}, {"chars": 100_000}),
    ("language", {"language": "fr"}, {"language": "fr", "language_confidence": 0.39}),
    ("language", {"language": "fr"}, {"language": "und", "language_confidence": 0.0}),
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
    ("turn_language", {"turn_languages": [("en", 0.9), ("fr", 0.9)]}, {"turn_languages": [("en", 0.9), ("und", 0.0)]}),
    ("reply_equals_prompt", {"echo": 0.6}, {"echo": 0.5}),
    ("refusal", {"refusals": 1}, {"refusals": 0}),
    ("prompt_leak", {"leaks": 1}, {"leaks": 0}),
    ("reply_ratio_low", {"reply_ratio": 0.09}, {"reply_ratio": 0.1}),
    ("reply_ratio_high", {"reply_ratio": 1000.1}, {"reply_ratio": 1000.0}),
    ("non_letters", {"non_letters": 0.61}, {"non_letters": 0.6}),
    ("capitals", {"capitals": 0.81}, {"capitals": 0.8}),
    ("digits", {"digits": 0.41}, {"digits": 0.4}),
    ("rare_words", {"rare_words": 0.21}, {"rare_words": 0.2}),
    ("offensive", {"offensive": 0.81}, {"offensive": 0.8}),
]


def judge(scores: dict[str, Any], rules: Rules) -> str | None:
    """The first rule that a row of scores fails."""
    row = {**GOOD, **scores}
    types = {**ARROW_SCORES, "messages": MESSAGES}
    row["turn_languages"] = [dict(zip(("code", "confidence"), turn, strict=True)) for turn in row["turn_languages"]]
    row["messages"] = [dict(zip(("role", "content"), turn, strict=True)) for turn in row["messages"]]
    return first_failures(pa.table({name: pa.array([row[name]], types[name]) for name in row}), rules)[0].as_py()


@pytest.mark.parametrize(("name", "fails", "passes"), EXAMPLES)
def test_each_rule_has_its_border(name: str, fails: Any, passes: Any) -> None:
    assert judge(fails, STRICT) == name
    assert judge(passes, STRICT) is None


def test_every_rule_has_an_example() -> None:
    assert {name for name, _, _ in EXAMPLES} == {rule.name for rule in RULES}


def test_refusals_and_the_language_of_turns_are_only_counted_unless_asked() -> None:
    odd = {"refusals": 1, "turn_languages": [("fr", 1.0), ("fr", 1.0)], "role_faults": ["unanswered"]}
    assert judge(odd, Rules()) is None
    assert judge({"turn_languages": [("fr", 1.0), ("en", 1.0)]}, Rules(turn_languages="all")) == "turn_language"
    assert judge(odd, Rules(turn_languages="replies", languages=[])) is None


def test_no_languages_keeps_all() -> None:
    assert judge({"language": "fr"}, Rules(languages=[])) is None
    assert judge({"role_faults": ["no_user"]}, Rules(role_faults=[])) is None


def test_a_language_is_a_code_not_a_name() -> None:
    with pytest.raises(ValueError, match="pattern"):
        Rules(languages=["English"])
