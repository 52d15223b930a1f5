"""The rules of clean, in order: the first that a conversation fails names the reason why it is dropped.

A rule is a file of this folder and a row of RULES; its threshold is a field of Rules in configs/clean.py.
"""

import json

import numpy as np
import pyarrow as pa

from configs.clean import Rules
from pipeline.clean.rules import (
    capitals,
    digits,
    empty,
    empty_turn,
    language,
    non_letters,
    offensive,
    prompt_leak,
    rare_words,
    refusal,
    repetition,
    reply_equals_prompt,
    reply_ratio_high,
    reply_ratio_low,
    reply_too_short,
    role_order,
    too_few_tokens,
    too_long,
    too_many_tokens,
    too_short,
    turn_language,
)
from pipeline.clean.rules.rule import Scored

RULES = (
    empty.RULE,
    reply_too_short.RULE,
    empty_turn.RULE,
    role_order.RULE,
    too_short.RULE,
    too_long.RULE,
    too_few_tokens.RULE,
    too_many_tokens.RULE,
    language.RULE,
    turn_language.RULE,
    repetition.RULE,
    reply_equals_prompt.RULE,
    refusal.RULE,
    prompt_leak.RULE,
    reply_ratio_low.RULE,
    reply_ratio_high.RULE,
    non_letters.RULE,
    capitals.RULE,
    digits.RULE,
    rare_words.RULE,
    offensive.RULE,
)


def first_failures(table: pa.Table, rules: Rules) -> pa.StringArray:
    """The name of the first rule that each row fails; null where it stays."""
    scored = Scored(table)
    found = np.full(scored.rows, None, object)
    left = np.ones(scored.rows, bool)
    for rule in RULES:
        failed = rule.fails(scored, rules) & left
        found[failed] = rule.name
        left &= ~failed
    return pa.array(found, pa.string())


def evidence(table: pa.Table, failed: pa.StringArray, rules: Rules) -> list[str]:
    """The JSON object of the failed rule's scores and its threshold, for each row. failed: a name for each."""
    known = {rule.name: rule for rule in RULES}
    found = []
    for place, name in enumerate(failed.to_pylist()):
        rule = known[name]
        facts = {score: table[score][place].as_py() for score in rule.evidence}
        if rule.setting:  # refusals counts, and is what the profile says of them
            key = f"rules.{rule.setting}" if rule.setting in facts else rule.setting
            facts[key] = getattr(rules, rule.setting)
        found.append(json.dumps(facts, separators=(",", ":")))
    return found
