"""A larger share of the replies than `max_non_letters` is not letters.

Evidence: `non_letters`, of the characters that are no white space. After the rule on words without a letter in Rae
et al. 2021 (Gopher), appendix A1.1.
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "non_letters",
    evidence=("non_letters",),
    setting="max_non_letters",
    fails=lambda scored, rules: scored["non_letters"] > rules.max_non_letters,
)
