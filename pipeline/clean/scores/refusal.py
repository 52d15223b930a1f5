"""Boilerplate refusals: replies that decline in a language model's stock phrases.

The idea of a list of phrases is from the cleaning of ShareGPT for Vicuna (Chiang et al. 2023) and from the
refusal prefixes by which Zou et al. 2023, "Universal and Transferable Adversarial Attacks on Aligned
Language Models", section 3.1, judge a reply. The phrases here are our own selection, and English.
"""

import re

CANNOT = r"(?:can ?t|cannot|can not|am unable to|m unable to|am not able to|m not able to|won t)"
HELP = r"(?:assist|help|comply|fulfil|provide|engage|answer that|do that|create|generate|write|discuss)"
AI = r"(?:ai|artificial intelligence|(?:large )?language model)\b"
MINE = r"(?:my|openai s|our) (?:programming|guidelines|content polic|usage polic|use case polic)"
PHRASES = {
    cue: re.compile(phrase)
    for cue, phrase in {
        **dict.fromkeys((" ai", "intelligence", "language model"), rf"(?:as|i am|i m)(?: just| only)? an? {AI}"),
        "sorry": rf"sorry(?: but)? i {CANNOT} {HELP}",
        "apolog": rf"apologi[sz]e(?: but)? i {CANNOT} {HELP}",
        "with th": rf"i {CANNOT} (?:assist|help|comply) (?:you )?with (?:that|this)\b",
        "your request": rf"i {CANNOT} (?:fulfil|fulfill|comply with|assist with|help with) your request",
        "against ": rf"against {MINE}",
        "violate": rf"violates? {MINE}",
        "t have p": r"i (?:do not|don t) have personal (?:opinions|feelings|emotions|beliefs|experiences)\b",
        "t have f": r"i (?:do not|don t) have feelings (?:or|and|like)\b",
    }.items()
}
"""Cue to phrase: no phrase is without its cue, and looking for the cue is cheap."""
START = 300
"""Characters at the start of a reply in which a refusal shows."""


def is_refusal(normal: str) -> bool:
    """normal: the reply as pipeline.rows.text_hash.normalise leaves it (small letters, "I'm" as "i m")."""
    start = normal[:START]
    return any(cue in start and phrase.search(start) for cue, phrase in PHRASES.items())
