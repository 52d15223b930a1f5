"""The replies are longer than `max_reply_ratio` times their prompts.

Evidence: `reply_ratio`, characters of the assistant's turns over those of the user's. After the ratio of sentence
lengths in Moses' clean-corpus-n (Koehn et al. 2007).
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "reply_ratio_high",
    evidence=("reply_ratio",),
    setting="max_reply_ratio",
    fails=lambda scored, rules: scored["reply_ratio"] > rules.max_reply_ratio,
)
