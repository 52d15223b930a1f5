"""Which groups of people a text mentions, and where: word lists by language, matched on whole words.

The longest term consumes its words. A term counts as its list says: always ("woman"), where it is said of somebody
("old", "black", "Thai": of a noun for persons, of a subject that is one, or alone as in "the blind"), or unless a thing
follows. So a colour, a dish and a language are nobody. What is counted is mention, not the author's own identity.
Every list can be read and argued with, which a classifier's weights cannot. Known limits: docs/audit.md, Mentions.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import product
from string import punctuation
from typing import Literal, NamedTuple

from configs.load import load_words
from configs.word_list import ATTRIBUTES, Ages, WordList, terms
from pipeline.people.lists import shipped

__all__ = ["ATTRIBUTES", "Lexicons", "Mention", "masked", "mentions", "spans"]

ENGLISH = "en"
OLDEST = 120
REMEMBERED, REMEMBERED_CHARS = 1_000, 1_000
"""Texts that a lexicon knows by heart, and how long they may be: a conversation's sentences, and what many say."""
LONG = 200
"""Characters of a text that is searched sentence by sentence."""
TONGUE = "@"
JOINED = 4
"""Words of a term of which any may be joined by hyphens; of a longer one all or none."""
REACH = 12
"""Words after (or before) an adjective among which the noun is looked for."""

TOKEN = re.compile(r"[^\W\d_]+(?:\d\w*|(?:[-'](?!s\b)[^\W\d_]+)*)|\d+|[^\w\s'-]|\n")
"""A word, a number, a sign, the end of a line. The s of "mother's" and "she's" is a word of its own, HER2 is one."""


Role = Literal["", "person", "people", "matter", "adjective"]
NOUN = "noun"
"""A word for a person that is also an adjective, where nouns have a capital."""
OF_PERSONS = ("said_of_persons", "the", "a")
BRACKETS = str.maketrans("", "", "()")
OPENING = re.compile(r"(?:^|[.?!:\n])[\s\"'(“‘*]*$")
"""What stands before a sentence's first word."""
APART = str.maketrans(dict.fromkeys("’“”„…–—¿¡" + punctuation, " "))
"""Signs to spaces."""
SENTENCE = re.compile(r"[^.?!\n]+[.?!\n]*")
SENTENCE_GOES_ON = frozenset(["", "\n", *'.,;!?)"”…'])
"""What may follow an age that is a number alone; "8:30" and "90%" are none."""
SENTENCE_ENDS = frozenset('.!?:\n"“„')


class Mention(NamedTuple):
    """Characters start to end of a text name the group `attribute:group`."""

    start: int
    end: int
    tag: str


def spans(text: str, language: str | None = None) -> list[Mention]:
    """The mentions of a text, in order. language: ISO 639-1; None is English, and one without a list has none."""
    return _lexicons().spans(text, language)


def mentions(text: str, language: str | None = None) -> set[str]:
    """The `attribute:group` tags of the groups that a text mentions."""
    return _lexicons().mentions(text, language)


def masked(text: str, spans: Sequence[Mention], language: str | None = None) -> str:
    """The text with neutral words in the place of these mentions, the same for every group."""
    return _lexicons().masked(text, spans, language)


class Lexicons:
    """The lexicons of all languages: those that come with the project, and before them those of a profile."""

    def __init__(self, own: Mapping[str, WordList] | None = None) -> None:
        self.own = {language: Lexicon(words) for language, words in (own or {}).items()}

    def spans(self, text: str, language: str | None = None) -> list[Mention]:
        lexicon = self.of(language)
        return lexicon.spans(text) if lexicon else []

    def mentions(self, text: str, language: str | None = None) -> set[str]:
        lexicon = self.of(language)
        return lexicon.mentions(text) if lexicon else set()

    def masked(self, text: str, spans: Sequence[Mention], language: str | None = None) -> str:
        lexicon = self.of(language)
        return lexicon.masked(text, spans) if lexicon and spans else text

    def of(self, language: str | None) -> "Lexicon | None":
        """None where there is no list: English words in another language would be false hits."""
        code = language or ENGLISH
        return self.own.get(code) or _shipped(code)


@cache
def _lexicons() -> Lexicons:
    return Lexicons()


@cache
def _shipped(language: str) -> "Lexicon | None":
    path = shipped().get(language)
    return Lexicon(load_words(path)) if path else None


