"""The rules that decide, from the scores, which conversations stay. The first that fails names the reason."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from configs.clean import Rules

Failed = npt.NDArray[np.bool_]
"""[rows]: whether each fails."""


class Scored:
    """Rows with their scores. As numbers: float64 [rows]; a missing one is NaN, which fails no rule."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.rows = table.num_rows

    def __getitem__(self, name: str) -> npt.NDArray[np.float64]:
        return self.table[name].to_numpy().astype(np.float64)

    def none(self) -> Failed:
        """No row."""
        return np.zeros(self.rows, bool)

    def array(self, name: str) -> pa.Array:
        """A column in one piece."""
        return self.table[name].combine_chunks()

    def any(self, name: str, found: npt.NDArray[np.bool_]) -> Failed:
        """Whether any item of each row's list is found. found: of the items of all rows, one after another."""
        return self.sum(name, found) > 0

    def sum(self, name: str, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Sum over each row's list. values: of the items of all rows, one after another."""
        counts = self.array(name).value_lengths().fill_null(0).to_numpy()
        rows = np.repeat(np.arange(self.rows), counts)
        return np.bincount(rows, values, self.rows).astype(np.float64)


PRIOR = 10
"""Rows in a listed language for each in another that a corpus is thought to have, before its text is looked at."""


@dataclass(frozen=True)
class Rule:
    """One reason to drop a conversation.

    key: the threshold to relax. scores: the columns that are the evidence. origin: where the rule is from.
    """

    name: str
    key: str
    scores: tuple[str, ...]
    fails: Callable[[Scored, Rules], Failed]
    origin: str = "own"


def _other_language(scored: Scored, rules: Rules) -> Failed:
    """By the mass of all labels: the odds that the text is in none of the listed languages, after a prior for them."""
    if not rules.languages:
        return scored.none()
    found = scored.array("languages").flatten()
    shares = found.field("confidence").to_numpy(zero_copy_only=False)
    mass = np.minimum(scored.sum("languages", np.where(_unlisted(found.field("code"), rules), 0.0, shares)), 1.0)
    other = (1 - mass) / (1 - mass + PRIOR * mass)
    return (other >= rules.min_language_confidence) & ~_is_in(scored.array("language"), ["und"])


def _other_language_of_a_turn(scored: Scored, rules: Rules) -> Failed:
    if rules.turn_languages == "ignore" or not rules.languages:
        return scored.none()
    turns = scored.array("turn_languages").flatten()
    found = _unlisted(turns.field("code"), rules)
    found &= turns.field("confidence").to_numpy(zero_copy_only=False) >= rules.min_turn_confidence
    if rules.turn_languages == "replies":
        found &= _is_in(scored.array("messages").flatten().field("role"), ["assistant"])
    return scored.any("turn_languages", found)


def _unlisted(codes: pa.Array, rules: Rules) -> npt.NDArray[np.bool_]:
    return ~_is_in(codes, [*rules.languages, "und"])


def _is_in(values: pa.Array, wanted: list[str]) -> npt.NDArray[np.bool_]:
    return pc.is_in(values, value_set=pa.array(wanted, pa.string())).to_numpy(zero_copy_only=False)


def _role_order(scored: Scored, rules: Rules) -> Failed:
    return scored.any("role_faults", _is_in(scored.array("role_faults").flatten(), list(rules.role_faults)))


C4 = "C4 (Raffel et al. 2020), section 2.2"
GOPHER = "Rae et al. 2021 (Gopher), appendix A1.1"
REDPAJAMA = "Weber et al. 2024 (RedPajama-V2), quality signals"
MOSES = "Koehn et al. 2007 (Moses), clean-corpus-n"
VICUNA = "Chiang et al. 2023 (Vicuna), data cleaning; Zou et al. 2023, section 3.1"
CCNET = "Wenzek et al. 2020 (CCNet), section 3.2"
DAVIDSON = "Davidson et al. 2017"
TEMPLATES = "model cards of ChatML, Llama, Alpaca, Vicuna"

RULES = (
    Rule(
        "empty",
        "",
        ("assistant_chars",),
        lambda s, _: s["assistant_chars"] == 0,
        C4,
    ),
    Rule("reply_too_short", "min_reply_chars", ("reply_chars",), lambda s, r: s["reply_chars"] < r.min_reply_chars),
    Rule("empty_turn", "max_empty_turns", ("empty_turns",), lambda s, r: s["empty_turns"] > r.max_empty_turns),
    Rule("role_order", "role_faults", ("role_faults",), _role_order),
    Rule("too_short", "min_chars", ("chars",), lambda s, r: s["chars"] < r.min_chars),
    Rule("too_long", "max_chars", ("chars",), lambda s, r: s["chars"] > r.max_chars, GOPHER),
    Rule("too_few_tokens", "min_tokens", ("tokens",), lambda s, r: s["tokens"] < r.min_tokens, GOPHER),
    Rule("too_many_tokens", "max_tokens", ("tokens",), lambda s, r: s["tokens"] > r.max_tokens, GOPHER),
    Rule("language", "languages", ("language", "languages"), _other_language, CCNET),
    Rule("turn_language", "turn_languages", ("turn_languages",), _other_language_of_a_turn, CCNET),
    Rule("repetition", "max_repetition", ("repetition",), lambda s, r: s["repetition"] > r.max_repetition, GOPHER),
    Rule("reply_equals_prompt", "max_echo", ("echo",), lambda s, r: s["echo"] > r.max_echo, VICUNA),
    Rule("refusal", "refusals", ("refusals",), lambda s, r: (s["refusals"] > 0) & (r.refusals == "drop"), VICUNA),
    Rule("prompt_leak", "max_leaks", ("leaks",), lambda s, r: s["leaks"] > r.max_leaks, TEMPLATES),
    Rule(
        "reply_ratio_low", "min_reply_ratio", ("reply_ratio",), lambda s, r: s["reply_ratio"] < r.min_reply_ratio, MOSES
    ),
    Rule(
        "reply_ratio_high",
        "max_reply_ratio",
        ("reply_ratio",),
        lambda s, r: s["reply_ratio"] > r.max_reply_ratio,
        MOSES,
    ),
    Rule("non_letters", "max_non_letters", ("non_letters",), lambda s, r: s["non_letters"] > r.max_non_letters, GOPHER),
    Rule("capitals", "max_capitals", ("capitals",), lambda s, r: s["capitals"] > r.max_capitals, REDPAJAMA),
    Rule("digits", "max_digits", ("digits",), lambda s, r: s["digits"] > r.max_digits, REDPAJAMA),
    Rule("rare_words", "max_rare_words", ("rare_words",), lambda s, r: s["rare_words"] > r.max_rare_words),
    Rule("offensive", "max_offensive", ("offensive",), lambda s, r: s["offensive"] > r.max_offensive, DAVIDSON),
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
        facts = {score: table[score][place].as_py() for score in rule.scores}
        if rule.key:
            facts[rule.key] = getattr(rules, rule.key)
        found.append(json.dumps(facts, separators=(",", ":")))
    return found
