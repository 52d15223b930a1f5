"""The words of the gender swap (text/counterfactual.py), and the matters that it leaves alone. English only."""

import regex


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BOTH_WAYS = {
    "he": "she",
    "hes": "shes",
    "himself": "herself",
    "men": "women",
    "boys": "girls",
    "male": "female",
    "males": "females",
    "father": "mother",
    "fathers": "mothers",
    "dad": "mom",
    "dads": "moms",
    "daddy": "mommy",
    "papa": "mama",
    "grandfather": "grandmother",
    "grandfathers": "grandmothers",
    "grandpa": "grandma",
    "grandpas": "grandmas",
    "granddad": "granny",
    "stepfather": "stepmother",
    "stepdad": "stepmom",
    "stepson": "stepdaughter",
    "stepbrother": "stepsister",
    "father-in-law": "mother-in-law",
    "brother-in-law": "sister-in-law",
    "son-in-law": "daughter-in-law",
    "son": "daughter",
    "sons": "daughters",
    "grandson": "granddaughter",
    "grandsons": "granddaughters",
    "brother": "sister",
    "brothers": "sisters",
    "uncle": "aunt",
    "uncles": "aunts",
    "nephew": "niece",
    "nephews": "nieces",
    "husband": "wife",
    "husbands": "wives",
    "boyfriend": "girlfriend",
    "boyfriends": "girlfriends",
    "bf": "gf",
    "gentlemen": "ladies",
    "gentleman": "lady",
    "man": "woman",
    "boy": "girl",
    "mr": "ms",
    "groom": "bride",
    "waiter": "waitress",
    "waiters": "waitresses",
    "landlord": "landlady",
    "policeman": "policewoman",
    "businessman": "businesswoman",
    "salesman": "saleswoman",
    "widower": "widow",
    "sir": "madam",
}
ONE_WAY = {
    "mum": "dad",
    "mums": "dads",
    "auntie": "uncle",
    "mrs": "mr",
    "ma'am": "sir",
    "guy": "woman",
    "hers": "his",
    "him": "her",
    "actress": "actor",
    "actresses": "actors",
}
SWAP = {**BOTH_WAYS, **{female: male for male, female in BOTH_WAYS.items()}, **ONE_WAY}
"""Every word but her and his, which depend on what follows. actor, guys, dude, king and queen stay: they are
said of everyone, or are mostly names."""

PRONOUNS = _words("he hes him his himself she shes her hers herself")

AFTER_OBJECT = _words(
    "a an the this that these those i you we they he she it me us them and or but if so as than then when while "
    "because since until though although what who where why how which whether to of in on at by for from with "
    "without about into onto over under up down off out away back around along through after before during again "
    "too either now today tonight tomorrow yesterday soon later once twice sometimes always ever never all both "
    "alone anymore anyway right there here is was are were am be been will would can could should did does do has "
    "had may might must not isn't wasn't won't didn't doesn't much more well better badly really very just even "
    "still also only like my your our their his go come know feel get cry laugh see eat say tell make think be have "
    "find leave stay live happy sad angry mad upset crazy every everything something anything nothing lol haha "
    "please ok okay yes no yeah though instead personally online first"
)
"""What follows her where it stands for him ("I saw her when"); before anything else it stands for his."""

LETTING = _words("let lets letting make makes made making help helps helped helping")
MADE = _words("day own way bed lunch dinner breakfast food house home homework life name kids children family")
"""After LETTING, her is him ("let her go", "made her stand out") unless one of MADE or a gendered word follows
("made her day", "help her mom")."""

AFTER_POSSESSION = _words("is was are were isn't wasn't too instead and or but because when if than")
"""What follows his where it stands for hers ("the book is his and"); before anything else it stands for her."""

NEEDS_ARTICLE = _words("man woman boy girl guy lady gentleman sir madam")
"""Also said to anyone ("oh man", "good, man"): swapped after one of ARTICLES, or of ARTICLES and ADJECTIVES, or
in an answer of its own."""

