"""The replies are shorter than `min_reply_ratio` times their prompts.

Evidence: `reply_ratio`, characters of the assistant's turns over those of the user's. After the ratio of sentence
lengths in Moses' clean-corpus-n (Koehn et al. 2007).
"""

from pipeline.clean.rules.rule import Rule

RULE = Rule(
    "reply_ratio_low",
    evidence=("reply_ratio",),
    setting="min_reply_ratio",
    fails=lambda scored, rules: scored["reply_ratio"] < rules.min_reply_ratio,
)
