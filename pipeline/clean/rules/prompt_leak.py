"""More replies than `max_leaks` hold marks of a chat template or the system prompt.

Evidence: `leaks`, how many do. The marks are those of the model cards of ChatML, Llama, Alpaca and Vicuna.
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "prompt_leak",
    evidence=("leaks",),
    setting="max_leaks",
    fails=lambda scored, rules: scored["leaks"] > rules.max_leaks,
)
