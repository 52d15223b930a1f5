"""A reply repeats itself more than `max_repetition`.

Evidence: `repetition`, the share of word 3-grams that occurred at least twice before, of the worst reply, but for what
its layout or its prompt accounts for. After the repetition rules of Rae et al. 2021 (Gopher), appendix A1.1.
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "repetition",
    evidence=("repetition",),
    setting="max_repetition",
    fails=lambda scored, rules: scored["repetition"] > rules.max_repetition,
)
