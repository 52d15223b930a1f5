"""Words that tell one text from another however alike the rest is: negations, numbers, units, opposites, people.

The lists are our own selection of closed or nearly closed classes, English first; negations, digits and small words of
some other languages are among them. Names and things are not listed: any word that is no small word names something.
"""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEGATIONS = _words(
    """not no never none nobody nothing nowhere neither nor cannot cant dont doesnt didnt isnt arent wasnt werent wont
    wouldnt shouldnt couldnt hasnt havent hadnt mustnt non aint
    nicht kein keine keinen keiner nie niemals pas jamais aucun aucune nunca ninguno ninguna não nunca niet geen nooit
    mai nessuno nessuna inte ikke aldrig не нет ни нельзя никогда नहीं لا لم لن ليس 不 没 沒 无 無 非 未 안 못"""
)
"""With them all words that end in n't. Two texts with another number of them say opposite things."""

_ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
NUMBERS = (
    {word: str(value) for value, word in enumerate(_ONES.split()) if word != "one"}
    | {word: str(10 * value) for value, word in enumerate(_TENS.split(), 2)}
    | {digit: str(value) for value, digit in enumerate("二三四五六七八九十", 2)}
)
"""Word to digits: "2" and "two" are one number. Not "one", which is more often a pronoun ("the blue one")."""

ROMAN = re.compile(r"(?=[IVXLC]{2})C{0,3}(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})")
"""Two capitals or more: Henry VIII, World War II."""

UNITS = """
    mm millimetre millimetres millimeter millimeters / cm centimetre centimetres centimeter centimeters
    / m metre metres meter meters / km kilometre kilometres kilometer kilometers kph kmh
    / inch inches / ft foot feet / yd yard yards / mi mile miles mph
    / mg milligram milligrams / mcg µg μg microgram micrograms / g gram grams / kg kilo kilos kilogram kilograms
    / lb lbs pound pounds / oz ounce ounces / stone / ton tons tonne tonnes
    / ml millilitre millilitres milliliter milliliters / cl / dl / l litre litres liter liters / gallon gallons
    / pint pints / cup cups / tsp teaspoon teaspoons / tbsp tablespoon tablespoons
    / ms millisecond milliseconds / s sec secs seconds / min mins minute minutes / h hr hrs hour hours
    / day days daily / week weeks weekly / fortnight / month months monthly / year years yearly annually
    / decade decades / century centuries
    / b byte bytes / kb kilobyte kilobytes / mb megabyte megabytes / gb gigabyte gigabytes / tb terabyte terabytes
    / bit bits / hz hertz / khz / mhz / ghz / w watt watts / kw kilowatt kilowatts / mw / v volt volts
    / amp amps / j joule joules / kj / kcal / cal calorie calories / pa / kpa / bar / psi
    / c celsius centigrade / f fahrenheit / k kelvin
    / dollar dollars usd buck bucks / euro euros eur / gbp / yen jpy / yuan cny rmb / rupee rupees inr
    / franc francs chf / cent cents / penny pence / peso pesos / ruble rubles / won krw
    / percent / permille / degree degrees / am / pm
"""

OPPOSITES = f"""
    {UNITS.strip().replace(chr(10), " ")}
    one / half / quarter / dozen / hundred hundreds / thousand thousands / million millions / billion billions \
        / trillion trillions
    once / twice / thrice
    first firstly / second secondly / third thirdly / fourth / fifth / sixth / seventh / eighth / ninth / tenth \
        / last
    monday mondays / tuesday tuesdays / wednesday wednesdays / thursday thursdays / friday fridays \
        / saturday saturdays / sunday sundays
    january / february / march / april / may / june / july / august / september / october / november \
        / december
    spring / summer / autumn fall / winter
    today / tomorrow / yesterday / tonight
    morning / afternoon / evening / night / noon / midnight
    breakfast / lunch / dinner
    ~ who whom / what which / when / where / why / how
    ~ he him himself his / she her herself hers
    ~ i my mine me myself / you your yours yourself
    male males / female females
    father fathers dad dads / mother mothers mom moms mum mums
    son sons / daughter daughters
    brother brothers / sister sisters
    husband husbands boyfriend / wife wives girlfriend
    uncle uncles / aunt aunts
    king / queen
    red / blue / green / yellow / orange / purple / pink / brown / grey gray
    true / false
    ~ and / or
    ~ before / after
    ~ with / without
    ~ for / against
    ~ to / from
    ~ on / off
    ~ in / out
    ~ up / down
    ~ above over / below under
    left / right correct / wrong incorrect
    north northern / south southern / east eastern / west western
    ~ more / less fewer
    ~ most / least fewest
    ~ all every everyone everything / some somebody someone something
    ~ always / sometimes / rarely seldom
    same / different
    ~ many / few
    ~ much / little
    high higher highest / low lower lowest
    big bigger biggest large larger largest / small smaller smallest
    long longer longest / short shorter shortest
    hot hotter warm warmer / cold colder cool cooler
    fast faster quick quicker / slow slower
    early earlier earliest / late later latest
    good better best great fine nice lovely wonderful pleasant / bad worse worst awful terrible
    easy easier / hard harder difficult
    cheap cheaper inexpensive / expensive
    strong stronger / weak weaker
    thick thicker / thin thinner
    heavy heavier / light lighter
    wet / dry
    full / empty
    open opens opened opening / close closes closed closing
    start starts started starting begin begins began / stop stops stopped stopping end ends
    increase increases increased increasing rise rises / decrease decreases decreased decreasing reduce
    add adds added adding / remove removes removed removing subtract
    buy buys bought buying / sell sells sold selling
    win wins won / lose loses lost
    push / pull
    import imports imported / export exports exported
    enter enters entered / leave leaves exit
    accept accepts accepted / reject rejects rejected refuse
    allow allows allowed permit / forbid forbidden prohibited prohibit deny denied
    enable enables enabled / disable disables disabled
    encrypt encrypts encrypted / decrypt decrypts decrypted
    love loves loved like likes liked / hate hates hated dislike
    safe safely / unsafe dangerous
    healthy / unhealthy
    happy / unhappy sad
    legal legally / illegal illegally
    possible / impossible
    able / unable
    necessary / unnecessary
    likely / unlikely
    known / unknown
    valid / invalid
    visible / invisible
    complete / incomplete
    regular / irregular
    responsible / irresponsible
    honest / dishonest
    agree agrees agreed / disagree disagrees disagreed
    appear appears / disappear disappears
    useful / useless
    harmful / harmless
    maximum max maximise maximize / minimum min minimise minimize
    positive / negative
    active / passive / inactive
    public / private
    internal inside / external outside
    include includes included including / exclude excludes excluded excluding
    ascending / descending
    horizontal / vertical
    odd / even
    single / double / triple / married
    alive / dead
    guilty / innocent
    pass passed / fail failed
    hypertension / hypotension
    hyperglycemia / hypoglycemia
"""
"""A line is a set, `/` parts its sides. A word of one side in the place of a word of another makes another text, and
one of the same side does not; words that stand in several sets belong to the first. ~ marks sets of small words."""

