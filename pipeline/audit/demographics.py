"""Which groups of people a text mentions: word lists, matched on whole words.

English only. A list trades recall for precision: a colour is not a person ("white paper" mentions
nobody, "white people" does), nor is a cuisine or a language ("Thai food", "in German"). What is
counted is mention, not the author's own identity. Every list can be read and argued with, which a
classifier's weights cannot.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PEOPLE = _words(
    "people person man men woman women guy guys girl girls boy boys kid kids child children folk folks lady ladies "
    "gentleman community family families student students veteran veterans adult adults"
)
"""What `*` stands for in a term."""

LEXICON: dict[str, dict[str, str]] = {
    "gender": {
        "female": "she, her, hers, herself, woman, women, girl, girls, mother, mothers, mom, moms, mum, mums, mommy, "
        "mama, grandmother, grandma, granny, daughter, daughters, sister, sisters, aunt, aunts, niece, nieces, wife, "
        "wives, girlfriend, girlfriends, lady, ladies, female, females, actress, bride, mrs",
        "male": "he, him, his, himself, man, men, boy, boys, father, fathers, dad, dads, daddy, grandfather, grandpa, "
        "son, sons, brother, brothers, uncle, uncles, nephew, nephews, husband, husbands, boyfriend, boyfriends, "
        "gentleman, gentlemen, male, males, groom, mr, guy",
        "transgender or non-binary": "transgender, transgendered, transsexual, trans *, non-binary, nonbinary, "
        "non binary, genderqueer, genderfluid, gender fluid, agender",
    },
    "age": {
        "child": "child, children, kid, kids, toddler, toddlers, infant, infants",
        "young": "teen, teens, teenager, teenagers, teenage, adolescent, adolescents, youngster, youngsters, young *, "
        "younger *, youths, millennial, millennials",
        "middle-aged": "middle-aged, middle aged",
        "old": "elderly, old *, older *, senior citizen, senior citizens, pensioner, pensioners, retiree, retirees",
    },
    "religion": {
        "christian": "christian, christians, christianity, catholic, catholics, catholicism, protestant, protestants, "
        "baptist, baptists, methodist, methodists, evangelical, evangelicals, mormon, mormons, lutheran, lutherans, "
        "presbyterian, presbyterians",
        "muslim": "muslim, muslims, moslem, moslems, islam, islamic, sunni, shia, shiite",
        "jewish": "jewish, jew, jews, judaism, hasidic",
        "hindu": "hindu, hindus, hinduism",
        "buddhist": "buddhist, buddhists, buddhism",
        "sikh": "sikh, sikhs, sikhism",
        "not religious": "atheist, atheists, atheism, agnostic, agnostics",
    },
    "ethnicity": {
        "black": "black *, black american, black americans, african american, african americans, african-american, "
        "african-americans, afro-american",
        "white": "white *, white american, white americans, caucasian, caucasians",
        "asian": "asian, asians, asian-american, asian-americans",
        "hispanic": "hispanic, hispanics, latino, latinos, latina, latinas, latinx, chicano, chicanos",
        "indigenous": "indigenous *, native american, native americans, american indian, american indians, aboriginal, "
        "aboriginals, first nations, inuit",
        "middle eastern": "arab, arabs, middle eastern, middle-eastern, kurd, kurds",
        "romani": "romani, roma people",
        "mixed": "mixed race, mixed-race, biracial, multiracial",
    },
    "nationality": {
        "african": "african, africans, nigerian, nigerians, kenyan, kenyans, ethiopian, ethiopians, ghanaian, "
        "ghanaians, somali, somalis, south african, south africans, egyptian, egyptians, moroccan, moroccans",
        "american": "american, americans",
        "british or irish": "british, briton, britons, english *, scottish, welsh, irish, irishman, englishman",
        "canadian": "canadian, canadians",
        "chinese": "chinese, taiwanese",
        "eastern european": "polish *, russian, russians, ukrainian, ukrainians, romanian, romanians, "
        "hungarian, hungarians, czech, czechs, bulgarian, bulgarians, serbian, serbians",
        "indian or pakistani": "indian, indians, pakistani, pakistanis, bangladeshi, bangladeshis, sri lankan",
        "japanese or korean": "japanese, korean, koreans",
        "latin american": "mexican, mexicans, brazilian, brazilians, argentinian, argentinians, colombian, colombians, "
        "cuban, cubans, venezuelan, venezuelans, puerto rican, puerto ricans, chilean, chileans, peruvian, peruvians",
        "middle eastern": "israeli, israelis, palestinian, palestinians, iranian, iranians, iraqi, iraqis, syrian, "
        "syrians, afghan, afghans, turkish, turks, saudis, lebanese",
        "oceanian": "australian, australians, aussie, aussies, new zealander, new zealanders, kiwi *",
        "southeast asian": "vietnamese, thai, filipino, filipinos, filipina, indonesian, indonesians, malaysian, "
        "malaysians, singaporean, singaporeans",
        "western european": "european, europeans, german, germans, french *, frenchman, italian, italians, spanish *, "
        "spaniard, spaniards, portuguese, dutch, belgian, belgians, swiss *, austrian, austrians, swedish, swede, "
        "swedes, norwegian, norwegians, danish *, danes, finnish, finns, greek, greeks",
    },
    "disability": {
        "any": "disabled *, disability, disabilities, handicapped, special needs, i'm disabled, i am disabled, "
        "he is disabled, she is disabled, he's disabled, she's disabled",
        "mobility": "wheelchair, wheelchairs, paraplegic, quadriplegic, amputee, amputees, cerebral palsy, "
        "muscular dystrophy",
        "sight": "blind *, legally blind, visually impaired, visual impairment, braille",
        "hearing": "deaf, hearing impaired, hearing-impaired, hard of hearing, sign language",
        "mental health": "schizophrenia, schizophrenic, bipolar disorder, is bipolar, i'm bipolar, ptsd, "
        "mental illness, mentally ill",
        "neurodivergent": "autism, autistic, adhd, asperger, aspergers, dyslexia, dyslexic, tourette, tourettes",
        "intellectual": "down syndrome, intellectual disability, learning disability, learning disabilities",
    },
    "sexual orientation": {
        "gay or lesbian": "gay, gays, lesbian, lesbians, homosexual, homosexuals, homosexuality, same-sex, same sex",
        "bisexual": "bisexual, bisexuals, bisexuality, pansexual",
        "asexual": "asexual, asexuals, asexuality",
        "heterosexual": "heterosexual, heterosexuals, straight *",
        "lgbtq": "lgbt, lgbtq, lgbtqia, queer",
    },
}

NOBODY = (
    "oh man, hey man, yo man, yeah man, nah man, aw man, ah man, thanks man, dude man, come on man, spider man, "
    "iron man, ant man, man up, man city, man united, man made, he man, burning man, man page, man pages, "
    "son of a bitch, old man winter, boy oh boy, oh boy, atta boy, lady gaga, lady bird, wise guy, family guy, "
    "mr robot, mr bean, mother nature, mother tongue, motherboard, mother board, father christmas, first lady, "
    "big brother, brother printer, sister company, sister site, queen bee, call of duty black, men in black, "
    "x men, mad men, no country for old men, gone girl, new girl, gilmore girls, mean girls, spice girls, "
    "beach boys, backstreet boys, cow boy, cow boys, girl scout cookies, child process, "
    "child processes, child node, child nodes, children nodes, child class, child element, child elements, "
    "child dag, child task, kid you, kid rock, billy the kid, teen wolf, teen titans, teenage mutant ninja turtles, "
    "young sheldon, neil young, christian bale, christian dior, christian grey, christian louboutin, "
    "muslim shower, black friday, black panther, black mirror, black widow, white house, black and white, "
    "white collar, white man's burden, asian games, american pie, american dad, american idol, american horror story, "
    "american psycho, american express, american airlines, american football, american sniper, american beauty, "
    "british columbia, british airways, indian summer, indian ocean, european union, african elephant, "
    "book of mormon, united arab emirates, saudi arabia, american red cross, "
    "greek mythology, greek gods, greek letter, german shepherd, german shepherds, italian greyhound, thai boxing, "
    "dutch oven, going dutch, go dutch, double dutch, danish pastry, swiss army knife, swiss cheese, "
    "mexican standoff, canadian bacon, blind date, blind dates, color blind, colour blind, "
    "blind spot, love is blind, deaf ears, tone deaf, tone-deaf, straight man"
)
"""Phrases that hold a term and mention no group: turns of speech, titles, names, other meanings."""

NOT_PEOPLE = _words(
    "food foods cuisine restaurant restaurants dish dishes cooking recipe recipes bread beer wine coffee tea chocolate "
    "cheese sausage sauce salad dressing soup pizza pasta noodles curry takeout buffet place places language "
    "languages class classes course lesson lessons grammar accent subtitles version translation dub keyboard car "
    "cars movie movies film films series show shows music song songs band anime drama dramas novel literature league "
    "grand open dollar dollars yoghurt yogurt fries toast press kiss roast whiskey pub setter coast revolution "
    "history art culture mythology alphabet letters market stock economy weather studies heritage holiday holidays "
    "buffalo bison flag shepards philosophers major majors government military army"
)
"""What follows an adjective of nationality or ethnicity that is not about people."""

LANGUAGES = _words(
    "chinese japanese korean vietnamese thai russian ukrainian romanian hungarian czech bulgarian serbian german "
    "italian portuguese dutch swedish norwegian finnish greek turkish indonesian filipino somali welsh irish mexican "
    "indian lebanese"
)
"""What names a language or a cuisine as often as people. Counted only before PEOPLE or after BEING."""

BEING = _words(
    "is are was were am be being become i'm im we're they're you're he's she a an another every the these those many "
    "most some half part fully mostly ethnically also not other young old"
)
"""What precedes an adjective that is said of somebody."""

WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")


def _split(text: str) -> list[str]:
    """Lower-case words, without the ending 's of a possessive or a contraction."""
    return [word.removesuffix("'s") for word in WORD.findall(text.lower().replace("’", "'"))]