class Lexicon:
    """The words of one language, made ready for searching."""

    def __init__(self, words: WordList) -> None:
        self.words = words
        self.table = _table(words)
        self._remembered: dict[str, list[tuple[_Text, int, _Found]]] = {}
        self.neutral = {word: neutral for neutral, of in words.neutral.words.items() for word in terms(of)}
        nouns, adjectives = _own(words, "pronoun", "person", "people"), _own(words, "not_of_things", *OF_PERSONS)
        self.persons, self.person_endings = self._set(words.persons) | nouns, _endings(words.persons)
        self.counts = self._set(words.counts)
        self.nouns_too = _own(words, "a")
        self.subjects = self._set(words.subjects) | self.persons
        self.between = self._set(words.between) | adjectives
        self.persons_said = frozenset(word for term in self.subjects for word in term.translate(APART).split()[:1])
        self.links = self._set(words.links) | {",", "/", "&"}
        self.being, self.being_me, self.made = map(self._set, (words.being, words.being_me, words.made))
        self.having, self.things, self.names = map(self._set, (words.having, words.things, words.names))
        self.adverbs, self.articles, self.definite = map(self._set, (words.adverbs, words.articles, words.definite))
        self.indefinite, self.after_subject = map(self._set, (words.indefinite, words.after_subject))
        self.skipped_back = (self.between | self.links) - self.articles - {","}
        self.skipped = self.adverbs | self.between | self.links
        self.of_several, self.before_several = map(self._set, (words.verbs_of_several, words.several))
        self.followers = self._set(words.followers) | self.of_several | self.links | self.adverbs
        entries = ((first, e) for first, of_word in self.table.items() for es in of_word.values() for e in es)
        counting = [[first, *entry.rest] for first, entry in entries if entry.readings]
        self.ages = frozenset(term[0] for term in counting if len(term) == 1 and term[0].isdecimal())
        usual = self._set(words.persons) | self.articles | self.followers | words.ages.numbers.keys()
        self.telling = _telling((term for term in counting if len(term) > 1 or term[0] not in self.ages), usual)

    def _set(self, text: str) -> frozenset[str]:
        return frozenset(terms(text, self.words.endings))

    def mentions(self, text: str) -> set[str]:
        return {tag for _, _, found in self._searched(text) for tag in found.tags}

    def spans(self, text: str) -> list[Mention]:
        mentions = []
        for read, offset, found in self._searched(text):
            start, end = read.place(found.at, found.end)
            mentions += [Mention(offset + start, offset + end, tag) for tag in found.tags]
        return mentions

    def _searched(self, text: str) -> list[tuple["_Text", int, "_Found"]]:
        """The terms that count, each with the part of the text that it is in and that part's first character. A text
        of late is remembered: whoever asks for its mentions asks for its neutral words next."""
        known = self._remembered.get(text)
        if known is None:
            known = [(read, offset, found) for read, offset in self._telling_parts(text) for found in self._find(read)]
            if len(self._remembered) == REMEMBERED:
                self._remembered.clear()
            if len(text) <= REMEMBERED_CHARS:
                self._remembered[text] = known
        return known

    def _telling_parts(self, text: str) -> Iterator[tuple["_Text", int]]:
        """The text, or of a long one its sentences, with their first characters: those that may mention somebody."""
        if self._tells_nothing(text):
            return
        if len(text) <= LONG:
            yield _Text(text), 0
            return
        for match in SENTENCE.finditer(text):
            if not self._tells_nothing(match.group()):
                yield _Text(match.group()), match.start()

    def _tells_nothing(self, text: str) -> bool:
        words = text.lower().translate(APART).split()
        return self.telling.isdisjoint(words) and (self.ages.isdisjoint(words) or self.persons_said.isdisjoint(words))

    def masked(self, text: str, spans: Sequence[Mention]) -> str:
        wanted = {(span.start, span.end) for span in spans}
        pieces, done, last = [], 0, ""
        for read, offset, found in self._searched(text):
            start, end = (offset + place for place in read.place(found.at, found.end))
            if (start, end) not in wanted:
                continue
            neutral = self._neutral(read.tokens, found)
            between = self._article(text[done:start])
            if not (neutral == last == self.words.neutral.adjective and between.isspace()):
                pieces += [between, _capital(neutral) if OPENING.search(text[:start]) else neutral]
            done, last = end, neutral
        return "".join([*pieces, text[done:]])

    def _article(self, text: str) -> str:
        """The text with the article at its end as it must be before a neutral word: "an" is "a" before "person"."""
        words = text.split(" ")
        fitting = self.words.neutral.articles.get(words[-2].lower()) if len(words) > 1 and not words[-1] else None
        if fitting:
            words[-2] = _capital(fitting) if words[-2][0].isupper() else fitting
        return " ".join(words)

    def _neutral(self, tokens: list[str], found: "_Found") -> str:
        """The neutral word for a term that was found."""
        word = self.neutral.get(" ".join(tokens[found.at : found.end]), "")
        alone, of_noun = word.partition(" or ")[::2]
        if of_noun:
            word = alone if self._nothing_follows(tokens, found.end) else of_noun
        return word or getattr(self.words.neutral, found.role)

    def _find(self, read: "_Text") -> list["_Found"]:
        """The terms that count, in order; the longest one at a word consumes it, whether it counts or not."""
        tokens, table = read.tokens, self.table
        found, past = [], 0
        for at in [at for at, token in enumerate(tokens) if token in table]:
            if at < past:
                continue
            of_word = table[tokens[at]]
            longer = of_word.get(tokens[at + 1]) if at + 1 < len(tokens) else None
            alone = of_word.get("", [])
            for entry in longer + alone if longer else alone:
                end = at + 1 + len(entry.rest)
                if tokens[at + 1 : end] != entry.rest:
                    continue
                past = at + entry.length
                for kind, tags in entry.readings:
                    if role := self._role(kind, read, at, end):
                        found.append(_Found(at, past, tags, role))
                        break
                break
        return found

    def _role(self, kind: str, read: "_Text", at: int, end: int) -> Role:
        """What tokens[at:end], a term of this kind, is here; "" when it is said of nobody."""
        tokens = read.tokens
        follows = tokens[end] if end < len(tokens) else ""
        match kind:
            case "noun":
                return "person" if read.cased[at][0].isupper() else ""
            case "pronoun" | "person":
                return "person"
            case "people" | "matter":
                return kind
            case "capital":
                return "people" if read.cased[at][0].isupper() else ""
            case "had":
                if follows in self.things:
                    return ""
                had = not self.having.isdisjoint(tokens[max(at - 2, 0) : at]) or follows in self.persons
                return "matter" if had else ""
            case "aged":
                return "adjective" if not self.subjects.isdisjoint(tokens[max(at - 3, 0) : at]) else ""
            case "alone":
                if not self.counts.isdisjoint(tokens[max(at - REACH, 0) : at]):
                    return ""
                said = self._said_of_somebody(read, at) and (follows in SENTENCE_GOES_ON or follows in self.links)
                return "adjective" if said else ""
            case "not_of_things":
                if follows in self.things:
                    return ""
                return self._as_noun(kind, read, at, end) or "adjective"
        if self.words.noun_case and read.capital(at, end):
            named = end < len(tokens) and read.cased[end][0].isupper() and not self._is_person(tokens[end])
            return "person" if kind != "said_of_persons" and not named else ""
        if self._before_person(tokens, end) or self._after_person(tokens, at):
            return "adjective"
        if noun := self._as_noun(kind, read, at, end):
            return noun
        if self.words.verb_last and self._verb_follows(read, at, end):
            return "adjective"
        return "adjective" if self._nothing_follows(tokens, end) and self._said_of_somebody(read, at) else ""

    def _before_person(self, tokens: list[str], end: int) -> bool:
        """Whether a word for persons follows, perhaps after other adjectives: "black and white people"."""
        linked = False
        for at, token in enumerate(tokens[end : end + REACH], end):
            if self._is_person(token) and not linked:
                return True
            if token in self.nouns_too and not linked and self._nothing_follows(tokens, at + 1):
                return True
            if token not in self.between and token not in self.links:
                return False
            linked = token in self.links
        return False

    def _after_person(self, tokens: list[str], at: int) -> bool:
        """Whether a word for persons precedes, where adjectives may stand after it: "una mujer joven y ciega"."""
        if self.words.adjectives == "before":
            return False
        for token in reversed(tokens[max(at - REACH, 0) : at]):
            if self._is_person(token):
                return True
            if token not in self.between and token not in self.links and token not in self.adverbs:
                return False
        return False

    def _as_noun(self, kind: str, read: "_Text", at: int, end: int) -> Role:
        """ "people" of "the blind", "person" of "a German": after an article, where no noun follows."""
        tokens = read.tokens
        if kind == "said_of_persons" or not (self._nothing_follows(tokens, end) or self._after_noun(kind)):
            return ""
        before = at - 1
        while before >= 0 and (tokens[before] in self.skipped_back or tokens[before].isdecimal()):
            before -= 1
        article = tokens[before] if before >= 0 else ""
        if end < len(tokens) and tokens[end] in self.of_several and article not in self.before_several:
            return "people" if kind != "a" and article in self.definite else ""
        if article in self.definite or (kind != "the" and article in self.before_several):
            return "people"
        return "person" if kind != "the" and article in self.articles else ""

    def _is_person(self, token: str) -> bool:
        return token in self.persons or (token.endswith(self.person_endings) and token not in self.things)

    def _after_noun(self, kind: str) -> bool:
        """Whether adjectives of this kind follow their noun, so that no noun follows them: "los rusos perdieron"."""
        return kind == "a" and self.words.adjectives != "before"

    def _nothing_follows(self, tokens: list[str], end: int) -> bool:
        return end >= len(tokens) or not tokens[end][0].isalnum() or tokens[end] in self.followers

    def _verb_follows(self, read: "_Text", at: int, end: int) -> bool:
        """Whether a verb after the adjective says it of a person before it: "weil meine Mutter blind ist"."""
        tokens = read.tokens
        return end < len(tokens) and tokens[end] in self.being | self.being_me and self._person_before(read, at)

    def _said_of_somebody(self, read: "_Text", at: int) -> bool:
        """Whether tokens[at:] is what a verb says of a person: "my aunt was also very old", "it left him blind"."""
        tokens, verb = read.tokens, at - 1
        while verb >= 0 and (
            tokens[verb] in self.adverbs or tokens[verb] in self.between or tokens[verb] in self.links
        ):
            verb -= 1
        if verb < 0:
            return False
        token = tokens[verb]
        if token in self.being_me or (token in self.indefinite and verb == at - 1):
            return True
        if token in self.being:
            return self._person_before(read, verb)
        if token in self.subjects:
            before = verb - 1
            while before >= 0 and (tokens[before] in self.articles or tokens[before] in self.between):
                before -= 1
            return before >= 0 and (tokens[before] in self.being or tokens[before] in self.made)
        return False

    def _person_before(self, read: "_Text", verb: int) -> bool:
        """Whether the verb's subject is a person: a pronoun, a noun, a name, or the head of "the man in the hat"."""
        tokens, subject = read.tokens, verb - 1
        while subject >= 0 and (tokens[subject] in self.adverbs or tokens[subject] in self.being):
            subject -= 1
        if subject < 0 or tokens[subject].isdecimal():  # "from 8 am"
            return False
        if tokens[subject] in self.subjects or self._is_person(tokens[subject]):
            return True
        if tokens[subject] in self.names and read.cased[subject][0].isupper():
            return True
        start = subject
        while start and tokens[start - 1][0].isalnum() and tokens[start - 1] not in self.links:
            start -= 1
        for head in range(start, min(start + 3, subject)):
            if tokens[head] in self.subjects or self._is_person(tokens[head]):
                return tokens[head + 1] in self.after_subject
        return False


