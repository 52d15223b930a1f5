"""A larger share of the replies' letters than `max_capitals` is capitals.

Evidence: `capitals`. After the quality signals of RedPajama-V2 (Weber et al. 2024), which count words.
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "capitals",
    evidence=("capitals",),
    setting="max_capitals",
    fails=lambda scored, rules: scored["capitals"] > rules.max_capitals,
)