ARTICLES = _words(
    "a an the this that these those one every each any another no some other your his her our their or and is are "
    "be i'm im as 2 two three"
)
ADJECTIVES = _words(
    "old older young younger little big good bad nice great tall short rich poor smart sweet kind beautiful pretty "
    "handsome hot cute single married wise funny lucky strong honest black white asian first last only same other "
    "right perfect average normal new local real new different solid crazy"
)

FIXED = regex.compile(
    r"\b(?:son of a|mother ?fuck\w*|mother (?:nature|earth|tongue|land|board)|father (?:christmas|time)|"
    r"(?:mother|father)'?s'? day|uncle sam|dad jokes?|oh brother|man(?:made|kind)|man up|best man|"
    r"boy scouts?|girl scouts?|family guy|his majesty|her majesty|no man's)\b|https?://\S+|\bwww\.\S+",
    regex.IGNORECASE,
)
"""Phrases and addresses that stay as they are."""

INHERENT = regex.compile(
    r"\b(?:pregnan\w*|childbirth|(?:give|gave|giving) birth|giv(?:es|en) birth|matern\w*|patern\w*|breast\w*|"
    r"menstru\w*|menopaus\w*|(?:my|her|your) periods?|pms|pcos|tampons?|uter\w+|ovar\w+|womb|vagin\w*|cervi\w+|"
    r"miscarr\w*|abort\w*|c-section|ivf|gynae?col\w*|obstetr\w*|hysterectomy|mastectomy|endometri\w*|prostate|"
    r"testic\w*|testosterone|o?estrogen|penis\w*|dicks?|cocks?|puss(?:y|ies)|boobs?|tits|sperm\w*|erecti\w+|"
    r"vasectom\w*|circumcis\w*|beards?|mou?stach\w*|bras?|trans|transgend\w*|transsex\w*|non-?binary|lesbians?|gay|"
    r"gays|feminis\w*|feminin\w*|masculin\w*|misogyn\w*|misandr\w*|sexis\w*|patriarch\w*|matriarch\w*|genders?|"
    r"jesus|christ|allah|prophet|pope|heavenly \w+|baby showers?|hygiene|(?:wo)?men in \w+|(?:wo)?men's \w+)\b",
    regex.IGNORECASE,
)
"""What is true of one gender, or about gender itself, or of one known person: such conversations are left alone."""

EVERYONE = regex.compile(r"\b(?:guys|dudes|bros)\b", regex.IGNORECASE)
WOMEN = regex.compile(r"\b(?:girls|women|ladies|females)\b", regex.IGNORECASE)
"""EVERYONE are words said of anyone; set against WOMEN they mean men, and half a swap would read wrong."""

FAMILY = _words("dad mom mum mommy daddy papa mama grandpa grandma granny granddad father mother")
OWNERS = _words("my your his her our their i'm and")
NEUTRAL = (
    "friend|roommate|roomate|flatmate|buddy|teacher|professor|boss|manager|coworker|colleague|neighbou?r|cousin|kid|"
    "baby|child|toddler|person|someone|somebody|student|patient|partner|parent|client|customer|doctor|therapist|"
    "counselor|counsellor|stranger|spouse|fiancée?|fiancee|sibling|twin|dog|puppy|cat|kitten|ex"
)
"""Unnamed persons (and pets) whose word does not change, and to whom a pronoun may point."""

STARTS = (
    "That|This|It|What|Who|Where|When|Why|How|There|Here|He|She|They|We|You|My|Your|His|Her|Our|Their|One|Everyone|"
    "Everything|Someone|Something|Nobody|Nothing|Life|Today|So|And|But|Which|Mine|Yours|Theirs|The|Yes|Yeah|No|"
    + "|".join(sorted({w.capitalize() for w in SWAP if "'" not in w and "-" not in w}))
)
"""Words that open a sentence without being a name."""
