"""An assistant turn is shorter than `min_reply_chars`.

Evidence: `reply_chars`, the characters of the shortest assistant turn. Our own.
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "reply_too_short",
    evidence=("reply_chars",),
    setting="min_reply_chars",
    fails=lambda scored, rules: scored["reply_chars"] < rules.min_reply_chars,
)
