"""A conversation with the genders of the people in it swapped (counterfactual data augmentation).

English only. Method: Lu, Mardziel, Wu, Amancharla and Datta, Gender Bias in Neural Natural Language
Processing, 2018; there too names stay as they are. A swap must not say of a known person what is not
true ("Beethoven … she"), so a conversation is left alone when one of its pronouns cannot be traced to an
unnamed person. Known limitation: a name written without capitals is not seen.
"""

import regex

from pipeline.balance.gender_words import (
    ADJECTIVES,
    AFTER_OBJECT,
    AFTER_POSSESSION,
    ARTICLES,
    EVERYONE,
    FAMILY,
    FIXED,
    INHERENT,
    LETTING,
    MADE,
    NEEDS_ARTICLE,
    NEUTRAL,
    OWNERS,
    PRONOUNS,
    STARTS,
    SWAP,
    WOMEN,
)
from pipeline.rows.turns import Turn

REACH = 2
"""Turns over which a pronoun may point back."""

_PEOPLE = regex.compile(
    rf"\b(?P<neutral>(?:{NEUTRAL}|{NEUTRAL.upper()}))s?\b"
    rf"|(?<=[\p{{Ll}},;\d][ \t])(?!I\b|(?:{STARTS})\b)\p{{Lu}}\p{{Ll}}[\p{{L}}’'-]*"
    rf"|(?<!\p{{L}})(?!(?:{STARTS})\b)\p{{Lu}}\p{{Ll}}+"
    rf"(?= \p{{Lu}}\p{{Ll}}|(?:'s|’s)? (?:is|was|has|had|does|did|said|says|plays|looks)\b)"
)
"""Either a person without a name, or a word with a capital where a sentence does not ask for one."""


_WORD = regex.compile(
    r"(?<![\w@#&.'’-])(?:" + "|".join(sorted([*SWAP, "her", "his"], key=len, reverse=True)) + r")(?![\w@-]|\.\w)",
    regex.IGNORECASE,
)
_GIRL = regex.compile(r"\bgirls?\b", regex.IGNORECASE)
_PREVIOUS = regex.compile(r"([\w'’]+)[ \t]*$")
_OTHER = regex.compile(r"\s*(?:/|or|and)\s*(?:a )?(?:man|woman|boy|girl|guy|lady|gentleman)\b", regex.IGNORECASE)
_NEXT = regex.compile(r"[ \t]+([\w'’]+)")


def swap_gender(turns: list[Turn]) -> list[Turn] | None:
    """The turns with every gendered word swapped; None when there is none, or a swap would read wrong.

    Case is kept. A noun with a capital inside a sentence is taken for a part of a name ("Iron Man") and
    stays, but for titles and what one calls one's family. Left alone, as None: conversations about
    INHERENT matters, those where EVERYONE is set against WOMEN, and those with a pronoun that has no unnamed person
    before it in its own turn or the REACH turns before, with no name in between.
    """
    texts = [content for _, content in turns]
    if not any(_WORD.search(text) for text in texts) or any(INHERENT.search(text) for text in texts):
        return None
    if any(EVERYONE.search(text) for text in texts) and any(WOMEN.search(text) for text in texts):
        return None
    swapped, carried = [], -REACH - 1
    for number, (role, content) in enumerate(turns):
        turn = _TurnSwap(content, carried >= number - REACH)
        swapped.append((role, turn.swapped()))
        if turn.untraced:
            return None
        if not turn.known:
            carried = -REACH - 1
        elif turn.mentions:
            carried = number
    return None if swapped == list(turns) else swapped


class _TurnSwap:
    """The swap of one turn. known: whether the person last spoken of is unnamed."""

    def __init__(self, text: str, known: bool) -> None:
        self.text, self.known = text, known
        self.mentions = self.untraced = False
        self._fixed = [match.span() for match in FIXED.finditer(text)]
        self._read = 0

    def swapped(self) -> str:
        result = _WORD.sub(self._other, self.text)
        self._read_to(len(self.text))
        return result

    def _read_to(self, end: int) -> None:
        """Follows who is spoken of: a name hides the unnamed person, a NEUTRAL noun brings one."""
        for match in _PEOPLE.finditer(self.text, self._read, end):
            self.known = match.group("neutral") is not None
            self.mentions |= self.known
        self._read = max(self._read, end)

    def _other(self, match: regex.Match) -> str:
        word, start, end = match.group(), match.start(), match.end()
        if any(a <= start < b for a, b in self._fixed):
            return word
        lower = word.lower().replace("’", "'")
        previous = _word_in(_PREVIOUS.search(self.text, max(0, start - 40), start))
        following = _word_in(_NEXT.match(self.text, end))
        self._read_to(start)
        if lower in PRONOUNS:
            self.untraced |= not self.known
        elif _is_person(lower, word, previous, self.text[:start], following, self.text[end:]):
            self.known = True
        else:
            return word
        self.mentions = True
        if lower == "guy" and _GIRL.search(self.text):
            return _cased("girl", word)
        return _cased(_choose(lower, previous.lower(), following.lower()), word)


def _choose(word: str, previous: str, following: str) -> str:
    if word == "her":
        does = previous in LETTING and following not in MADE and following not in SWAP
        return "him" if not following or following in AFTER_OBJECT or does else "his"
    if word == "his":
        return "hers" if not following or following in AFTER_POSSESSION else "her"
    return SWAP[word]


def _is_person(lower: str, word: str, previous: str, before: str, following: str, after: str) -> bool:
    """Whether a noun means a person: it is no part of a name and no interjection."""
    if lower in ("mr", "ms", "mrs"):
        return bool(following) or after.startswith(". ")
    if word[0].isupper() and not word.isupper():
        opening = before.rstrip(" \t\"'“‘(*")
        starts = not opening or opening[-1] in ".!?…:\n"
        if following[:1].isupper() and following not in ("I", "I'm"):
            return False
        if not starts and (lower not in FAMILY or (previous[:1].isupper() and previous.lower() not in OWNERS)):
            return False
    if lower in NEEDS_ARTICLE:
        alone = not (before.strip() or after.strip(" .!?"))
        words = before.lower().replace("’", "'").split()[-2:]
        described = len(words) == 2 and words[1] in ADJECTIVES and words[0] in ARTICLES
        named = words[-1:] == [previous.lower()] and previous.lower() in ARTICLES
        return alone or described or named or before.endswith("/") or bool(_OTHER.match(after))
    return True


def _word_in(match: regex.Match | None) -> str:
    return match.group(1).replace("’", "'") if match else ""


def _cased(word: str, like: str) -> str:
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word[0].upper() + word[1:] if like[0].isupper() else word
