"""The conversation is longer than `max_chars`.

Evidence: `chars`, the characters of all turns. After the limit of 100,000 words in Rae et al. 2021 (Gopher),
appendix A1.1; characters also measure scripts without spaces.
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "too_long",
    evidence=("chars",),
    setting="max_chars",
    fails=lambda scored, rules: scored["chars"] > rules.max_chars,
)
