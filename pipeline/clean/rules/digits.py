"""A larger share of the replies than `max_digits` is digits.

Evidence: `digits`, of the characters that are no white space. After the quality signals of RedPajama-V2 (Weber et al.
2024).
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "digits",
    evidence=("digits",),
    setting="max_digits",
    fails=lambda scored, rules: scored["digits"] > rules.max_digits,
)
