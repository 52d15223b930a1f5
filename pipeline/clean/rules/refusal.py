"""A reply refuses in a stock phrase, and `refusals` is drop.

Evidence: `refusals`, how many do. After the cleaning of ShareGPT for Vicuna (Chiang et al. 2023) and the refusal
prefixes of Zou et al. 2023, section 3.1.
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "refusal",
    evidence=("refusals",),
    setting="refusals",
    fails=lambda scored, rules: (scored["refusals"] > 0) & (rules.refusals == "drop"),
)
