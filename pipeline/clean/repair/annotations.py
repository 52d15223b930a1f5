"""Marks that a transcriber or an export left: "[inaudible]", "(laughs)", and speaker tags such as "User:"."""

import re

from pipeline.clean.repair.code import outside_code

VOICE = (
    r"(?:soft |nervous |both |all )?(?:laughs?|laughter|laughing|chuckles?|chuckling|giggles?)|coughs?|coughing"
    r"|sighs?|sighing|clears throat|inaudible|unintelligible|indistinct|crosstalk"
)
OWN = r"laugh|chuckle|giggle|cough|sigh"
"""Bare, in round brackets, what a writer says of himself amid his words: "(sigh) I tried". Of a voice that was heard,
a transcriber writes (sighs)."""
HEARD = (
    rf"{VOICE}|unclear|cross-talk|overlapping(?: speech| talk)?|background noise|applause|music(?: playing)?"
    r"|silence|(?:long |short |brief )?pause|phone ringing|no audio"
)
"""What such marks say, a closed list, so that other brackets stay; in round brackets only VOICE does."""
MARK = re.compile(
    rf"[ \t]*(?:\[\s*(?:{HEARD})\s*(?:\d\d?:\d\d(?::\d\d)?)?\s*\]|\((?!\s*(?:{OWN})\s*\))\s*(?:{VOICE})\s*\))"
    r"(?P<after>[.,;:!?]?)",
    re.IGNORECASE,
)
SPEAKER = re.compile(
    r"\A\s*(?:\*\*)?(?:(?:speaker|person|participant|caller)[ _-]?(?:\d{1,2}|[A-D])|user|human|assistant"
    r"|chatbot|bot|agent|customer|interviewer|interviewee|<(?:user|human|bot|assistant|agent|customer)>)\s*(?:\(\d\d?:\d\d(?::\d\d)?\))?:(?:\*\*)?(?:\s+|\Z)(?=\S)",
    re.IGNORECASE,
)
"""A tag at the very start of a turn, with the colon that makes it one."""
TAG_CHARS = 32


def drop_annotations(text: str) -> str:
    """Text without transcriber's marks and without a speaker tag at its start.

    A text that is nothing else stays as it is: it is all that was said. Code is left alone.
    """
    found = text
    if ":" in text[:TAG_CHARS]:
        while (tag := SPEAKER.match(found)) is not None:
            found = found[tag.end() :]
    if "[" in text or "(" in text:
        found = outside_code(found, lambda piece: MARK.sub(_mark, piece) if MARK.search(piece) else piece)
    return found if found != text and found.strip(" .,;:!?-\n\t") else text


def _mark(match: re.Match[str]) -> str:
    """A mark after the annotation closes what precedes it, unless that is the start or has one of its own."""
    before = match.string[: match.start()].rstrip()
    return "" if not before or before[-1] in ".,;:!?" else match["after"]
