"""The words of the gender swap (gender_swap.py), and the matters that it leaves alone. English only."""

import regex


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BOTH_WAYS = {
    "he": "she",
    "hes": "shes",
    "himself": "herself",
    "boys": "girls",
    "male": "female",
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
    "boyfriend": "girlfriend",
    "boyfriends": "girlfriends",
    "bf": "gf",
    "gentleman": "lady",
    "man": "woman",
    "boy": "girl",
    "waiter": "waitress",
    "waiters": "waitresses",
    "landlord": "landlady",
    "policeman": "policewoman",
    "businessman": "businesswoman",
    "salesman": "saleswoman",
}
ONE_WAY = {
    "mum": "dad",
    "mums": "dads",
    "auntie": "uncle",
    "guy": "woman",
    "hers": "his",
    "him": "her",
}
SWAP = {**BOTH_WAYS, **{female: male for male, female in BOTH_WAYS.items()}, **ONE_WAY}
"""Every word but her and his, which depend on what stands beside them (her.py)."""

PRONOUNS = _words("he hes him his himself she shes her hers herself")

AUXILIARIES = (
    r"(?:is|was|has|had|does|did|would|could|should)(?:n['’]?t)?|will|won['’]?t|can['’]?t|can|cannot|may|might|must|"
    r"do|gotta|ain['’]?t"
)
PASTS = _words(
    "went got came said told knew thought took made gave found felt left kept met ran saw sat spoke spent stood sent "
    "lent built bought brought caught taught fought began drank drove ate fell flew forgot forgave froze grew heard "
    "held hid hit hurt cut put let set shut quit read led fed lost paid laid lay rode rang rose sang sank sold shook "
    "shot slept slid stole stuck struck swam swore swept swung threw tore understood woke won wore wrote dealt dug "
    "drew dreamt broke became bit blew chose clung crept dove hung knelt leapt learnt lit meant shrank spun spread "
    "sprang stung wept withdrew"
)
FINITE = regex.compile(
    r"['’](?:s|d|ll)\b|\s*(?:\Z|[^\w\s])|\s+(?:(?:\w+ly|just|also|always|never|then|still|even|only|kinda|like|now|"
    r"not|ever|often|once|almost|maybe|already|sometimes|too|so)\s+)*"
    rf"(?:and|or|{AUXILIARIES}|\w+s|\w+ed|{'|'.join(sorted(PASTS))})\b",
    regex.IGNORECASE,
)
"""What stands after he or she: a verb, perhaps after adverbs. Elsewhere "he" may be a slip for "the"."""
ASKED = regex.compile(rf"\b(?:{AUXILIARIES})\s+$", regex.IGNORECASE)
"""What stands before he or she in a question."""

CALLED = _words("mom mum dad mommy daddy papa mama grandma grandpa granny granddad")
"""What one calls one's family: said without a possessor ("mom called")."""

BEFORE_CALLED = _words(
    "my your his her our their and or but so when if that because call called calling ask asked tell told tells "
    "thanks thank miss love see saw with from to for by at like hey hi ok okay yes no then as than where what how "
    "why is was does did"
)
"""What such a word follows."""

ADDRESSES = _words("man boy girl guy lady gentleman")
"""Also said to anyone ("oh man", "good, man"): such words stay, where nothing before them makes them a person."""

POSSESSORS = _words("my your his her our their")
ARTICLES = POSSESSORS | _words("a an this that these those one another two three four both")
ADJECTIVES = _words(
    "old older oldest young younger youngest little big good bad nice great tall short rich poor smart sweet kind "
    "beautiful pretty handsome hot cute single married wise funny lucky strong honest black white asian other new "
    "real ex different crazy lovely dear late twin half step adopted whole own favorite favourite middle elder baby "
    "host future "
)
"""What stands between an article and a person without hiding either."""

_PLURAL = "men|women|males|females|ladies|gentlemen"
GENERIC = regex.compile(
    rf"\b(?:{_PLURAL}|(?:a|any|every|no|each|the first|the only|the last|the average|the (?:old|young|rich|fast|tall|"
    rf"strong)est) "
    r"(?:man|woman|male|female|boy|girl|guy|lady|gentleman)|(?:if|when|where|that|because) (?:a|the) (?:man|woman|"
    r"male|female)|(?:man|woman|boy|girl|guy)kind|boys will be|mother ?hood|father ?hood|(?:the|a|each|every) "
    r"(?:mother|father|parent)|(?:mother|father|brother|sister|wife|husband|son|daughter) of|(?:fe)?males?(?! "
    r"(?:friends?|teachers?|doctors?|nurses?|boss|colleagues?|roommates?|coworkers?|cousins?|dogs?|cats?)))\b",
    regex.IGNORECASE,
)
"""What is said of a gender and of nobody: a fact of biology or statistics, or an opinion."""