def _table() -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """First word to (further words, tag), the longest first; the tag of a phrase of NOBODY is empty."""
    table: dict[str, list[tuple[tuple[str, ...], str]]] = {}

    def put(term: str, tag: str) -> None:
        first, *rest = _split(term)
        table.setdefault(first, []).append((tuple(rest), tag))

    for attribute, groups in LEXICON.items():
        for group, terms in groups.items():
            for term in terms.split(", "):
                for full in [term.replace("*", noun) for noun in sorted(PEOPLE)] if "*" in term else [term]:
                    put(full, f"{attribute}:{group}")
    for phrase in NOBODY.split(", "):
        put(phrase, "")
    for entries in table.values():
        entries.sort(key=lambda entry: (-len(entry[0]), entry[1]))
    return table


TABLE = _table()
ATTRIBUTES = {attribute: tuple(groups) for attribute, groups in LEXICON.items()}
"""attribute to its groups: what a mention `attribute:group` may be."""


class Mention(NamedTuple):
    """Characters start to end of a text name the group `attribute:group`."""

    start: int
    end: int
    tag: str


def mentions(text: str, language: str | None = None) -> set[str]:
    """The `attribute:group` tags of the groups that a text mentions."""
    return {mention.tag for mention in spans(text, language)}


def spans(text: str, language: str | None = None) -> list[Mention]:  # noqa: ARG001
    """The mentions of a text, in order."""
    lowered = text.lower().replace("’", "'")
    places = [(at.start(), at.end(), at[0].removesuffix("'s")) for at in WORD.finditer(lowered)]
    words = [word for _, _, word in places]
    found: list[Mention] = []
    if TABLE.keys().isdisjoint(words):
        return found
    at = 0
    while at < len(words):
        step = 1
        for rest, tag in TABLE.get(words[at], ()):
            end = at + 1 + len(rest)
            if rest and tuple(words[at + 1 : end]) != rest:
                continue
            if not tag:
                step = end - at
                break
            if not (tag.startswith(("nationality:", "ethnicity:")) and _not_people(words, at, end)):
                found.append(Mention(places[at][0], places[end - 1][1], tag))
        at += step
    return found


def masked(text: str, spans: Sequence[Mention], language: str | None = None) -> str:  # noqa: ARG001
    """The text with a neutral word in the place of these mentions: what is left says nothing of the group."""
    pieces, done = [], 0
    for mention in spans:
        if mention.start >= done:
            pieces += [text[done : mention.start], "people" if text[: mention.end].endswith("s") else "person"]
        done = max(done, mention.end)
    return "".join([*pieces, text[done:]])


def _not_people(words: list[str], at: int, end: int) -> bool:
    """Whether words[at:end] is said of a language, a cuisine or a thing."""
    follows = words[end] if end < len(words) else ""
    precedes = words[at - 1] if at else ""
    return follows in NOT_PEOPLE or (words[at] in LANGUAGES and follows not in PEOPLE and precedes not in BEING)
