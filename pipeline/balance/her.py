"""Which word "her" and "his" become when the gender is swapped: her is him or his, his is her or hers.

No tagger decides it. On 61 places of our own, half of them before words that are nouns and verbs alike, spaCy's small
English model (3.8, as a package) was wrong at 20 and HanTa 1.2 at 27; what both know is the likelier tag, and not when
they guess. So this is a rule that may say that it does not know. Its evidence: what stands after her stands also
after pronouns that are never ambiguous. Words that people put after my, your, our, their and his follow a possessor,
words that they put after me, him, them and us follow an object; those seen after both, or rarely, decide nothing.
"""

import regex

from pipeline.balance.her_words import AFTER_OBJECT, AFTER_POSSESSOR, NOUNS_OR_VERBS, SURELY_OWNED, TWO_OBJECTS

_PREVIOUS = regex.compile(r"([\w'-]+)[ \t]*$")
_FOLLOWING = regex.compile(r"[ \t]*([\w'-]+)(?:[ \t]+([\w'-]+))?")
_COPULAS = frozenset(["is", "was", "are", "were", "isn't", "wasn't", "be", "been", "of", "like", "not"])


def her(before: str, after: str) -> str | None:
    """him or his: what "her" between two texts becomes; None in doubt."""
    previous = _word(_PREVIOUS.search(before[-40:].lower()))
    match = _FOLLOWING.match(after.lower())
    if match is None:
        return "him" if not after.strip() or after.lstrip()[0] in ".,;:!?)\n" else None
    word, further = match.group(1), match.group(2)
    if word == "will":
        return "his" if previous == "in" and further is None else None
    if word in AFTER_OBJECT:
        return "him"
    if word in SURELY_OWNED:
        return "his"
    if word not in AFTER_POSSESSOR or previous in TWO_OBJECTS:
        return None
    return None if previous and word in NOUNS_OR_VERBS else "his"


def his(before: str, after: str) -> str | None:
    """her or hers: what "his" between two texts becomes; None in doubt."""
    previous = _word(_PREVIOUS.search(before[-40:].lower()))
    match = _FOLLOWING.match(after.lower())
    owns_what_was_named = previous in _COPULAS
    if match is None or match.group(1) in AFTER_OBJECT:
        ends = match is not None or not after.strip() or after.lstrip()[0] in ".,;:!?)\n"
        return "hers" if owns_what_was_named and ends else None
    doubtful = owns_what_was_named and match.group(1) not in AFTER_POSSESSOR | SURELY_OWNED  # "looked like his leaning"
    return None if doubtful else "her"


def _word(match: regex.Match | None) -> str:
    return match.group(1) if match else ""
