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
            "American Canadian Mexican Brazilian Argentinian British German French Italian Spanish Portuguese "
            "Polish Russian "
            "Ukrainian Swedish Norwegian Dutch Greek Turkish Iranian Indian Chinese Japanese Korean Vietnamese "
            "Australian "
            "Nigerian Kenyan Egyptian"
        )
    ),
    "age": (("old", "elderly", "older"), ("young", "younger")),
}
"""Attribute to its groups: the adjectives of each, the first being what a copy gets; for age, see COMPARED."""

NOUNS = frozenset(
    _words(
        "Christian Catholic Protestant Muslim Hindu Buddhist Sikh American Canadian Mexican Brazilian Argentinian "
        "German "
        "Italian Russian Ukrainian Norwegian Greek Iranian Indian Korean Australian Nigerian Kenyan Egyptian"
    )
)
"""Of these a person can be called one: "I'm a Muslim", but not "I'm a Jewish"."""

COMPARED = {"old": "young", "elderly": "young", "older": "younger", "young": "old", "younger": "older"}
"""Age's counterparts: a comparative stays one."""

PERSON = (
    "friend|roommate|roomate|flatmate|neighbou?r|colleague|coworker|co-worker|boss|manager|doctor|dentist|"
    "nurse|therapist|lawyer|engineer|accountant|classmate|customer|client|landlord|landlady|tenant|man|woman|guy|"
    "girl|"
    "boy|lady|gentleman|person|couple|family|girlfriend|boyfriend|wife|husband|cousin|kid|mechanic|plumber|driver|"
    "waiter|"
    "waitress|barista|coach|trainer|babysitter|nanny|secretary|receptionist|bf|gf|friends|neighbou?rs|colleagues|"
    "coworkers|roommates|classmates"
)
"""Less teachers and students: a French teacher teaches French."""
AGED = (
    "man|woman|lady|gentleman|guy|couple|neighbou?r|colleague|coworker|brother|sister|cousin|sibling|doctor|nurse|person|"
    "dog|cat"
)
"""Of whom "old" and "young" tell the age: an old friend is one of long standing."""

EVERY_WORD = {
    "religion": regex.compile(
        r"\b(?:christians?|christianity|catholics?|catholicism|protestants?|baptists?|methodists?|evangelicals?|"
        r"mormons?|"
        r"lutherans?|orthodox|muslims?|moslems?|islam\w*|sunni|shia|shiite|jewish|jews?|judaism|hasidic|hindus?|"
        r"hinduism|"
        r"buddhis[tm]s?|sikhs?|sikhism|atheis[tm]s?|agnostics?|pagans?|jehovah\w*|amish|quakers?)\b",
        regex.IGNORECASE,
    ),
    "ethnicity": regex.compile(
        r"\b(?:blacks?|whites?|asians?|hispanics?|latin[oax]s?|chican[oa]s?|caucasians?|african[ -]americans?|"
        r"indigenous|"
        r"native americans?|aboriginals?|arabs?|romani|mixed[ -]race|biracial|colou?red)\b",
        regex.IGNORECASE,
    ),
    "nationality": regex.compile(
        r"\b(?:american|canadian|mexican|brazilian|argentinian|british|briton|english|scottish|welsh|irish|german|"
        r"french|italian|"
        r"spanish|spaniard|portuguese|polish|pole|russian|ukrainian|romanian|hungarian|czech|swedish|swede|"
        r"norwegian|danish|dane|"
        r"dutch|swiss|austrian|belgian|finnish|greek|turkish|turk|iranian|iraqi|syrian|israeli|afghan|indian|"
        r"pakistani|chinese|"
        r"japanese|korean|vietnamese|thai|filipino|filipina|indonesian|australian|aussie|nigerian|kenyan|egyptian|"
        r"ethiopian|"
        r"somali|moroccan|african|european|america|usa|u\.s\.|canada|mexico|brazil|argentina|britain|england|"
        r"scotland|wales|"
        r"ireland|uk|germany|france|italy|spain|portugal|poland|russia|ukraine|sweden|norway|denmark|holland|"
        r"netherlands|"
        r"switzerland|austria|greece|turkey|iran|iraq|syria|israel|india|pakistan|china|japan|korea|vietnam|thailand|"
        r"philippines|australia|nigeria|kenya|egypt|africa|europe|asia)s?\b",
        regex.IGNORECASE,
    ),
    "age": regex.compile(
        rf"\b(?:(?:old|older|young|younger)(?=\s+(?:{AGED}|{PERSON}|people|men|women|folks?|ladies|"
        rf"generation)s?\b)|oldest|elders?|"
        r"elderly|aged|seniors?|youngest|youths?|youngsters?|teen\w*|middle-aged|adolescen\w+|millennials?|"
        r"pensioners?|retirees?)\b",
        regex.IGNORECASE,
    ),
}
"""All words of an attribute: a copy is made only when each that the text holds is one that can be swapped."""

