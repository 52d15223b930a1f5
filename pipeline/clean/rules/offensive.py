"""A reply that is learned is more offensive than `max_offensive`.

Evidence: `offence`, the worst such reply: its score, turn and role, and the words that weighed most
(pipeline.clean.scores.offensive). What the user says makes no row bad by itself; where a reply does no more than agree
with a user's attack on a group, `agrees_with` is that turn.
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "offensive",
    evidence=("offence",),
    setting="max_offensive",
    fails=lambda scored, rules: scored["offensive"] > rules.max_offensive,
)
