"""A fault in the order of the turns that `role_faults` lists.

Evidence: `role_faults`, all that the conversation has (pipeline.clean.scores.roles). Our own.
"""

from configs.clean import Rules
from pipeline.clean.rules.rule import Failed, Rule, Scored, is_in


def fails(scored: Scored, rules: Rules) -> Failed:
    return scored.any("role_faults", is_in(scored.array("role_faults").flatten(), list(rules.role_faults)))


RULE = Rule("role_order", evidence=("role_faults",), setting="role_faults", fails=fails)