class _Text:
    """A text's words in lower case; where they stand, and as they were written, when that is asked."""

    def __init__(self, text: str) -> None:
        lower = text.lower()
        if len(lower) != len(text):  # İ becomes two characters
            lower = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
        self.text, self.lower = text, lower.replace("’", "'")
        self.tokens: list[str] = TOKEN.findall(self.lower)

    @cached_property
    def places(self) -> list[tuple[int, int]]:
        return [match.span() for match in TOKEN.finditer(self.lower)]

    @cached_property
    def cased(self) -> list[str]:
        return [self.text[start:end] for start, end in self.places]

    def place(self, at: int, end: int) -> tuple[int, int]:
        """Characters that tokens[at:end] stand on."""
        return self.places[at][0], self.places[end - 1][1]

    def capital(self, at: int, end: int) -> bool:
        """Whether the last of these words has a capital that no sentence's beginning gave it."""
        return self.cased[end - 1][0].isupper() and at > 0 and self.tokens[at - 1] not in SENTENCE_ENDS


class _Entry(NamedTuple):
    """A term after its first word: how many words it takes, and (kind, tags) of what it may mean. A phrase that
    mentions nobody means nothing."""

    rest: list[str]
    length: int
    readings: list[tuple[str, tuple[str, ...]]]


