"""More turns without text than `max_empty_turns`.

Evidence: `empty_turns`, of any role. Our own.
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "empty_turn",
    evidence=("empty_turns",),
    setting="max_empty_turns",
    fails=lambda scored, rules: scored["empty_turns"] > rules.max_empty_turns,
)
