"""The conversation is shorter than `min_chars`.

Evidence: `chars`, the characters of all turns. Our own.
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "too_short",
    evidence=("chars",),
    setting="min_chars",
    fails=lambda scored, rules: scored["chars"] < rules.min_chars,
)