BOTH_MEANT = regex.compile(
    r"\bs/he\b|\(s\)he|\b(?:he|him|his|she|hers?|himself|herself)\s*[(,]?\s*(?:/|or|and|vs\.?|&)\s*(?:not\s|"
    r"an?\s)?(?:he|him|his|she|hers?|himself|herself|they|them|their)\b|\bthey/|\bopposite (?:sex|gender)|\bboth "
    r"(?:sexes|genders)|\b(?:man|boy|guy|male|husband|brother|son|boyfriend|dad|mom|father|mother|uncle|bf|gf|girl|"
    r"woman|lady|wife|sister|daughter|girlfriend|aunt)\s*(?:/|or|vs\.?)\s*(?:an? |the |my |your )?(?:woman|girl|lady|"
    r"female|wife|sister|daughter|girlfriend|mom|dad|mother|father|aunt|uncle|man|boy|guy|husband|brother|son|"
    r"boyfriend|gf|bf)\b",
    regex.IGNORECASE,
)
"""Either gender is named on purpose: "his or her family"."""

TITLED = regex.compile(
    r"(?<!\d )(?<!\d)\b(?:mr|mrs|ms|miss|sir|dame|madame?|mister|lord|lady|king|queen|prince|princess|duke|duchess|"
    r"saint|st|dr|prof|professor|president|aunt|uncle|auntie|father|mother|sister|brother|granny|grandma|"
    r"grandpa)\b\.?\s+(?-i:[A-Z])|(?<!\d )(?<!\d)\b(?:mr|mrs)\b",
    regex.IGNORECASE,
)
"""A title and a name: somebody known, or somebody of the writer's whose name does not change."""

UNPAIRED = regex.compile(
    r"\b(?:kings?|queens?|princes?|princess(?:es)?|dukes?|duchess(?:es)?|lords?|emperors?|empress(?:es)?|sultans?|"
    r"nuns?|monks?|priests?|priestess(?:es)?|popes?|gods?|goddess(?:es)?|virgins?|witch(?:es)?|wizards?|warlocks?|"
    r"mermaids?|heroes|heroines?|lads?|lass(?:es)?|chicks?|dudes?|bros?|sis|bloke|fella|chap|babe|hubby|wifey|fiance|"
    r"fiancee|fiancée?|bachelors?|bachelorettes?|spinsters?|maids?|bridesmaids?|brides?|grooms?|groomsmen|"
    r"widow(?:er)?s?|actress(?:es)?|stewardess|hostess|sir|ma'?am|madam|dame|damsel|diva|madonna|tomboy|playboy|"
    r"cowboys?|cowgirls?|geisha|harem|amazons?|bitch(?:es)?|sluts?|whores?|bastards?|pimps?|dykes?|guys|ex-?wife|"
    r"ex-?husband|ex-?girlfriend|ex-?boyfriend|bulls?|cows?|hens?|roosters?|stallions?|mares?|lioness|branch "
    r"presid\w*|bishops?|hombres?|se[nñ]or\w*|husbands|wives|(?:house|mid|ale)wi(?:fe|ves))\b",
    regex.IGNORECASE,
)
"""Words that are said of one gender and have no counterpart here, which would go on saying it."""

COMPOUND = regex.compile(r"\b\w+(?:man|men|woman|women|boys?|girls?)\b", regex.IGNORECASE)
PLAIN = _words(
    "human woman women german roman ottoman omen specimen regimen acumen abdomen shaman talisman superhuman inhuman "
    "semen foramen cayman caiman amen yemen"
)
"""COMPOUND finds those of them that are made up ("chairman", "batgirl"); PLAIN words only look so."""