class _Found(NamedTuple):
    """tokens[at:end] are a term that counts, and what sort of word a neutral one must be."""

    at: int
    end: int
    tags: tuple[str, ...]
    role: Role


def _table(words: WordList) -> dict[str, dict[str, list[_Entry]]]:
    """First word to second word ("" where there is none) to the terms that begin so, the longest first."""
    readings: dict[tuple[str, ...], dict[str, list[str]]] = {}
    lengths: dict[tuple[str, ...], int] = {}
    for phrase in terms(words.nobody):
        for tongue in terms(words.tongues) if TONGUE in phrase else [""]:
            for term, length in _written(phrase.replace(TONGUE, tongue)):
                readings[term], lengths[term] = {}, length
    nobody = set(readings)
    for written, kind, tag in (*_listed(words), *_ages(words.ages)):
        for term, length in _written(written):
            if term not in nobody:
                of = readings.setdefault(term, {}).setdefault(kind, []) if tag else readings.setdefault(term, {})
                lengths[term] = length
                if tag and tag not in of:
                    of.append(tag)  # type: ignore[union-attr]
    table: dict[str, dict[str, list[_Entry]]] = {}
    for term in sorted(readings, key=len, reverse=True):
        first, *rest = term
        means = [(kind, tuple(tags)) for kind, tags in readings[term].items()]
        if words.noun_case and any(kind in OF_PERSONS for kind, _ in means):
            means = sorted(((NOUN if k == "person" else k, t) for k, t in means), key=lambda kt: kt[0] == NOUN)
        of_word = table.setdefault(first, {})
        of_word.setdefault(rest[0] if rest else "", []).append(_Entry(rest, lengths[term], means))
    return table


