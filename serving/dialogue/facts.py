"""What people say of themselves in so many words: a name to be called by, and what they ask to have remembered."""

import re
from typing import NamedTuple

NAME = r"(?P<said>[^\W\d_][\w'’.-]{0,39}(?: [A-Z][\w'’.-]{0,39}){0,2})"
END = r"(?=\s*(?:$|[.,;:!?)\n]|\b(?:and|but|please|from now|instead|by the way|from)\b))"
STOP = r"(?:[.!?](?=\s|$)|$|\n)"
_CALL = (
    r"(?:(?:please |just |you can |you may )*call me|my name is|my name['’]s|i am called|i['’]m called) " + NAME + END
)
_NOTE = (
    r"(?:please |can you |could you )*(?:remember|don['’]t forget|do not forget|keep in mind)(?: that|:)? "
    r"(?P<said>.{3,300}?)" + STOP
)
_OWN = (
    r"(?P<said>(?:i (?:live|work|study) (?:in|at|as|with|for)|i am allergic to|i['’]m allergic to|i am from"
    r"|i['’]m from|i prefer|my (?:favou?rite [\w ]{2,30}|birthday|job|dog|cat|daughter|son|wife|husband|partner"
    r"|mother|father|brother|sister)(?: is|['’]s| are)) .{2,200}?)" + STOP
)
_BEFORE = re.compile(r"\b(?:they|he|she|people|friends|don['’]t|do not|never|who|to)\s+(?:\w+ )?$", re.IGNORECASE)
PATTERNS = (
    ("name", re.compile(_CALL, re.IGNORECASE)),
    ("note", re.compile(rf"(?:^|(?<=[.!?\n])\s*){_NOTE}", re.IGNORECASE)),
    ("note", re.compile(rf"(?:^|(?<=[.!?,;\n])\s*|\band ){_OWN}", re.IGNORECASE)),
)
ASKED = ("when", "what", "who", "where", "how", "why", "if", "whether", "which")
NOT_NAMES = frozenset(
    (
        "a",
        "an",
        "the",
        "when",
        "if",
        "later",
        "back",
        "tomorrow",
        "today",
        "that",
        "this",
        "it",
        "at",
        "on",
        "in",
        "by",
        "not",
        "what",
        "whatever",
        "maybe",
        "crazy",
        "old-fashioned",
        "soon",
        "again",
    )
)


class Stated(NamedTuple):
    """kind: `name`, of which a user has one, or `note`. text: as it is remembered."""

    kind: str
    text: str


def stated(text: str) -> list[Stated]:
    """What a message states, in the order of PATTERNS. English.

    Known limitation: phrasings, not meaning; "call me a cab" states nothing, "they call me Max" states no name. What
    no pattern knows is still found again by similarity.
    """
    found: dict[str, Stated] = {}
    for kind, pattern in PATTERNS:
        for match in pattern.finditer(text):
            said = " ".join(match["said"].split()).rstrip(" .,")
            if kind == "name" and (said.lower().split()[0] in NOT_NAMES or _reported(text, match.start())):
                continue
            question = said.lower().startswith(ASKED)
            if question or any(said in other.text for other in found.values()):
                continue
            found[said] = Stated(kind, said)
    return list(found.values())


def sentence(kind: str, text: str) -> str:
    """How a fact or a segment is told to the model."""
    return f"They want to be called {text}." if kind == "name" else f"They said: {text}"


def shown(kind: str, text: str) -> str:
    """How a fact is told to its owner."""
    return f"You want to be called {text}." if kind == "name" else text


def _reported(text: str, at: int) -> bool:
    """Whether somebody else is the one who calls: "they call me"."""
    return _BEFORE.search(text[:at]) is not None
