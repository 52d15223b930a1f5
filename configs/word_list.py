"""A language's words for groups of people, as a file or a profile gives them.

The lists that come with the project are pipeline/people/words/*.yaml; the head of en.yaml explains the keys. Terms are
text with commas between them, since that is how they are read and edited.
"""

from difflib import get_close_matches
from itertools import product
from typing import Any, Literal

from pydantic import Field, field_validator

from configs.section import Section

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "gender": ("female", "male", "transgender or non-binary"),
    "age": ("child", "young", "middle-aged", "old"),
    "religion": ("christian", "muslim", "jewish", "hindu", "buddhist", "sikh", "not religious"),
    "ethnicity": ("black", "white", "asian", "hispanic", "indigenous", "middle eastern", "romani", "mixed"),
    "nationality": (
        "african",
        "american",
        "british or irish",
        "canadian",
        "chinese",
        "eastern european",
        "indian or pakistani",
        "japanese or korean",
        "latin american",
        "middle eastern",
        "oceanian",
        "southeast asian",
        "western european",
        "immigrant or refugee",
    ),
    "disability": ("any", "mobility", "sight", "hearing", "mental health", "neurodivergent", "intellectual"),
    "illness": ("hiv", "cancer", "diabetes", "dementia", "epilepsy", "addiction"),
    "body": ("fat", "thin", "short", "tall"),
    "class": ("poor", "working class", "rich"),
    "sexual orientation": ("gay or lesbian", "bisexual", "asexual", "heterosexual", "lgbtq"),
}
"""Attribute to its groups: what a mention `attribute:group` may be, in whatever language."""

Kind = Literal[
    "pronoun", "person", "people", "capital", "matter", "had", "not_of_things", "said_of_persons", "the", "a"
]
"""How a term counts: always, where it has a capital, of who has it, but of things, of persons only, and as "the deaf"
or "a Dane"."""


def terms(text: str, endings: dict[str, list[str]] | None = None) -> list[str]:
    """The terms of a list, each sign of `endings` in a word replaced by every one of its endings in turn."""
    found = [" ".join(term.lower().split()) for term in text.split(",") if term.strip()]
    return [full for term in found for full in _inflected(term, endings or {})]


def _inflected(term: str, endings: dict[str, list[str]]) -> list[str]:
    marks = [sign for sign in term if sign in endings]
    parts = [endings[sign] for sign in dict.fromkeys(marks)]
    found = []
    for chosen in product(*parts):
        full = term
        for sign, ending in zip(dict.fromkeys(marks), chosen, strict=True):
            full = full.replace(sign, ending)
        found.append(full)
    return found


class Neutral(Section):
    """What stands for a masked word: the same for every group."""

    person: str = Field("someone", min_length=1, description="For a word for one person")
    people: str = Field("people", min_length=1, description="For a word for several")
    matter: str = Field("this", min_length=1, description="For what a group has or believes")
    adjective: str = Field("such", min_length=1, description="For an adjective")
    articles: dict[str, str] = Field({}, description="Article to the one that fits the neutral words")
    words: dict[str, str] = Field({}, description="Neutral word to the words that it stands for")


class Ages(Section):
    """Ages that count, in whole years, and how the language says them; # is a number."""

    groups: dict[str, tuple[int, int]] = Field({}, description="Group of the attribute age to its first and last year")
    phrases: str = Field("", description="What a number of years is said by, of somebody")
    people: str = Field("", description="What it is said by of several, as a noun")
    of_person: str = Field("", description="What it is said by just after a person")
    young: str = Field("", description="The same in months and weeks: a child, whatever the number")
    alone: bool = Field(False, description="Whether the number alone is an age after a verb of being")
    numbers: dict[str, int] = Field({}, description="Numbers in words")

    @field_validator("groups")
    @classmethod
    def _known(cls, groups: dict[str, Any]) -> dict[str, Any]:
        for group in groups:
            if group not in ATTRIBUTES["age"]:
                raise ValueError(f"there is no group {group!r} of age; there are: {', '.join(ATTRIBUTES['age'])}")
        return groups


class WordList(Section):
    """One language's words. Every key but `groups` may be left out: then those terms count that always do."""

    groups: dict[str, dict[str, dict[Kind, str]]] = Field(
        description="Attribute to group to how its terms count to the terms; terms without more ado always count"
    )
    neutral: Neutral = Field(Neutral(), description="What stands for masked words")
    ages: Ages = Field(Ages(), description="Ages in years")
    endings: dict[str, list[str]] = Field({}, description="A sign to the endings that it stands for")
    adjectives: Literal["before", "after", "both"] = Field("before", description="Where they stand beside a noun")
    noun_case: bool = Field(False, description="Whether nouns are written with a capital")
    verb_last: bool = Field(False, description="Whether a verb of being may follow what it says: weil er blind ist")
    persons: str = Field("", description="Words for persons that tell no group")
    subjects: str = Field("", description="Pronouns")
    names: str = Field("", description="Given names")
    being: str = Field("", description="Verbs of being")
    being_me: str = Field("", description="Verbs of being that tell by themselves that a person speaks of himself")
    made: str = Field("", description="Verbs of making somebody something")
    having: str = Field("", description="What stands before an illness that somebody has")
    adverbs: str = Field("", description="What may stand between a verb of being and an adjective")
    links: str = Field("", description="What joins two adjectives")
    between: str = Field("", description="What may stand between an adjective and its noun")
    followers: str = Field("", description="What may follow an adjective that is used as a noun")
    several: str = Field("", description="Those of them that stand before several: many Roma")
    verbs_of_several: str = Field("", description="Verbs that follow it only where it is several: the French love it")
    counts: str = Field("", description="What a number is of that is no age: the number of passengers is 2")
    after_subject: str = Field("", description="What may follow a subject, the verb of being coming later")
    articles: str = Field("", description="What stands before an adjective that is used as a noun")
    definite: str = Field("", description="Those of them after which it is a whole group")
    indefinite: str = Field("", description="Pronouns that an adjective may follow: somebody old")
    things: str = Field("", description="Nouns after which adjectives are of things")
    tongues: str = Field("", description="What @ stands for in `nobody`: adjectives that name languages too")
    nobody: str = Field("", description="Phrases that mention nobody though a term is in them")

    @field_validator("groups", mode="before")
    @classmethod
    def _known(cls, groups: Any) -> Any:
        """Terms that are given as text alone become those that always count."""
        if not isinstance(groups, dict):
            return groups
        found: dict[str, Any] = {}
        for attribute, of in groups.items():
            _refuse_unknown("attribute", attribute, list(ATTRIBUTES))
            if not isinstance(of, dict):
                raise ValueError(f"{attribute}: must be groups with their terms")
            found[attribute] = {}
            for group, kinds in of.items():
                _refuse_unknown(f"group of {attribute}", group, list(ATTRIBUTES[attribute]))
                found[attribute][group] = {"people": kinds} if isinstance(kinds, str) else kinds
        return found

    @field_validator("endings")
    @classmethod
    def _signs(cls, endings: dict[str, Any]) -> dict[str, Any]:
        for sign, of in endings.items():
            if len(sign) != 1 or sign.isalnum() or sign in ", '-#" or not of:
                raise ValueError(f"{sign!r} must be one sign, no letter, with the endings that it stands for")
        return endings


def _refuse_unknown(what: str, name: Any, known: list[str]) -> None:
    if name not in known:
        close = get_close_matches(str(name), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"
        raise ValueError(f"there is no {what} {name!r}; {hint}")
