"""A larger share of the words than `max_rare_words` is rare.

Evidence: `rare_words`, which is 0 unless `clean.text.rare_words` is drop. Our own.
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "rare_words",
    evidence=("rare_words",),
    setting="max_rare_words",
    fails=lambda scored, rules: scored["rare_words"] > rules.max_rare_words,
)
