"""No text of an assistant is left.

Evidence: `assistant_chars`, the characters of all assistant turns. It has no setting: there is nothing to learn from
such a row. After the rules for empty pages in Raffel et al. 2020 (C4), section 2.2.
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "empty",
    evidence=("assistant_chars",),
    setting="",
    fails=lambda scored, _: scored["assistant_chars"] == 0,
)
