"""A turn is more offensive than `max_offensive`.

Evidence: `offensive`, of the worst turn, from a lexicon and a classifier (pipeline.clean.scores.offensive). The default
is from the labelled tweets of Davidson et al. 2017 (`benchmarks/offensive_quality.py`).
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "offensive",
    evidence=("offensive",),
    setting="max_offensive",
    fails=lambda scored, rules: scored["offensive"] > rules.max_offensive,
)
