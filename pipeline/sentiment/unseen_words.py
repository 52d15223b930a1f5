"""Words that an emotion model does not see, as they say who is spoken about: what it would learn of them are its
teachers' prejudices.

Those of the lists by which mentions are found (pipeline/people/words), what masking puts in their place, and a few
more. Single words only, since they are left out one by one. Those that mean other things as well (black, old, straight)
are left out in these meanings too: a model that cannot judge a colour loses less than one that judges a people.
"""

from configs.load import load_words
from configs.word_list import WordList, terms
from pipeline.people.lists import shipped

FURTHER = """
    adult, adults, aged, asylum, baby, bible, brown, church, churches, cis, cisgender, cripple, crippled, dwarf,
    dwarfs, elder, expat, expats, feminine, foreign, foreigner, foreigners, grandparent, grandparents, guys,
    handicap, he'd, he'll, intersex, masculine, mosque, mosques, mute, native, natives, orthodox, pagan, pagans,
    pole, poles, priest, priests, queers, quran, senior, she'd, she'll, synagogue, temple, transman, transmen,
    transwoman, transwomen, unemployed, youth
"""

INSULTS = "junkie, junkies, negro, negroes, retard, retarded, retards"
"""Of the lists, but seen: who says them says something."""


def unseen_words(*languages: str) -> frozenset[str]:
    """Those of the lists of these languages; without any, of all, as which a labelled set is in nobody says."""
    found = set(terms(FURTHER))
    for language in languages or shipped():
        words = load_words(shipped()[language])
        found |= {word for of in by_attribute(words).values() for word in of} | set(_neutral(words))
    return frozenset(found - set(terms(INSULTS)))


def by_attribute(words: WordList) -> dict[str, list[str]]:
    """The terms of a list that are one word, by attribute."""
    return {
        attribute: sorted(
            {
                term
                for kinds in groups.values()
                for text in kinds.values()
                for term in terms(text, words.endings)
                if term.replace("'", "").isalpha()
            }
        )
        for attribute, groups in words.groups.items()
    }


def _neutral(words: WordList) -> list[str]:
    own = words.neutral
    phrases = (own.person, own.people, own.adjective, *own.words)
    return [word for phrase in phrases for word in phrase.lower().split() if word != "or"]
