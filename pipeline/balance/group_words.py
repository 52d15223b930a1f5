"""The words of the group swap (group_swap.py), and what ties a sentence to the group that it names. English only."""

import regex


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SIBLINGS = {
    "religion": (
        ("Christian", "Catholic", "Protestant"),
        ("Muslim",),
        ("Jewish",),
        ("Hindu",),
        ("Buddhist",),
        ("Sikh",),
    ),
    "ethnicity": (("black",), ("white",), ("Asian",), ("Hispanic", "Latino", "Latina")),
    "nationality": tuple(
        (word,)
        for word in _words(
            "American Canadian Mexican Brazilian Argentinian British German French Italian Spanish Portuguese Polish "
            "Russian Ukrainian Swedish Norwegian Dutch Greek Turkish Iranian Indian Chinese Japanese Korean "
            "Vietnamese Australian Nigerian Kenyan Egyptian"
        )
    ),
    "age": (("old", "elderly", "older"), ("young", "younger")),
}
"""Attribute to its groups: the adjectives of each, the first being what a copy gets; for age, see COMPARED."""

NOUNS = frozenset(
    _words(
        "Christian Catholic Protestant Muslim Hindu Buddhist Sikh American Canadian Mexican Brazilian Argentinian "
        "German Italian Russian Ukrainian Norwegian Greek Iranian Indian Korean Australian Nigerian Kenyan Egyptian"
    )
)
"""Of these a person can be called one: "I'm a Muslim", but not "I'm a Jewish"."""

COMPARED = {"old": "young", "elderly": "young", "older": "younger", "young": "old", "younger": "older"}
"""Age's counterparts: a comparative stays one."""

PERSON = (
    "friend|roommate|roomate|flatmate|neighbou?r|colleague|coworker|co-worker|boss|manager|doctor|dentist|nurse|"
    "therapist|lawyer|engineer|accountant|classmate|customer|client|landlord|landlady|tenant|man|woman|guy|girl|boy|"
    "lady|gentleman|person|couple|family|girlfriend|boyfriend|wife|husband|cousin|kid|mechanic|plumber|driver|waiter|"
    "waitress|barista|coach|trainer|babysitter|nanny|secretary|receptionist|bf|gf|friends|neighbou?rs|colleagues|"
    "coworkers|roommates|classmates"
)
"""Less teachers and students: a French teacher teaches French."""
AGED = (
    "man|woman|lady|gentleman|guy|couple|neighbou?r|colleague|coworker|brother|sister|cousin|sibling|doctor|nurse|"
    "person|dog|cat"
)
"""Of whom "old" and "young" tell the age: an old friend is one of long standing."""

FURTHER = {
    "religion": r"orthodox|islam\w*|jehovah\w*|pagans?",
    "ethnicity": r"latinas?|chicanas?|colou?red",
    "nationality": (
        r"poles?|america|usa|u\.s\.|canada|mexico|brazil|argentina|britain|england|scotland|wales|ireland|uk|germany|"
        r"france|italy|spain|portugal|poland|russia|ukraine|sweden|norway|denmark|holland|netherlands|switzerland|"
        r"austria|greece|turkey|iran|iraq|syria|israel|india|pakistan|china|japan|korea|vietnam|thailand|philippines|"
        r"australia|nigeria|kenya|egypt|africa|europe|asia"
    ),
    "age": (
        rf"(?:old|older|young|younger)(?=\s+(?:{AGED}|{PERSON}|people|men|women|folks?|ladies|generation)s?\b)|"
        rf"oldest|aged|"
        r"youngest|youths?|teen\w*|adolescen\w+"
    ),
}
"""What speaks of an attribute beside the terms of its groups in pipeline/people/words: words that name nobody, such as
countries, and of age only what is said of persons."""

_FACTS = (
    r"cultur\w*|tradition\w*|typical\w*|stereotyp\w*|prejudic\w*|racis[mt]s?|discriminat\w*|minorit\w*|oppress\w*|"
    r"slave\w*|coloni\w*|immigra\w*|migra\w*|refugees?|visas?|passports?|border|deport\w*|citizens?\w*|heritage|"
    r"ancest\w*|descent|ethnic\w*|nationalit\w*|histor\w+|wars?|politic\w*|president|terror\w*|police|cops?|shot|"
    r"shoot\w*|burn\w*|hate\w*|"
    r"sex\w*|dicks?|hiv|infect\w*|insult\w*|offen\w*|enrag\w*|greed\w*|descri\w*|(?:un)?welcom\w*"
)
GENERAL = regex.compile(
    r"\b(?:because|since|cause|as|all|most|every|many|they|them|people|community|always|never|should|must|supposed|"
    r"allowed|such|only|first|race|cuz|bc|therefore|being|than|typical|real|true|half|part|if|how)\b",
    regex.IGNORECASE,
)
"""What makes the sentence that names the group one about it: "she cooks well because she is Thai"."""

