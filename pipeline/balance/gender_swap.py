"""A conversation with the genders of the people in it swapped. English only.

Method: Lu, Mardziel, Wu, Amancharla and Datta, Gender Bias in Neural Natural Language Processing, 2018. A swap must
stay true and readable, so a conversation is copied only when every gendered word in it is said of an unnamed person
and has one counterpart; any doubt refuses the conversation as a whole. That costs most of the candidates, which is
meant: a corpus can spare copies, but not sentences like "left it to her in him will".
"""

import regex

from pipeline.balance.gender_words import (
    ADDRESSES,
    ADJECTIVES,
    ANYBODY,
    ARTICLES,
    ASKED,
    BEFORE_CALLED,
    BOTH_MEANT,
    CALLED,
    COMPOUND,
    FAME,
    FINITE,
    GENERIC,
    INHERENT,
    NEUTRAL,
    NOT_PEOPLE,
    PLAIN,
    PRONOUNS,
    SWAP,
    TITLED,
    UNPAIRED,
)
from pipeline.balance.her import her, his
from pipeline.balance.names import may_name
from pipeline.balance.refusal import Refusal
from pipeline.rows.turns import Turn

REACH = 2
"""Turns over which a pronoun may point back."""

REFUSED = {
    "a fact of one sex, or gender itself": INHERENT,
    "said of a gender, not of a person": GENERIC,
    "both genders are meant": BOTH_MEANT,
    "a title": TITLED,
    "a word of one gender without a counterpart": UNPAIRED,
    "a set phrase or a thing": NOT_PEOPLE,
    "known people, works or history": FAME,
    "a quotation or code": regex.compile(r"\x60\x60\x60|[\"“][^\"”\n]*\b(?:s?he|his|hers?|him|her)\b[^\"”\n]*[\"”]"),
}
"""Reason to what finds it in the text."""

_WORD = regex.compile(
    r"(?<![\w@#&.'’-])(?:" + "|".join(sorted([*SWAP, "her", "his"], key=len, reverse=True)) + r")(?![\w@-]|\.\p{Ll})",
    regex.IGNORECASE,
)
_YOUNG = regex.compile(r"\b(?:teen\w*|school|kids?|boys?|girls?)\b", regex.IGNORECASE)
_LOOSE = regex.compile(rf"\b(?:{'|'.join(sorted([*SWAP, 'her', 'his']))})\b", regex.IGNORECASE)
_NEUTRAL = regex.compile(
    rf"\b(?:(?:{'|'.join(sorted(ARTICLES))}|the)\s+(?:[\w'-]+\s+){{0,2}}(?:{NEUTRAL})|{ANYBODY})(?!s)\b",
    regex.IGNORECASE,
)
"""One unnamed person: "my good friend", but not "friends" or "partner up"."""

_OWNER = regex.compile(rf"\b(?:{NEUTRAL}|{'|'.join(sorted(SWAP.keys() - PRONOUNS))})s?\b", regex.IGNORECASE)
_ADULT = regex.compile(
    r"\b(?:dat(?:e|es|ed|ing)|crush|flirt\w*|college|work|bar|relationship|roommate)\b", regex.IGNORECASE
)
_ORDINARY = regex.compile(r"\A\W*\p{Lu}.*[.!?]\W*\Z", regex.DOTALL)
"""Writing that begins with a capital and ends with a stop, in which names have capitals."""
_WRITER = regex.compile(
    r"\b(?:me|my|(?-i:us)|our|I(?:'ve| have|'d| had)? (?:just |once |never |recently )?(?:saw|seen|see|met|meet|told|"
    r"asked|gave|called|knew|known|helped|texted|lived|worked|went|dated|visited|left|lost|found))\b",
    regex.IGNORECASE,
)
_TOKEN = regex.compile(r"[\w'-]+|[^\w\s]")


def may_swap(turns: list[Turn]) -> bool:
    """Whether there is a gendered word and nothing like a name, without which swap_gender swaps nothing: found in half
    the time."""
    text = "\n".join(content for _, content in turns)
    return _WORD.search(text) is not None and not may_name(text)


