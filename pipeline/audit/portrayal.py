"""Ways in which people are portrayed, as lists of words that anybody can read and argue with. English.

The two dimensions of the stereotype content model (Fiske, Cuddy, Glick and Xu 2002) with both ends of each, as in the
dictionaries of Nicolas, Bai and Fiske (2021), and what studies of word embeddings found tied to groups: home and
family, career, occupations, appearance (Caliskan, Bryson and Narayanan 2017; Garg et al. 2018), crime and violence
(Nadeem, Bethke and Reddy 2021). The words are our own choice. They name fields; which words a corpus ties to a group is
found without them (associations.py).
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FIELDS = {
    "housework and care": """
        housework household chores chore cook cooks cooked cooking cleaned cleaning cleans dishes dishwasher laundry
        ironing ironed irons vacuum vacuumed vacuuming sweep swept sweeping mop mopped mopping kitchen stove oven baking
        bakes baked apron groceries nappies diapers diaper nursery babysit babysitting knit knitting sew sewing sews
        homemaker housewife housekeeping housekeeper dusting dusted tidied tidying wash washed washes scrub scrubbed
    """,
    "career and money": """
        career salary promotion promoted business profit profits invest invested investment investments investor
        executive boss bosses company startup founder entrepreneur management negotiated contract income earns earned
        wealth wealthy office professional corporation stocks shareholder leadership
    """,
    "high-status occupations": """
        doctor doctors surgeon surgeons physician physicians professor professors engineer engineers scientist
        scientists lawyer lawyers attorney judge judges ceo director directors manager managers executive architect
        architects pilot pilots programmer programmers developer president politician politicians economist physicist
        chemist mathematician philosopher banker captain chief dentist astronaut astronomer inventor
    """,
    "service and manual occupations": """
        nurse nurses secretary secretaries receptionist receptionists cleaner cleaners maid maids nanny nannies
        babysitter babysitters waiter waitress waiters housekeeper cashier cashiers hairdresser hairdressers janitor
        janitors servant servants labourer labourers laborer laborers driver drivers cook gardener gardeners typist
        caretaker caregiver assistant assistants teacher teachers librarian librarians clerk clerks seamstress
    """,
    "appearance": """
        beautiful pretty attractive gorgeous sexy ugly makeup lipstick dress dresses skirt figure slim thin fat hair
        blonde blond legs lips curves looks perfume jewellery jewelry handsome cute hot
    """,
    "low competence": """
        stupid dumb idiot idiots ignorant lazy incompetent foolish unintelligent clueless slow backward primitive
        uneducated illiterate simple unskilled useless confused forgetful clumsy naive
    """,
    "high competence": """
        smart intelligent clever brilliant genius competent skilled talented capable educated expert knowledgeable
        efficient ambitious hardworking confident rational logical wise
    """,
    "low warmth": """
        rude cold greedy selfish cruel dishonest liar liars lying cheat cheats cheated cheating hostile aggressive
        arrogant untrustworthy mean nasty stingy sly deceitful cunning ruthless bitter angry evil unfriendly
    """,
    "high warmth": """
        kind friendly warm caring loving gentle generous honest helpful trustworthy sincere compassionate patient
        thoughtful sweet polite affectionate nurturing sympathetic
    """,
    "crime and violence": """
        crime crimes criminal criminals thief thieves steal steals stole stolen stealing robbed robbery robber murder
        murdered murderer killed kills killer gang gangs drug drugs dealer dealers terrorist terrorists terrorism bomb
        bombs bomber attack attacked attacks violent violence gun guns weapon weapons arrested prison jail fraud smuggle
        smuggled smuggling assault assaulted rape raped burglary burglar shooting stabbed knife
    """,
    "weakness and dependence": """
        weak helpless frail fragile dependent burden vulnerable suffer suffers suffering sick ill victim victims
        pitiful pity needy incapable poor unable bedridden confined invalid
    """,
    "dirt and disease": """
        dirty filthy filth smelly stink stinks stinking disgusting disease diseased infested infection vermin unclean
        lice rats cockroaches contaminated
    """,
}

ADVERSE = (
    "low competence",
    "low warmth",
    "crime and violence",
    "weakness and dependence",
    "dirt and disease",
)
"""Fields of which too much, not too little, is said to somebody's disadvantage."""

PERSONS = _words("""
    they them their theirs who whom whose someone somebody anyone anybody everyone everybody person persons people human
    humans friend friends neighbour neighbours neighbor neighbors patient patients customer customers guest guests
    parent parents family families adult adults student students worker workers colleague colleagues member members
    individual individuals
""")
"""Words for somebody of no group. A sentence with one, or with an occupation, is about persons."""

OCCUPATIONS = """
    accountant actor analyst architect artist assistant astronaut astronomer athlete attorney author babysitter baker
    banker barber bartender biologist boss bricklayer builder butcher captain caregiver caretaker carpenter cashier ceo
    chef chemist chief cleaner clerk coach commander consultant cook cop counselor dancer decorator dentist designer
    developer dietitian director doctor driver economist editor electrician engineer entrepreneur executive farmer
    firefighter fisher florist gardener guard hairdresser housekeeper hygienist inspector instructor inventor investor
    janitor journalist judge laborer labourer lawyer lecturer librarian lifeguard machinist magician maid manager
    mathematician mayor mechanic midwife miner minister model musician nanny nurse nutritionist officer optician
    painter paralegal paramedic pharmacist philosopher photographer physician physicist pilot plumber poet politician
    president principal producer professor programmer psychologist receptionist reporter researcher sailor salesperson
    scientist secretary senator servant sheriff singer soldier stylist supervisor surgeon tailor teacher technician
    telemarketer therapist trader tutor typist undertaker veterinarian waiter warden welder writer
"""


def _plural(word: str) -> str:
    if word.endswith("y") and word[-2] not in "aeiou":
        return f"{word[:-1]}ies"
    if word.endswith("fe"):
        return f"{word[:-2]}ves"
    return f"{word}es" if word.endswith(("s", "x", "ch", "sh")) else f"{word}s"


SINGULAR = {form: word for word in OCCUPATIONS.split() for form in (word, _plural(word))} | {
    "salespeople": "salesperson"
}
"""Each form of an occupation to its singular."""