TIED = {
    "religion": regex.compile(
        rf"\b(?:{_FACTS}|church\w*|chapel|cathedral|mosques?|temples?|synagogues?|gurdwara|pray\w*|prayers?|faith\w*|"
        r"belie(?:f|fs|ve|ves|ved|vers?)|religi\w*|gods?|lord|jesus|christ|allah|muhammad|mohammed|buddha|krishna|"
        r"guru|prophet\w*|bible|biblical|quran|koran|torah|vedas?|gospels?|scriptur\w*|psalms?|hymns?|holy|sacred|"
        r"saints?|angels?|heaven|hell|sins?|soul|salvation|karma|reincarn\w*|meditat\w*|priests?|pastors?|ministers?|"
        r"bishops?|pope|rabbis?|imams?|monks?|nuns?|sermon|mass|communion|bapti\w*|confess\w*|confirmation|bar "
        r"mitzvah|worship\w*|preach\w*|ministry|missionar\w*|christmas|easter|advent|ramadan|eid|hajj|mecca|diwali|"
        r"holi|hanukkah|passover|sabbath|yom kippur|kosher|halal|pork|bacon|beef|alcohol|wine|beer|drink\w*|"
        r"vegetarian|fast(?:s|ed|ing)?|hijab\w*|burk\w*|niqab|turbans?|veil|yarmulke|kippa\w*|cross|crucifix|"
        r"convert\w*|wedding|marr\w+|funeral|abortion|gay|lgbt\w*|music|school)\b",
        regex.IGNORECASE,
    ),
    "ethnicity": regex.compile(
        rf"\b(?:{_FACTS}|skin\w*|hair\w*|braids?|afro|tan\w*|sunburn\w*|eyes?|nose|lips|blond\w*|complexion|pale|"
        rf"dark\w*|fair|"
        r"dress\w*|shirt|suit|coat|hat|cat|dog|car|cloth\w*|colou?rs?|and white|or white|lives matter|rap|hip[- "
        r"]?hop|gangs?|ghetto|hood|basketball|spanish|rice|accent|language|names?|mexic\w*|africa\w*|americ\w*|"
        r"europe\w*|gene\w*|sickle)\b",
        regex.IGNORECASE,
    ),
    "nationality": regex.compile(
        rf"\b(?:{_FACTS}|accents?|languages?|speaks?|spoke|spoken|translat\w*|fluent\w*|words?|grammar|lessons?|"
        rf"class(?:es)?|course|"
        r"food\w*|cuisine|restaurants?|dish\w*|cook\w*|recipes?|eat\w*|meals?|dinner|bread|beer|wine|pizza|pasta|"
        r"sushi|curry|tacos?|tea|home(?:land|town|sick)?|abroad|overseas|foreign\w*|born|raised|grew|native|from|"
        r"moved?|moving|lived?|travel\w*|trips?|visit\w*|flight|fly\w*|capital|cit(?:y|ies)|weather|cold|warm|beach|"
        r"mountains?|currency|euros?|dollars?|pounds?|football|soccer|cricket|baseball|hockey|music|dance|art|"
        r"holiday\w*|festival|independence|embassy|king|queen|army|shepherds?|names?|miles?|inch\w*|feet|foot|lbs|km|"
        r"celsius|fahrenheit|degrees|law|tax\w*|school|universit\w*|team|company|government)\b",
        regex.IGNORECASE,
    ),
    "age": regex.compile(
        rf"\b(?:{_FACTS}|\d+|years?|ages?|retir\w*|pension\w*|school|college|universit\w*|degree|graduat\w*|born|"
        rf"birth\w*|"
        r"little|big|grand\w+|great-\w+|kids?|child\w*|bab(?:y|ies)|toddler|adult|grown|grow\w*|raised?|taught|"
        r"babys\w*|grew|memor\w*|dementia|alzheimer\w*|frail|cane|wheelchair|hair|gr[ae]y|wrinkl\w*|generation\w*|"
        r"when (?:i|he|she|we) was|used to|di(?:e|ed|es)|death|dead|passed|funeral|ill(?:ness)?|hospital|health\w*|"
        r"doctor said|stroke|heart|weak\w*|slow\w*|fall|fell|marr\w+|wife|husband|widow\w*|son|daughter|parents?|"
        r"mother|father|mom|dad|internet|computer|phone|drive[sn]?|driving|look(?:s|ed)? up to|protect\w*|care|"
        r"nursing|hand-me-down|inherit\w*|than|twin|wisdom|wise|experience\w*|career|job|intern|puppy|kitten|home|"
        r"date|dating|sex\w*|seduc\w*|attract\w*|pretty|hot|soul|testament)\b",
        regex.IGNORECASE,
    ),
}
"""What makes a statement one about the group, or may make it untrue of a sibling; such conversations are left alone."""