def _written(term: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """The words of a term, also with hyphens between them, and how many it takes: what is in brackets only follows."""
    first, *rest = term.split(" ")
    joints = product(" -", repeat=len(rest)) if len(rest) < JOINED else (" " * len(rest), "-" * len(rest))
    for joint in joints:
        written = first + "".join(map("".join, zip(joint, rest, strict=True)))
        taken = TOKEN.findall(written.partition("(")[0])
        tokens = tuple(TOKEN.findall(written.translate(BRACKETS)))
        yield tokens, min(len(taken), len(tokens))


def _listed(words: WordList) -> Iterator[tuple[str, str, str]]:
    """(term, kind, tag) of every group's lists."""
    for attribute, groups in words.groups.items():
        for group, kinds in groups.items():
            for kind, text in kinds.items():
                yield from ((term, kind, f"{attribute}:{group}") for term in terms(text, words.endings))


def _telling(terms: Iterable[list[str]], usual: Container[str]) -> frozenset[str]:
    """A word of every term, if it can be no usual one: without any of these a text need not be searched."""
    found = set()
    for term in terms:
        words = " ".join(term).translate(APART).split()
        telling = [word for word in words if len(word) > 1 and not word.isdecimal()]
        found.add(([word for word in telling if word not in usual] or telling or words)[-1])
    return frozenset(found)


def _ages(ages: Ages) -> Iterator[tuple[str, str, str | None]]:
    """(term, kind, tag) of every number; an age between two groups is taken and counts for none."""
    names = {number: [str(number)] for number in range(OLDEST + 1)}
    for name, number in ages.numbers.items():
        names.setdefault(number, []).append(name)
    of_years = ((ages.phrases, "a"), (ages.people, "people"), (ages.of_person, "aged"))
    for number, written in names.items():
        tag = next((f"age:{g}" for g, (first, last) in ages.groups.items() if first <= number <= last), None)
        if ages.alone:
            yield str(number), "alone", tag
        for text, kind, of in [*((text, kind, tag) for text, kind in of_years), (ages.young, "a", "age:child")]:
            for term in terms(text):
                yield from ((term.replace("#", name), kind, of) for name in written)


def _own(words: WordList, *kinds: str) -> frozenset[str]:
    """The terms of these kinds as single words."""
    lists = [text for groups in words.groups.values() for of in groups.values() for k, text in of.items() if k in kinds]
    return frozenset(term.replace(" ", "-") for text in lists for term in terms(text, words.endings))


def _endings(text: str) -> tuple[str, ...]:
    """Of "*man" the ending."""
    return tuple(term[1:] for term in terms(text) if term.startswith("*"))


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]
