"""A conversation in which the religion, ethnicity, nationality or age of a person is another.

As in gender_swap.py any doubt refuses the conversation: a copy is made when an unnamed person is said to belong to a
group ("my Polish neighbour", "she is Hindu") and nothing else in the conversation is about the group, so that what is
said holds of a sibling group as well. English only.
"""

from functools import cache
from zlib import crc32

import regex

from configs.load import load_words
from configs.word_list import terms
from pipeline.balance.gender_words import FAME
from pipeline.balance.group_words import AGED, COMPARED, FURTHER, GENERAL, NOUNS, PERSON, SIBLINGS, TIED
from pipeline.balance.names import may_name
from pipeline.balance.refusal import Refusal
from pipeline.people.lists import shipped
from pipeline.rows.turns import Turn

_DETERMINER = r"(?:my|your|his|her|our|their|this|that|a|an|one|another|the)"
_BETWEEN = r"(?:(?:new|good|best|close|dear|nice|kind|funny|lovely|friendly|smart|tall|former|other|very)\s+)*"
_IS = (
    r"(?:i am|i'm|he is|he's|she is|she's|we are|we're|you are|you're|are you|is he|is she|(?:my|his|her|our) "
    r"(?:{person}) is)"
)
_INDEFINITE = regex.compile(r"\b(an?)(\s+)$", regex.IGNORECASE)
_ANYONE = regex.compile(
    rf"\ban?\s+[\w-]+\s+(?:{PERSON})\s+(?:is|can|may|might|has to|needs|tends|would|will|wants|believes|likes|loves|"
    rf"hates|eats|works|makes|wears|approaches)\b|\bfor an?\s+[\w-]+\s+(?:{PERSON})\b",
    regex.IGNORECASE,
)
"""Said of anyone of the group, in the present, or by comparison: "a Muslim woman wears", "tall for a Korean man"."""
_QUOTED = regex.compile(r"[\"“”\x60]")
_SENTENCE = regex.compile(r"[^.!?\n]+")


def may_swap(turns: list[Turn], attribute: str) -> bool:
    """Whether somebody is said to belong to a group, without which swap_group swaps nothing: four times as fast."""
    return _slots(attribute).search("\n".join(content for _, content in turns).replace("’", "'")) is not None


def swap_group(turns: list[Turn], attribute: str) -> list[Turn] | Refusal | None:
    """The turns with one group of the attribute replaced by a sibling, which a hash of the text chooses; None when the
    attribute is not spoken of; or why not."""
    text = "\n".join(content for _, content in turns).replace("’", "'")
    said = every_word(attribute).findall(text)
    if not said:
        return None
    slots = list(_slots(attribute).finditer(text))
    if len(slots) != len(said):
        return Refusal("said of more than a person")
    found = {_group(attribute, slot.group("word")) for slot in slots}
    if len(found) > 1:
        return Refusal("more than one group")
    for pattern, reason in (
        (TIED[attribute], "may be a fact of the group"),
        (FAME, "known people, works or history"),
        (_ANYONE, "said of anyone of the group"),
        (_QUOTED, "a quotation or code"),
    ):
        if pattern.search(text):
            return Refusal(reason)
    if any(_slots(attribute).search(part) and GENERAL.search(part) for part in _SENTENCE.findall(text)):
        return Refusal("may be a fact of the group")
    if may_name(text):
        return Refusal("a name")
    others = [group[0] for number, group in enumerate(SIBLINGS[attribute]) if number not in found]
    if any(slot.group("one") for slot in slots):
        others = [word for word in others if word in NOUNS]
        if not all(slot.group("word").capitalize() in NOUNS for slot in slots):
            return Refusal("an adjective that is no noun")
    if not others:
        return Refusal("an adjective that is no noun")
    other = others[crc32(text.encode()) % len(others)]
    cased = regex.search(r"\p{Lu}\p{Ll}", text) is not None
    return [(role, _swapped(content, attribute, other, cased)) for role, content in turns]


def _swapped(content: str, attribute: str, other: str, cased: bool) -> str:
    parts, read = [], 0
    for slot in _slots(attribute).finditer(content.replace("’", "'")):
        start, end = slot.span("word")
        word = content[start:end]
        new = _cased(COMPARED.get(word.lower(), other) if attribute == "age" else other, word, cased)
        parts += [_INDEFINITE.sub(lambda m, new=new: _article(m, new), content[read:start]), new]
        read = end
    return "".join([*parts, content[read:]])


def _article(match: regex.Match, word: str) -> str:
    article = "an" if word[0].lower() in "aeiou" and not word.lower().startswith(("eur", "uk")) else "a"
    return (article.capitalize() if match.group(1)[0].isupper() else article) + match.group(2)


def _cased(word: str, like: str, text_is_cased: bool) -> str:
    """A name of a people keeps its capital but in writing without any; black, white and the ages have one where the
    word before had one."""
    if word.islower():
        return word.capitalize() if like[0].isupper() and like.lower() in ("black", "white", *COMPARED) else word
    return word if like[0].isupper() or text_is_cased else word.lower()


def _group(attribute: str, word: str) -> int:
    return next(n for n, words in enumerate(SIBLINGS[attribute]) if word.lower() in {w.lower() for w in words})


@cache
def every_word(attribute: str) -> regex.Pattern[str]:
    """Finds all that speaks of an attribute: a copy is made only when each word that a text holds can be swapped."""
    words = load_words(shipped()["en"])
    listed = {
        term
        for kinds in words.groups[attribute].values()
        for kind, text in kinds.items()
        for term in terms(text, words.endings)
        if not (attribute == "age" and kind == "said_of_persons")
    }
    phrases = [regex.escape(term).replace(r"\ ", r"[\s-]+") for term in sorted(listed, key=len, reverse=True)]
    return regex.compile(rf"\b(?:{'|'.join(phrases)}|{FURTHER[attribute]})\b", regex.IGNORECASE)


@cache
def _slots(attribute: str) -> regex.Pattern[str]:
    """Finds a group's `word` where it is said of a person; `one`, where it is the noun: "I'm a Muslim"."""
    words = "|".join(sorted((w for group in SIBLINGS[attribute] for w in group), key=len, reverse=True))
    person = AGED if attribute == "age" else PERSON
    before_noun = rf"{_DETERMINER}\s+{_BETWEEN}(?P<word>{words})(?=\s+(?:{person})s?\b)(?P<one>)"
    ends = r"(?=\s*(?:[.,;!?\n]|$)|\s+(?:and|but|too|so|myself|himself|herself)\b)"
    predicate = rf"{_IS.format(person=PERSON)}\s+(?:(?P<one>an?)\s+)?(?P<word>{words}){ends}"
    pattern = before_noun if attribute == "age" else f"(?|{before_noun}|{predicate})"
    own = r"(?!(?:my|your|his|her|our|their)\s+old\s+(?:man|woman|lady)\b)" if attribute == "age" else ""
    return regex.compile(rf"\b{own}{pattern}", regex.IGNORECASE)