def swap_gender(turns: list[Turn]) -> list[Turn] | Refusal | None:
    """The turns with every gendered word swapped, in the case that they had; None when there are none; or why not.

    A pronoun needs an unnamed person before it, in its own turn or the REACH turns before, unless the conversation
    is one exchange in ordinary writing, whose capitals would show a name.
    """
    text = "\n".join(content for _, content in turns)
    if not _WORD.search(text):
        return None
    if len(_LOOSE.findall(text)) != len(_WORD.findall(text)):
        return Refusal("a gendered word inside another word, a name or an address")
    for reason, pattern in REFUSED.items():
        if pattern.search(text):
            return Refusal(reason)
    if any(word.lower() not in SWAP.keys() | PLAIN for word in COMPOUND.findall(text)):
        return Refusal("a word of one gender without a counterpart")
    if may_name(text):
        return Refusal("a name")
    ordinary = len(turns) <= REACH and all(_ORDINARY.search(content) for _, content in turns) and _private(text)
    swapped, person = [], -REACH - 1
    for number, (role, content) in enumerate(turns):
        turn = _TurnSwap(content, person >= number - REACH or ordinary, text)
        swapped.append((role, turn.swapped()))
        if turn.doubt:
            return Refusal(turn.doubt)
        if turn.mentions or _NEUTRAL.search(content):
            person = number
    return None if swapped == list(turns) else swapped


def _private(text: str) -> bool:
    """Whether a text without names is about people of the writer's: he meets them, they are somebody's family, or
    there are two of them."""
    both = all(regex.search(rf"\b(?:{words})\b", text, regex.IGNORECASE) for words in ("he|his|him", "she|hers?"))
    return both or any(pattern.search(text) for pattern in (_WRITER, _OWNER))


class _TurnSwap:
    """The swap of one turn. known: whether there is a person that a pronoun may mean. doubt: why it failed."""

    def __init__(self, content: str, known: bool, conversation: str) -> None:
        self.original, self.text, self.known = content, content.replace("’", "'"), known
        self.adults, self.young = (p.search(conversation) is not None for p in (_ADULT, _YOUNG))
        self.witnessed = known and _WRITER.search(content) is not None
        self.mentions, self.doubt = False, ""

    def swapped(self) -> str:
        return _WORD.sub(self._other, self.original)

    def _other(self, match: regex.Match) -> str:
        word, start, end = match.group(), match.start(), match.end()
        lower = word.lower()
        before, after = self.text[:start], self.text[end:]
        if lower in PRONOUNS:
            if not (self.known or self.mentions or _NEUTRAL.search(before)):
                self.doubt = "a pronoun of nobody in sight"
            if lower in ("he", "she") and not (FINITE.match(after) or ASKED.search(before)):
                self.doubt = "a pronoun without a verb"
        else:
            said = _said_of_a_person(lower, before, self.witnessed)
            if said is None:
                self.doubt = "a noun that may mean nobody"
            if not said:
                return word
        self.mentions = True
        other = self._counterpart(lower, before, after)
        if other is None:
            self.doubt = "her or his: owner or object"
            return word
        return _cased(other, word)

    def _counterpart(self, word: str, before: str, after: str) -> str | None:
        if word == "her":
            return her(before, after)
        if word == "his":
            return his(before, after)
        if word == "girl" and self.adults:
            return "guy"
        if word == "guy" and self.young:
            return "girl"
        return SWAP[word]


def _said_of_a_person(word: str, before: str, witnessed: bool) -> bool | None:
    """Whether a noun is said of somebody, by what stands before it; False of an interjection, None in doubt.

    Somebody's, or this one, or one of a number; "the" only when there was such a person before, or the writer tells
    of himself too (witnessed), as of "the woman who sold me the bike".
    """
    tokens = _TOKEN.findall(before[-80:].lower())
    last = tokens[-1] if tokens else ""
    if word in CALLED and (not last or last in BEFORE_CALLED or not last[0].isalnum()):
        return True
    described = False
    while tokens and tokens[-1] in ADJECTIVES and tokens[-1] not in ARTICLES:
        tokens.pop()
        described = True
    last = tokens[-1] if tokens else ""
    if last == "the":
        met = witnessed or regex.search(rf"\b(?:{word}|{SWAP[word]}|{NEUTRAL}|{ANYBODY})s?\b", before.lower())
        return True if met else None
    if last in ARTICLES or last.isdigit():
        return True
    if last.endswith("'s"):
        return True if _OWNER.fullmatch(last.removesuffix("'s")) else None
    if last == "and" and len(tokens) > 1 and tokens[-2] in SWAP:
        return True
    interjection = word in ADDRESSES and not described and last in ("", "oh", "hey", "thanks", "yeah", ",", "yo")
    return False if interjection else None


def _cased(word: str, like: str) -> str:
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word[0].upper() + word[1:] if like[0].isupper() else word
