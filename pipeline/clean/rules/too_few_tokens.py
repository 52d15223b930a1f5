"""Fewer tokens than `min_tokens`.

Evidence: `tokens`, estimated (pipeline.clean.scores.words.estimated_tokens). After the limits in words of Rae et al.
2021 (Gopher), appendix A1.1.
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "too_few_tokens",
    evidence=("tokens",),
    setting="min_tokens",
    fails=lambda scored, rules: scored["tokens"] < rules.min_tokens,
)
