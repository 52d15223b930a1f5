"""The rules that decide, from the scores, which conversations stay. The first that fails names the reason."""

from dataclasses import dataclass

from configs.clean import Rules


@dataclass(frozen=True)
class Rule:
    """One reason to drop a conversation.

    fails: SQL over the score columns, with the thresholds of configs.clean.Rules in braces.
    key: the threshold to relax. scores: the columns that are the evidence. origin: where the rule is from.
    """

    name: str
    key: str
    scores: tuple[str, ...]
    fails: str
    origin: str = "own"

    def sql(self, rules: Rules) -> str:
        """The condition with its thresholds filled in."""
        return self.fails.format(**{key: _literal(value) for key, value in rules.model_dump().items()})


GOPHER = "Rae et al. 2021 (Gopher), appendix A1.1"
REDPAJAMA = "Weber et al. 2024 (RedPajama-V2), quality signals"
MOSES = "Koehn et al. 2007 (Moses), clean-corpus-n"
VICUNA = "Chiang et al. 2023 (Vicuna), data cleaning; Zou et al. 2023, section 3.1"
CCNET = "Wenzek et al. 2020 (CCNet), section 3.2"

RULES = (
    Rule("empty", "", ("assistant_chars",), "assistant_chars = 0", "C4 (Raffel et al. 2020), section 2.2"),
    Rule("reply_too_short", "min_reply_chars", ("reply_chars",), "reply_chars < {min_reply_chars}"),
    Rule("empty_turn", "max_empty_turns", ("empty_turns",), "empty_turns > {max_empty_turns}"),
    Rule("role_order", "role_faults", ("role_faults",), "arrays_overlap(role_faults, {role_faults})"),
    Rule("too_short", "min_chars", ("chars",), "chars < {min_chars}"),
    Rule("too_long", "max_chars", ("chars",), "chars > {max_chars}", GOPHER),
    Rule("too_few_tokens", "min_tokens", ("tokens",), "tokens < {min_tokens}", GOPHER),
    Rule("too_many_tokens", "max_tokens", ("tokens",), "tokens > {max_tokens}", GOPHER),
    Rule(
        "language",
        "languages",
        ("language", "language_confidence"),
        "language_confidence >= {min_language_confidence} AND language != 'und' AND size({languages}) > 0"
        " AND NOT array_contains({languages}, language)",
        CCNET,
    ),
    Rule(
        "turn_language",
        "turn_languages",
        ("turn_languages",),
        "{turn_languages} != 'ignore' AND size({languages}) > 0 AND exists(arrays_zip(turn_languages, messages), x ->"
        " ({turn_languages} = 'all' OR x.messages.role = 'assistant') AND x.turn_languages.code != 'und'"
        " AND x.turn_languages.confidence >= {min_turn_confidence}"
        " AND NOT array_contains({languages}, x.turn_languages.code))",
        CCNET,
    ),
    Rule("repetition", "max_repetition", ("repetition",), "repetition > {max_repetition}", GOPHER),
    Rule("reply_equals_prompt", "max_echo", ("echo",), "echo > {max_echo}", VICUNA),
    Rule("refusal", "refusals", ("refusals",), "{refusals} = 'drop' AND refusals > 0", VICUNA),
    Rule("prompt_leak", "max_leaks", ("leaks",), "leaks > {max_leaks}", "model cards of ChatML, Llama, Alpaca, Vicuna"),
    Rule("reply_ratio_low", "min_reply_ratio", ("reply_ratio",), "reply_ratio < {min_reply_ratio}", MOSES),
    Rule("reply_ratio_high", "max_reply_ratio", ("reply_ratio",), "reply_ratio > {max_reply_ratio}", MOSES),
    Rule("non_letters", "max_non_letters", ("non_letters",), "non_letters > {max_non_letters}", GOPHER),
    Rule("capitals", "max_capitals", ("capitals",), "capitals > {max_capitals}", REDPAJAMA),
    Rule("digits", "max_digits", ("digits",), "digits > {max_digits}", REDPAJAMA),
    Rule("rare_words", "max_rare_words", ("rare_words",), "rare_words > {max_rare_words}"),
    Rule("offensive", "max_offensive", ("offensive",), "offensive > {max_offensive}", "Davidson et al. 2017"),
)


def first_failure(rules: Rules) -> str:
    """SQL for the name of the first rule that a conversation fails; null when it stays."""
    return "CASE " + " ".join(f"WHEN {rule.sql(rules)} THEN '{rule.name}'" for rule in RULES) + " END"


def evidence(rules: Rules) -> str:
    """SQL for the JSON object of the failed rule's scores and its threshold, given a column `rule`."""
    cases = []
    for rule in RULES:
        fields = [f"'{score}', {score}" for score in rule.scores]
        if rule.key:
            fields.append(f"'{rule.key}', {_literal(getattr(rules, rule.key))}")
        cases.append(f"WHEN '{rule.name}' THEN to_json(named_struct({', '.join(fields)}))")
    return f"CASE rule {' '.join(cases)} END"


def _literal(value: object) -> str:
    """A SQL literal. Strings are language codes and choices, which configs.clean has checked."""
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, list):
        return f"array({', '.join(repr(str(item)) for item in value)})" if value else "cast(array() AS array<string>)"
    return f"{value!r}D" if isinstance(value, float) else str(value)
