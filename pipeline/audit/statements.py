"""What a conversation says about people: its sentences that mention a group, and one that mentions none.

A sentence is measured with the group's words masked, so that what is said counts and not whom it is said of. One that
opens with a pronoun takes its words also from the sentence before, which names what the pronoun stands for.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from pipeline.audit.portrayal import PERSONS, SINGULAR
from pipeline.people.mentions import Lexicons, Mention

SPEAKERS = ("user", "assistant")
"""Whose turns say something of people: a system prompt and what a tool returned are nobody's words."""
MOST = 64
"""Sentences of one conversation that are kept: what follows in a long one says little more about it."""
NUMBER = 3
"""Digits of a statement's number in its conversation."""
LONGEST = 1000
"""Characters of a sentence that are looked at."""
LEAST_WORDS = 3
"""A shorter sentence without a mention is no sentence to compare with."""

SENTENCE = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"”')\]]))\s+|\n+")
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
PRONOUN = re.compile(
    r"\W*(?:(?:and|but|so|then|because|yes|no|yeah)\W+)?(?:he|she|his|her|they|their)\b", re.IGNORECASE
)
PASSIVE = re.compile(
    r"\W*(?:(?:has|have|had|can|could|will|would|must|should|may|might)\W+)?"
    r"(?:was|were|is|are|am|been|being|be|got|gets)"
    r"\W+(?:\w+ly\W+)?\w+(?:ed|en)\b",
    re.IGNORECASE,
)
ACTIVE = re.compile(
    r"\W*(?:(?:who|also|always|often|never|usually|quickly|finally|then)\W+)?(?:\w+ed\b|\w{2,}[^s\W]s\b|has\b|have\b"
    r"|had\b|can\b|could\b|will\b|would\b|must\b|should\b|did\b|does\b|do\b|went\b|made\b|took\b|gave\b|led\b|won\b"
    r"|built\b|wrote\b|ran\b|told\b|said\b|saw\b|knew\b|bought\b|taught\b|drove\b|got\b|left\b|kept\b|began\b)",
    re.IGNORECASE,
)
ARTICLE = re.compile(r"\b(?:the|a|an|this|that|those|these|my|your|our|some)\W+$", re.IGNORECASE)
OBJECT = re.compile(r"(?:ed|ing|\bto|\bat|\bhit|\bmade|\bgave|\btold|\bhelp|\btaught|\bleft)\s+$", re.IGNORECASE)
AGENT = re.compile(r"\w(?:ed|en|de|lt|ght|wn|un|ne|on|led|it|ut)\W+(?:\w+ly\W+)?by\W+$", re.IGNORECASE)


class Statement(NamedTuple):
    """turn: its number in the conversation. text: of the sentence, group's words masked. words: distinct ones, of the
    sentence without mentions and of what its pronoun refers to. groups: sorted tags. acts, acted_on: those of the
    groups that do something, and that something is done to."""

    turn: int
    role: str
    text: str
    words: list[str]
    groups: list[str]
    acts: list[str]
    acted_on: list[str]


class Mentioning(NamedTuple):
    """A sentence and its mentions, and those of the one before it."""

    turn: int
    role: str
    sentence: str
    mentions: list[Mention]
    before: tuple[str, list[Mention]]


class Spoken(NamedTuple):
    """A sentence, and whose: turn is its number in the conversation."""

    turn: int
    role: str
    sentence: str


def spoken(turns: Sequence[tuple[str, str]]) -> list[Spoken]:
    """The sentences of (role, content) turns."""
    return [
        Spoken(turn, role, sentence) for turn, (role, content) in enumerate(turns) for sentence in sentences(content)
    ]


def statements(said: Sequence[Spoken], lexicons: Lexicons, language: str | None = None) -> Iterator[Statement]:
    """What is said of groups: a Statement of each of `mentioning`."""
    for about in mentioning(said, lexicons, language):
        sentence, found = about.sentence, about.mentions
        named = without(sentence, found)
        meant = f"{without(*about.before)} {named}" if PRONOUN.match(sentence) else named
        groups = sorted({mention.tag for mention in found})
        acts = {m.tag for m in found if _acts(sentence, m.start, m.end)}
        acted_on = {m.tag for m in found if _acted_on(sentence, m.start, m.end)}
        text = neutral(sentence, found, lexicons, language)
        yield Statement(about.turn, about.role, text, words(meant), groups, sorted(acts - acted_on), sorted(acted_on))


def mentioning(said: Sequence[Spoken], lexicons: Lexicons, language: str | None = None) -> Iterator[Mentioning]:
    """The sentences that mention a group, at most MOST."""
    left, before = MOST, ("", list[Mention]())
    for turn, role, sentence in said:
        found = lexicons.spans(sentence, language)
        if found:
            yield Mentioning(turn, role, sentence, found, before)
            left -= 1
            if not left:
                return
        before = sentence, found


def other(row_id: str, said: Sequence[Spoken], lexicons: Lexicons, language: str | None = None) -> Statement | None:
    """A sentence that mentions no group: the first on persons, or else the first, in an order that the row's id draws;
    None where every sentence mentions a group."""
    shuffled = list(said)
    Random(drawn(row_id)).shuffle(shuffled)
    first = None
    for turn, role, sentence in shuffled:
        named = words(sentence)
        persons = about_persons(named)
        if len(sentence.split()) < LEAST_WORDS or (first and not persons) or lexicons.spans(sentence, language):
            continue
        first = Statement(turn, role, sentence, named, [], [], [])
        if persons:
            break
    return first


def about_persons(words: Sequence[str]) -> bool:
    """Whether one of the words is for somebody."""
    return any(word in PERSONS or word in SINGULAR for word in words)


def neutral(sentence: str, mentions: Sequence[Mention], lexicons: Lexicons, language: str | None) -> str:
    """The sentence as it could be of anybody: masked, and without the neutral adjective, since a sentence on nobody's
    group has none there, and it has a tone of its own."""
    masked, lexicon = lexicons.masked(sentence, mentions, language), lexicons.of(language)
    adjective = lexicon.words.neutral.adjective if lexicon else ""
    if not adjective or adjective in sentence.lower():
        return masked
    return re.sub(rf"\b{re.escape(adjective)}\b\s?", "", masked, flags=re.IGNORECASE)


def without(text: str, mentions: Sequence[Mention]) -> str:
    """The text without its mentions, which are no words about the group."""
    pieces, done = [], 0
    for mention in mentions:
        pieces.append(text[done : mention.start])
        done = max(done, mention.end)
    return " ".join([*pieces, text[done:]])


def sentences(text: str) -> list[str]:
    return [piece[:LONGEST] for piece in SENTENCE.split(text) if piece and piece.strip()]


def words(text: str) -> list[str]:
    """Distinct lower-case words of three letters or more, sorted."""
    found = {word.removesuffix("'s") for word in WORD.findall(text.lower().replace("’", "'"))}
    return sorted(word for word in found if len(word) > 2)


def drawn(text: str) -> int:
    """A number of 64 bits that depends on a text alone."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _acts(sentence: str, start: int, end: int) -> bool:
    follows = sentence[end : end + 60]
    if AGENT.search(_before(sentence, start)):
        return True
    return bool(ACTIVE.match(follows)) and not PASSIVE.match(follows)


def _acted_on(sentence: str, start: int, end: int) -> bool:
    if PASSIVE.match(sentence[end : end + 60]):
        return True
    return bool(OBJECT.search(_before(sentence, start)))


def _before(sentence: str, start: int) -> str:
    """What precedes a mention and its article."""
    return ARTICLE.sub("", sentence[max(start - 40, 0) : start])