NOT_PEOPLE = regex.compile(
    r"\b(?:sister|brother|mother|daughter|father|parent|child)[ -](?:compan\w+|site|sites|store|shop|brand|cit\w+|"
    r"school|ship|species|cell|cells|board|card|station|church|printer|paper|series|show|hood|figure|tongue|land|"
    r"ship|nature|earth|node)\b|\b(?:boy|girl)s? (?:band|bands|group|groups|scouts?|night|power|talk|code|next door|"
    r"problems?|stuff|things?|clothes|toys?|names?|team)\b|\b(?:gossip|mean|spice|gilmore|golden|cover|it|poster|"
    r"pin-?up|beach|backstreet|bad|good ol|fan|frat|play|atta|home|new|gone|geek) (?:boys?|girls?)\b|\b(?:best|iron|"
    r"spider|ant|bat|super|x|rain|tin|gingerbread|con|hit|stunt|mad|snow|invisible|bogey|the) man\b|\bman (?:of|in "
    r"the|cave|bun|flu|hours?|page|made|kind|city|united|up)\b|\bladies'? man\b|\b(?:cat|bag|tooth|first|lunch|old|"
    r"dragon|foxy) lady\b|\blady (?:bug|bird|luck|gaga)\b|\b(?:family|wise|fall|bad|fat) guy\b|\b(?:soccer|"
    r"helicopter|tiger|stage) (?:mom|dad|mum)s?\b|\b(?:dad|mom|mum|daddy|mommy|mama|papa) (?:jokes?|jeans|bod|issues|"
    r"blog\w*|bear|pig|shark|john)\b|\b(?:sugar|big|puff|who's your|go) (?:daddy|mama)\b|\b(?:frat\w*|sorority|soul|"
    r"blood|brothers?|sisters?) (?:brother|sister|in arms|in christ|from another)\w*|\bbig brother\b|\buncle (?:sam|"
    r"ben|tom)\b|\btrophy (?:wife|husband)\b|\bson of an?\b|\bmother ?fuck\w*|\b(?:mother|father)'?s'? day\b|"
    r"\bfather (?:christmas|time)\b|\boh brother\b|\b(?:his|her) (?:majesty|highness|holiness|honou?r|excellency)\b|"
    r"\b(?:yo|your) (?:mama|momma)\b|\bgirl friday\b|\byour man\b|\b(?:guy|lady|man|boy|girl) friends?\b|\bmy (?:man|"
    r"boy|girl|lady|dude)\b|, my (?:brother|sister|son|daughter)\s*[.!]|\b(?:this|that) man\s*(?:[.!,?]|$)",
    regex.IGNORECASE,
)
"""Set phrases, works and things."""

INHERENT = regex.compile(
    r"\b(?:pregnan\w*|(?:hav(?:e|ing)|had|expecting|deliver\w*|carry\w*) (?:a |an |the |my |our |her |his |another "
    r")?(?:bab(?:y|ies)|twins|kid|child)|childbirth|(?:give|gave|giv(?:en|es|ing)) birth|birth|born|matern\w*|"
    r"patern\w*|breast\w*|lactat\w*|nursing|menstru\w*|menopaus\w*|periods?|pms|pcos|tampons?|uter\w+|ovar\w+|"
    r"ovulat\w*|womb|vagin\w*|vulv\w*|clitor\w*|labia\w*|cervi(?:x|cal)|hymen|fallopian|placenta\w*|fetus\w*|"
    r"foetus\w*|fetal|embryo\w*|miscarr\w*|abort\w*|c-section|cesarean|ivf|gyn\w*|obgyn|ob-gyn|obstetr\w*|"
    r"hysterectomy|mastectomy|mammogra\w*|endometri\w*|prostat\w*|testic\w*|testes|testis|scrot\w*|foreskin|semen|"
    r"ejaculat\w*|testosterone|androgen\w*|o?estrogen\w*|progest\w*|hormon\w*|penis\w*|penile|dicks?|cocks?|balls|"
    r"puss(?:y|ies)|boobs?|tits|sperm\w*|erect\w+|impoten\w*|viagra|vasectom\w*|circumcis\w*|steril\w*|fertil\w*|"
    r"infertil\w*|contracept\w*|birth control|puberty|genital\w*|pelvi\w*|chromosom\w*|genes?|genetic\w*|genom\w*|"
    r"hered\w*|inherit\w*|carriers?|x-linked|autosom\w*|mutation\w*|h(?:a)?emophili\w*|colou?r ?blind\w*|virgin\w*|"
    r"adam's apple|beards?|bearded|mou?stach\w*|facial hair|bald\w*|chest hair|shav\w+|bras?|panties|lingerie|"
    r"bikinis?|skirts?|dress(?:es)?|gowns?|heels|lipstick|make-?up|mascara|nails?|purse|tuxedo|ties?|drag|maiden "
    r"name|dowry|alimony|trans|transgend\w*|transsex\w*|non-?binary|lesbians?|gay|gays|homosexual\w*|heterosexual\w*|"
    r"bisexual\w*|straight|queer|feminis\w*|feminin\w*|femini[sz]\w*|masculin\w*|macho|manl(?:y|iness)|womanl\w*|"
    r"girly|ladylike|misogyn\w*|misandr\w*|sexis\w*|patriarch\w*|matriarch\w*|genders?|sex|sexes|sexual\w*|rap(?:e|"
    r"es|ed|ist)|harass\w*|draft(?:ed)?|conscript\w*|jesus|christ|allah|prophet\w*|bible|biblical|heavenly \w+|baby "
    r"showers?|hygiene|(?:wo)?men in \w+|(?:wo)?men's|relief society|(?:sister|brother) missionar\w*|hijab\w*|"
    r"niqab\w*|burk[ah]a?\w*|turbans?|veil(?:s|ed)?|incels?|wnba|wta|atp|pga|lpga|sororit\w*|frat\w*)\b",
    regex.IGNORECASE,
)
"""What is true of one gender, or about gender itself, or of one known person: such conversations are left alone."""