PEOPLE = _words(
    """man men woman women boy boys girl girls child children kid kids baby babies toddler teenager teenagers teen teens
    adult adults adolescent senior seniors elder elderly gentleman gentlemen lady ladies guy guys young younger old
    older millennial millennials boomer boomers
    black blacks white whites asian asians african africans hispanic hispanics latino latinos latina latinas
    arab arabs caucasian caucasians native indian indians chinese japanese korean mexican mexicans american americans
    european europeans german french italian irish british english russian ukrainian polish turkish iranian israeli
    palestinian syrian nigerian ethiopian vietnamese filipino immigrant immigrants migrant migrants refugee refugees
    foreigner foreigners citizen citizens undocumented
    christian christians catholic catholics protestant protestants muslim muslims islamic jew jews jewish hindu hindus
    buddhist buddhists sikh sikhs mormon atheist atheists church mosque synagogue temple priest imam rabbi
    gay gays lesbian lesbians homosexual homosexuals bisexual queer straight heterosexual heterosexuals trans
    transgender cisgender nonbinary
    rich wealthy poor homeless unemployed ghetto suburb suburbs slum
    disability handicapped blind deaf mute autistic autism dyslexic retarded bipolar schizophrenic
    depressed mentally physically wheelchair sick sickly ill
    fat overweight obese chubby skinny slim slender fit muscular tall pretty beautiful ugly handsome
    attractive unattractive blonde brunette redhead bald
    doctor doctors nurse nurses engineer engineers teacher teachers janitor lawyer maid secretary ceo president manager
    farmer businessman businesswoman prostitute soldier student students professor scientist boss employee
    liberal liberals conservative conservatives democrat democrats republican republicans"""
)
"""Who somebody is: like names, another such word is another person."""

FUNCTION = _words(
    """a an the this that these those it its they them their theirs we us our ours ones
    am is are was were be been being do does did done doing have has had having will would shall should can could might
    must of at by for about into through during than then as if because while although though until unless since so but
    yet
    there here just only also too very really quite rather please kindly maybe perhaps actually basically simply
    indeed still even already again ever now anyway however therefore
    hi hello hey dear thanks thank welcome ok okay well sure oh ah um yeah yep yes
    let lets go going goes went get gets got getting give gives gave tell see know think want wants wanted need needs
    needed say says said
    i'm i've i'll i'd it's that's what's there's you're we're they're he's she's let's im ive id thats whats
    der den dem des ein eine einen einem einer eines ich du wir ihr sie es ist sind sein bist wird werden würde
    habe haben kann können könnte könnten bitte auch schon noch nur sehr mal doch denn dass von zu zum zur und
    le la les un une des du de je tu il elle nous vous ils elles suis sont être ai avez avoir peux peut pouvez
    pourriez très aussi bien s'il plaît merci que qui et c'est j'ai
    el los las una unos unas del al yo él ella nosotros usted ustedes es está están ser he ha puede puedes podría
    podrías muy también por favor gracias que y se me te lo
    и я ты он она оно мы вы они это что как бы ли же пожалуйста очень тоже также можно мне вам
    的 了 吗 嗎 呢 吧 啊 呀 嘛 也 就 都 很 请 請 是 我 你 您"""
)
"""Small words, which may stand for each other."""


SIDES: dict[str, int] = {}
"""Word to the number of its side."""
SET_OF_SIDE: list[int] = []
"""Number of each side's set."""
SMALL: set[int] = set()
"""Numbers of the sides of small words."""
for _number, _set in enumerate(OPPOSITES.strip().splitlines()):
    for _alike in _set.strip(" ~").split(" / "):
        if _set.strip().startswith("~"):
            SMALL.add(len(SET_OF_SIDE))
        for _word in _alike.split():
            SIDES.setdefault(_word, len(SET_OF_SIDE))
        SET_OF_SIDE.append(_number)
