"""A larger share of the replies than `max_echo` repeat their prompt.

Evidence: `echo`. After the cleaning of ShareGPT for Vicuna (Chiang et al. 2023).
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "reply_equals_prompt",
    evidence=("echo",),
    setting="max_echo",
    fails=lambda scored, rules: scored["echo"] > rules.max_echo,
)
