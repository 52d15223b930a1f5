"""Which words of a reply have to wait until more is known of what they belong to."""

from functools import lru_cache

from pipeline.clean.privacy.pii import AT_SIGN, HINT_SIGN, IBAN_SIGN, IP_SIGN, pii_signs
from pipeline.clean.scores.offensive_features import MENACE_BIT, STRONG_BIT, alarm
from pipeline.clean.scores.offensive_words import word_severity
from pipeline.clean.scores.prompt_leak import CUES

PERSONAL = AT_SIGN | HINT_SIGN | IBAN_SIGN | IP_SIGN


@lru_cache(maxsize=50_000)
def waits(word: str) -> bool:
    """Whether a word may be part of personal data, an attack, or a mark of a chat template."""
    lowered = word.lower()
    return (
        any(map(str.isdecimal, word))
        or pii_signs(word, lowered) & PERSONAL != 0
        or alarm(word) & (STRONG_BIT | MENACE_BIT) != 0
        or word_severity(lowered) > 0
        or any(cue in word for cue in CUES)
    )
