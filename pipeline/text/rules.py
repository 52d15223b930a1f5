"""The rules that decide, from the scores, which conversations stay. The first that fails names the reason."""

from dataclasses import dataclass

from configs.clean import Rules


@dataclass(frozen=True)
class Rule:
    """One reason to drop a conversation.

    fails: SQL over the score columns, with the thresholds of configs.clean.Rules in braces.
    key: the threshold to relax. scores: the columns that are the evidence.
    """

    name: str
    key: str
    scores: tuple[str, ...]
    fails: str

    def sql(self, rules: Rules) -> str:
        """The condition with its thresholds filled in."""
        return self.fails.format(**{key: _literal(value) for key, value in rules.model_dump().items()})


RULES = (
    Rule("empty", "", ("assistant_chars",), "assistant_chars = 0"),
    Rule("reply_too_short", "min_reply_chars", ("reply_chars",), "reply_chars < {min_reply_chars}"),
    Rule("too_short", "min_chars", ("chars",), "chars < {min_chars}"),
    Rule("too_long", "max_chars", ("chars",), "chars > {max_chars}"),
    Rule(
        "language",
        "languages",
        ("language", "language_confidence"),
        "language_confidence >= {min_language_confidence} AND language != 'und' AND size({languages}) > 0"
        " AND NOT array_contains({languages}, language)",
    ),
    Rule("repetition", "max_repetition", ("repetition",), "repetition > {max_repetition}"),
    Rule("offensive", "max_offensive", ("offensive",), "offensive > {max_offensive}"),
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
    """A SQL literal. Strings are language codes, which configs.clean has checked."""
    if isinstance(value, list):
        return f"array({', '.join(repr(str(item)) for item in value)})" if value else "cast(array() AS array<string>)"
    return f"{value!r}D" if isinstance(value, float) else str(value)