FAME = regex.compile(
    r"\b(?:concerts?|animat\w*|bands?|plots?|movies?|films?|cinema|episodes?|sitcoms?|tv shows?|animes?|cartoons?|"
    r"comics?|novels?|series|characters?|protagonist|villains?|superhero\w*|marvel|disney|actors?|celebrit\w*|famous|"
    r"star(?:s|red|ring)?|singers?|songs?|albums?|lyrics|rappers?|musicians?|composers?|artists?|painters?|poets?|"
    r"poems?|authors?|writers?|directors?|directed|presidents?|prime ministers?|politic\w*|senators?|governors?|"
    r"mayors?|elect(?:ed|ion\w*)|candidates?|congress\w*|court|dictators?|tyrants?|emperor\w*|ruler|ruled|reign\w*|"
    r"crown\w*|thrones?|dynast\w*|histor\w+|century|ancient|athletes?|olympi\w*|players?|quarterbacks?|coach(?:es)?|"
    r"nba|nfl|fifa|champion\w*|league|teams?|world record|inventors?|invent(?:ed|ion\w*)|founders?|founded|"
    r"billionaires?|ceo|philosoph\w+|scientists?|nobel|award\w*|oscars?|grammys?|legends?|legendary|myth\w*|"
    r"discovered|astronauts?|explorers?|pilots?|the first|biograph\w*|wikipedia|playoffs?|bench|trade[ds]?|rookies?|"
    r"games?|captains?|colonial\w*|vot(?:e|es|ed|ing)|impeach\w*|videos?|channels?|stream\w*|subreddit|on screen|"
    r"govt|government|administration|citizens?|army|military|wars?|defensive|performances?|strateg\w*|generals?|"
    r"fans?|contestants?|fairy ?tales?|seasons? of|season \d|ep \d|episode|netflix|hulu|sing(?:s|ing)?|sang|how i "
    r"met|american dad|names? (?:is|was|of)|name's|named|what is the name|who is the|who was|riddles?|jokes?|quotes?|"
    r"quoted|story about|fiction\w*|portray\w*|played by|role of)\b",
    regex.IGNORECASE,
)
"""Talk of known people, of works and the people in them: a word may mean one of them, whose gender is a fact."""

NEUTRAL = (
    "friend|roommate|roomate|flatmate|buddy|teacher|boss|manager|supervisor|coworker|colleague|neighbou?r|cousin|kid|"
    "baby|child|toddler|student|patient|partner|parent|client|customer|doctor|dentist|nurse|therapist|counselor|"
    "counsellor|stranger|spouse|sibling|twin|dog|puppy|cat|kitten|ex|accountant|engineer|lawyer|plumber|receptionist|"
    "secretary|assistant|driver|landlady|tenant|guest|classmate|instructor|tutor|trainer|employee|nanny|babysitter|"
    "mechanic|baker|chef|farmer|librarian|pharmacist|cashier|electrician|carpenter|gardener|surgeon|clerk"
)
"""Unnamed persons (and pets) whose word does not change, and to whom a pronoun may point."""
ANYBODY = "person|someone|somebody"
"""To whom a pronoun may point too, but who need not be known to the writer."""
