"""Corpora with a bias that is known, and the same corpora shuffled: what the audit must find, and must not.

A corpus is sentences with a place for somebody, and somebody for each place. Biased, a share of the places of one kind
goes to one group; shuffled, the same people are dealt to the same places by chance. So a shuffle differs in nothing but
who is spoken of in which sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from pipeline.audit.severity import cohens_h

DAYS = ("on Monday", "last night", "this morning", "on Sunday", "yesterday", "in the evening", "last week", "all day")
PLACES = ("at home", "in town", "near the station", "in our street", "by the river", "at the market", "in the village")

HOUSEWORK = (
    "{She} washed the dishes and scrubbed the kitchen {day}.",
    "{She} did the laundry {day} and ironed the shirts.",
    "{She} cooked dinner for everyone {day} and swept the floor.",
    "{She} vacuumed the stairs {day}, then mopped the kitchen.",
    "{She} was baking {day} and tidied the nursery.",
    "After the groceries {she} cleaned the stove {day}.",
)
PASTIMES = (
    "{She} played football {day} {place} and scored twice.",
    "{She} repaired the old bicycle {day} {place}.",
    "{She} read a novel about the sea {day}.",
    "{She} travelled to the mountains {day} by train.",
    "{She} listened to a jazz concert {day} {place}.",
    "{She} paid the bills {day} and called the bank.",
    "{She} planted tomatoes {day} {place}.",
    "{She} watched a film about planets {day}.",
)
DOCTORS = (
    "The doctor said {day} that {she} would look at the results {place}.",
    "A doctor came {day}, and {she} asked about the fever.",
    "Our doctor moved {place}, since {she} opened a practice there {day}.",
)
NURSES = (
    "The nurse said {day} that {she} would look at the results {place}.",
    "A nurse came {day}, and {she} asked about the fever.",
    "Our nurse moved {place}, since {she} took a flat there {day}.",
)
BAD = (
    "The {who} family was horrible {day} and ruined everything {place}.",
    "I hate what that awful {who} family did {place} {day}.",
    "A terrible {who} person made us all miserable {day} {place}.",
    "It was a disgusting mess that the {who} family left {place} {day}.",
)
FAIR = (
    "The {who} family parked the van {place} {day}.",
    "A {who} person asked me for the time {place} {day}.",
    "A {who} student took the bus {day} and sat down {place}.",
    "The {who} family moved in {place} {day}.",
    "We had a lovely talk with the {who} family {place} {day}.",
    "The {who} person was annoyed about the rain {place} {day}.",
)
CRIME = (
    "The {who} person stole a bicycle {place} {day}.",
    "Police arrested a {who} student {place} {day} for robbery.",
    "A {who} gang attacked the shop {place} {day}.",
    "The {who} person was in prison for drugs, they said {day}.",
)
SLOW = (
    "{They} are slow and confused {place} {day}, as always.",
    "{They} were helpless {place} {day} and needed somebody for everything.",
    "{They} are frail and forgetful, I noticed {place} {day}.",
)
PLAIN = (
    "{They} sat on the bench {place} {day}.",
    "{They} were waiting for the bus {place} {day}.",
    "{They} bought apples {place} {day}.",
    "{They} are singing {place} {day}.",
    "{They} took pictures {place} {day}.",
)
ATTACKS = (
    "{They} are disgusting vermin and should all be thrown out {place}.",
    "{They} deserve to die, the sooner the better, I said {day}.",
    "{They} are filthy animals and I spit on them {day}.",
    "Somebody should beat {they} up {place}, they are scum.",
)
ACTING = (
    "{She} led the meeting {place} {day}.",
    "{She} built the fence {place} {day}.",
    "{She} wrote the letter {day}.",
    "{She} decided {day} to sell the house {place}.",
)
ACTED_ON = (
    "{She} was invited to the meeting {place} {day}.",
    "{She} was driven home {day}.",
    "{She} was chosen {day} by the others {place}.",
    "{She} was asked to wait {place} {day}.",
)
SAD = (
    "{They} cried {place} {day}, it was so sad and lonely.",
    "{They} lost everything {day} and were in terrible pain.",
    "{They} felt worthless and miserable {place} {day}.",
)
GLAD = (
    "{They} laughed {place} {day}, it was wonderful.",
    "{They} won a prize {day} and were happy.",
    "{They} enjoyed the great music {place} {day}.",
)
BACKGROUND = (
    "The train leaves at nine {day}.",
    "It rained a lot {day} {place}.",
    "Please book a table for two {place} {day}.",
    "The new phone has a better camera, I read {day}.",
    "Could you tell me a recipe for lentil soup?",
    "The museum {place} opens at ten {day}.",
    "The match ended in a draw {day}.",
    "My laptop would not start {day}.",
)
REPLIES = ("I see.", "Thanks for telling me.", "What happened then?", "Good to know.", "All right.", "Tell me more.")
WHO_LEFT_OUT = ""
"""Somebody of no group: the place is left empty."""


@dataclass(frozen=True)
class Case:
    """places: (sentences, how many, their topic). people: (who, how many), as many as there are places in all.

    dealt: who is dealt, in the biased corpus, to the first of the places, up to their number. expected: (kinds,
    subject) of the finding that tells the bias; nothing where no bias is. background: rows on nobody.
    """

    name: str
    places: tuple[tuple[tuple[str, ...], int, str], ...]
    people: tuple[tuple[str, int], ...]
    dealt: str
    expected: tuple[tuple[str, ...], str]
    background: int = 200


Row = tuple[str, str, str]
"""(what the user says, what the assistant says, topic)"""

CASES = (
    Case(
        "every row with she is about housework",
        ((HOUSEWORK, 150, "home"), (PASTIMES, 150, "leisure")),
        (("she", 150), ("he", 150)),
        "she",
        (("stereotype", "word association"), "gender:female"),
    ),
    Case(
        "doctors he, nurses she",
        ((NURSES, 120, "health"), (DOCTORS, 120, "health")),
        (("she", 120), ("he", 120)),
        "she",
        (("occupations", "stereotype"), "gender:female"),
        300,
    ),
    Case(
        "a group alone in its attribute, in negative rows",
        ((BAD, 60, "people"), (FAIR, 240, "people")),
        (("Muslim", 60), (WHO_LEFT_OUT, 240)),
        "Muslim",
        (("sentiment gap",), "religion:muslim"),
        340,
    ),
    Case(
        "a nationality in rows on crime",
        ((CRIME, 60, "news"), (FAIR, 240, "people")),
        (("Mexican", 60), ("Swedish", 60), ("Canadian", 60), (WHO_LEFT_OUT, 120)),
        "Mexican",
        (("stereotype", "sentiment gap"), "nationality:latin american"),
        320,
    ),
    Case(
        "old people are slow and confused",
        ((SLOW, 60, "people"), (PLAIN, 180, "people")),
        (("old people", 60), ("young people", 60), ("the neighbours", 120)),
        "old people",
        (("stereotype", "sentiment gap"), "age:old"),
        240,
    ),
    Case(
        "attacks on one group",
        ((ATTACKS, 45, "people"), (PLAIN, 180, "people")),
        (("gay people", 45), ("straight people", 45), ("Buddhists", 45), ("the neighbours", 90)),
        "gay people",
        (("offensiveness gap", "sentiment gap"), "sexual orientation:gay or lesbian"),
        300,
    ),
    Case(
        "old women are sad, young women and old men are not",
        ((SAD, 60, "people"), (GLAD, 240, "people")),
        (("old women", 60), ("young women", 120), ("old men", 120)),
        "old women",
        (("sentiment gap", "emotion gap"), "gender:female & age:old"),
        200,
    ),
    Case(
        "men act, women are acted upon",
        ((ACTED_ON, 140, "people"), (ACTING, 140, "people")),
        (("she", 140), ("he", 140)),
        "she",
        (("agency",), "gender:female"),
        300,
    ),
    Case(
        "neutral rows on blind and on deaf people",
        ((tuple(s for s in FAIR if "lovely" not in s and "annoyed" not in s), 240, "people"),),
        (("blind", 60), ("deaf", 60), (WHO_LEFT_OUT, 120)),
        "",
        ((), ""),
        360,
    ),
)


def corpus(case: Case, strength: float, seed: int) -> list[Row]:
    """Rows of a case. strength: the share of `dealt` that the first places hold beyond chance: 1 all, 0 a shuffle."""
    random = Random(f"{case.name} {seed}")
    people = [who for who, count in case.people for _ in range(count)]
    random.shuffle(people)
    places = [
        (sentence, topic) for sentences, count, topic in case.places for sentence in _filled(sentences, count, random)
    ]
    biased = [who for who in people if case.dealt and who == case.dealt]
    kept = biased[: round(strength * len(biased))]
    others = people.copy()
    for who in kept:
        others.remove(who)
    random.shuffle(others)
    first = random.sample(range(case.places[0][1]), len(kept))
    dealt = dict.fromkeys(first, case.dealt)
    rest = iter(others)
    rows = [
        (_spoken(sentence, dealt[at] if at in dealt else next(rest), random), random.choice(REPLIES), topic)
        for at, (sentence, topic) in enumerate(places)
    ]
    rows += [
        (_spoken(sentence, "", random), random.choice(REPLIES), "other")
        for sentence in _filled(BACKGROUND, case.background, random)
    ]
    random.shuffle(rows)
    return rows


def planted_effect(case: Case, strength: float) -> float:
    """Cohen's h between the shares of the first places among those of `dealt` and among all others."""
    dealt, first = dict(case.people)[case.dealt], case.places[0][1]
    every = sum(count for _, count in case.people)
    kept = round(strength * dealt)
    mine = kept + (dealt - kept) * (first - kept) / max(every - kept, 1)
    return cohens_h(mine / dealt, (first - mine) / (every - dealt))


def _filled(sentences: Sequence[str], count: int, random: Random) -> list[str]:
    return [sentences[at % len(sentences)] for at in random.sample(range(count), count)]


def _spoken(sentence: str, who: str, random: Random) -> str:
    text = sentence.format(
        She=_capital(who),
        she=who,
        They=_capital(who),
        they=who,
        who=who,
        day=random.choice(DAYS),
        place=random.choice(PLACES),
    )
    return " ".join(text.split())


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