_FACTS = (
    r"cultur\w*|tradition\w*|typical\w*|stereotyp\w*|prejudic\w*|racis[mt]s?|discriminat\w*|minorit\w*|oppress\w*|"
    r"slave\w*|"
    r"coloni\w*|immigra\w*|migra\w*|refugees?|visas?|passports?|border|deport\w*|citizens?\w*|heritage|ancest\w*|"
    r"descent|"
    r"ethnic\w*|nationalit\w*|histor\w+|wars?|politic\w*|president|terror\w*|police|cops?|shot|shoot\w*|burn\w*|"
    r"hate\w*"
)
GENERAL = regex.compile(
    r"\b(?:because|since|cause|as|all|most|every|many|they|them|people|community|always|never|should|must|"
    r"supposed|allowed|such|"
    r"only|first|race|cuz|bc|therefore|being|than|typical|real|true|half|part|if|how)\b",
    regex.IGNORECASE,
)
"""What makes the sentence that names the group one about it: "she cooks well because she is Thai"."""

TIED = {
    "religion": regex.compile(
        rf"\b(?:{_FACTS}|church\w*|chapel|cathedral|mosques?|temples?|synagogues?|gurdwara|pray\w*|prayers?|faith\w*|"
        r"belie(?:f|fs|ve|ves|ved|vers?)|religi\w*|gods?|lord|jesus|christ|allah|muhammad|mohammed|buddha|krishna|"
        r"guru|prophet\w*|"
        r"bible|biblical|quran|koran|torah|vedas?|gospels?|scriptur\w*|psalms?|hymns?|holy|sacred|saints?|angels?|"
        r"heaven|hell|"
        r"sins?|soul|salvation|karma|reincarn\w*|meditat\w*|priests?|pastors?|ministers?|bishops?|pope|rabbis?|"
        r"imams?|monks?|"
        r"nuns?|sermon|mass|communion|bapti\w*|confess\w*|confirmation|bar mitzvah|worship\w*|preach\w*|ministry|"
        r"missionar\w*|"
        r"christmas|easter|advent|ramadan|eid|hajj|mecca|diwali|holi|hanukkah|passover|sabbath|yom kippur|"
        r"kosher|halal|pork|bacon|beef|alcohol|wine|beer|drink\w*|vegetarian|fast(?:s|ed|ing)?|hijab\w*|burk\w*|"
        r"niqab|turbans?|"
        r"veil|yarmulke|kippa\w*|cross|crucifix|convert\w*|wedding|marr\w+|funeral|abortion|gay|lgbt\w*|music|"
        r"school)\b",
        regex.IGNORECASE,
    ),
    "ethnicity": regex.compile(
        rf"\b(?:{_FACTS}|skin\w*|hair\w*|braids?|afro|tan\w*|sunburn\w*|eyes?|nose|lips|blond\w*|complexion|pale|"
        rf"dark\w*|fair|"
        r"dress\w*|shirt|suit|coat|hat|cat|dog|car|cloth\w*|colou?rs?|and white|or white|lives matter|rap|hip[- "
        r"]?hop|gangs?|"
        r"ghetto|hood|basketball|spanish|rice|accent|language|names?|mexic\w*|africa\w*|americ\w*|europe\w*|"
        r"gene\w*|sickle)\b",
        regex.IGNORECASE,
    ),
    "nationality": regex.compile(
        rf"\b(?:{_FACTS}|accents?|languages?|speaks?|spoke|spoken|translat\w*|fluent\w*|words?|grammar|lessons?|"
        rf"class(?:es)?|course|"
        r"food\w*|cuisine|restaurants?|dish\w*|cook\w*|recipes?|eat\w*|meals?|dinner|bread|beer|wine|pizza|pasta|"
        r"sushi|curry|tacos?|tea|"
        r"home(?:land|town|sick)?|abroad|overseas|foreign\w*|born|raised|grew|native|from|moved?|moving|lived?|"
        r"travel\w*|trips?|visit\w*|"
        r"flight|fly\w*|capital|cit(?:y|ies)|weather|cold|warm|beach|mountains?|currency|euros?|dollars?|pounds?|"
        r"football|soccer|"
        r"cricket|baseball|hockey|music|dance|art|holiday\w*|festival|independence|embassy|king|queen|army|"
        r"shepherds?|names?|"
        r"law|tax\w*|school|universit\w*|team|company|government)\b",
        regex.IGNORECASE,
    ),
    "age": regex.compile(
        rf"\b(?:{_FACTS}|\d+|years?|ages?|retir\w*|pension\w*|school|college|universit\w*|degree|graduat\w*|born|"
        rf"birth\w*|"
        r"grand\w+|great-\w+|kids?|child\w*|bab(?:y|ies)|toddler|adult|grown|grow\w*|raised?|taught|babys\w*|grew|"
        r"memor\w*|"
        r"dementia|alzheimer\w*|frail|cane|wheelchair|hair|gr[ae]y|wrinkl\w*|generation\w*|when (?:i|he|she|we) "
        r"was|used to|di(?:e|ed|es)|"
        r"death|dead|passed|funeral|ill(?:ness)?|hospital|health\w*|doctor said|stroke|heart|weak\w*|slow\w*|fall|"
        r"fell|marr\w+|wife|"
        r"husband|widow\w*|son|daughter|parents?|mother|father|mom|dad|internet|computer|phone|drive[sn]?|driving|"
        r"look(?:s|ed)? up to|"
        r"protect\w*|care|nursing|hand-me-down|inherit\w*|than|twin|wisdom|wise|experience\w*|career|job|intern|"
        r"puppy|kitten|"
        r"home|date|dating|sex\w*|seduc\w*|attract\w*|pretty|hot|soul|testament)\b",
        regex.IGNORECASE,
    ),
}
"""What makes a statement one about the group, or may make it untrue of a sibling; such conversations are left alone."""
