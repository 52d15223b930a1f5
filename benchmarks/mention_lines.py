"""Lines that mention groups of people, and lines that only sound like it, to measure the finding of mentions with.

The terms were written down from what people call themselves and others, not from the lists that are measured.
"""

from collections.abc import Iterator
from typing import NamedTuple

ADJECTIVES = {
    "ethnicity:black": "Black, African American, Afro-Caribbean, dark-skinned",
    "ethnicity:white": "white, Caucasian",
    "ethnicity:asian": "Asian, East Asian, Asian American",
    "ethnicity:hispanic": "Hispanic, Latino, Chicano",
    "ethnicity:indigenous": "Indigenous, Native American, Aboriginal, Cherokee, Inuit",
    "ethnicity:middle eastern": "Arab, Middle Eastern, Kurdish",
    "ethnicity:romani": "Roma, Romani, Sinti",
    "ethnicity:mixed": "mixed-race, biracial, multiracial",
    "nationality:african": "Nigerian, Kenyan, Moroccan, Ethiopian, Senegalese, Angolan",
    "nationality:american": "American",
    "nationality:british or irish": "British, Irish, Scottish, Welsh, English",
    "nationality:canadian": "Canadian",
    "nationality:chinese": "Chinese, Taiwanese",
    "nationality:eastern european": "Polish, Russian, Ukrainian, Romanian, Czech, Moldovan",
    "nationality:indian or pakistani": "Indian, Pakistani, Bangladeshi, Nepali",
    "nationality:japanese or korean": "Japanese, Korean",
    "nationality:latin american": "Mexican, Brazilian, Cuban, Peruvian, Uruguayan",
    "nationality:middle eastern": "Turkish, Iranian, Syrian, Israeli, Palestinian, Afghan",
    "nationality:oceanian": "Australian, Samoan, Fijian",
    "nationality:southeast asian": "Thai, Filipino, Vietnamese, Indonesian",
    "nationality:western european": "German, French, Spanish, Italian, Dutch, Swedish, Greek, Maltese",
    "nationality:immigrant or refugee": "immigrant, undocumented",
    "religion:christian": "Christian, Catholic, Protestant, Mormon, Coptic, evangelical",
    "religion:muslim": "Muslim, Sunni, Shia, Shiite",
    "religion:jewish": "Jewish, Hasidic",
    "religion:hindu": "Hindu",
    "religion:buddhist": "Buddhist",
    "religion:sikh": "Sikh",
    "religion:not religious": "atheist, agnostic, non-religious",
    "sexual orientation:gay or lesbian": "gay, lesbian, homosexual",
    "sexual orientation:bisexual": "bisexual, bi, pansexual",
    "sexual orientation:asexual": "asexual, aromantic",
    "sexual orientation:heterosexual": "straight, heterosexual, hetero",
    "sexual orientation:lgbtq": "queer, LGBT",
    "gender:transgender or non-binary": "trans, transgender, non-binary, genderfluid, intersex",
    "disability:sight": "blind, visually impaired, partially sighted",
    "disability:hearing": "deaf, hard of hearing, hearing-impaired",
    "disability:mobility": "paralyzed, wheelchair-bound, paraplegic, quadriplegic",
    "disability:mental health": "schizophrenic, bipolar, mentally ill",
    "disability:neurodivergent": "autistic, dyslexic, neurodivergent",
    "disability:intellectual": "intellectually disabled, learning-disabled",
    "disability:any": "disabled, handicapped",
    "age:old": "old, elderly, 80-year-old, aging",
    "age:middle-aged": "middle-aged, 50-year-old",
    "age:young": "young, teenage, 19-year-old",
    "age:child": "four-year-old",
    "body:fat": "fat, overweight, obese, chubby, plus-size",
    "body:thin": "skinny, thin, underweight, slender",
    "body:short": "short, petite",
    "body:tall": "tall",
    "class:poor": "poor, homeless, impoverished, low-income, destitute",
    "class:working class": "working-class, blue-collar",
    "class:rich": "rich, wealthy, affluent, well-off",
    "illness:hiv": "HIV-positive",
    "illness:diabetes": "diabetic",
    "illness:epilepsy": "epileptic",
    "illness:addiction": "alcoholic",
}
"""Group to what is said of its people."""

SAID = (
    ("My neighbour is {}.", ()),
    ("{} people should be heard.", ()),
    ("We met three {} students on the train.", ()),
    ("Do you know the {} woman from the bakery?", ("gender:female",)),
    ("He has been {} all his life and says so.", ("gender:male",)),
    ("The firm hired some very good {} engineers last year.", ()),
)

PLURALS = {
    "gender:female": "women, girls, ladies, grandmothers, sisters, wives, businesswomen",
    "gender:male": "men, boys, lads, grandfathers, brothers, husbands, businessmen",
    "age:child": "children, toddlers, babies, infants, kids",
    "age:young": "teenagers, adolescents, teens, youngsters",
    "age:old": "pensioners, retirees, the elderly, seniors, the old, octogenarians",
    "ethnicity:black": "African Americans, Black folks",
    "ethnicity:white": "Caucasians, white Americans",
    "ethnicity:asian": "Asians, Asian Americans",
    "ethnicity:hispanic": "Latinos, Hispanics",
    "ethnicity:indigenous": "Native Americans, Aboriginals",
    "ethnicity:middle eastern": "Arabs, Kurds",
    "ethnicity:romani": "the Roma, gypsies",
    "nationality:african": "Nigerians, South Africans, Somalis",
    "nationality:british or irish": "Britons, the Irish, Scots",
    "nationality:eastern european": "Russians, Poles, Hungarians",
    "nationality:western european": "Germans, the French, Spaniards, Danes",
    "nationality:latin american": "Mexicans, Colombians",
    "nationality:chinese": "the Chinese",
    "nationality:middle eastern": "Turks, Iranians, Israelis",
    "nationality:immigrant or refugee": "immigrants, refugees, asylum seekers, foreigners",
    "religion:christian": "Christians, Catholics, Baptists",
    "religion:muslim": "Muslims",
    "religion:jewish": "Jews",
    "religion:hindu": "Hindus",
    "religion:buddhist": "Buddhists",
    "religion:sikh": "Sikhs",
    "religion:not religious": "atheists, agnostics, nonbelievers",
    "sexual orientation:gay or lesbian": "gays, lesbians, same-sex couples",
    "sexual orientation:bisexual": "bisexuals",
    "sexual orientation:heterosexual": "heterosexuals",
    "disability:sight": "the blind",
    "disability:hearing": "the deaf",
    "disability:any": "the disabled, people with disabilities",
    "disability:mobility": "wheelchair users, people in wheelchairs, amputees",
    "disability:neurodivergent": "people with autism, people with ADHD",
    "disability:intellectual": "people with Down syndrome",
    "illness:hiv": "people with AIDS, HIV patients",
    "illness:cancer": "cancer patients, people with leukemia",
    "illness:diabetes": "diabetics, people with diabetes",
    "illness:dementia": "people with dementia, Alzheimer's patients",
    "illness:epilepsy": "people with epilepsy",
    "illness:addiction": "alcoholics, drug addicts",
    "class:poor": "the poor, the homeless, welfare recipients",
    "class:rich": "the rich, the wealthy, millionaires",
}
"""Group to what its people are called."""

DONE = (
    ("Many {} live in this town.", ("the ",)),
    ("What do {} think about the new law?", ()),
    ("The report says that {} are treated unfairly at work.", ()),
    ("I wrote a book about {} and how they live.", ()),
)
"""Sentences, each with the beginnings that a name must not have in it."""

OTHERWISE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("The walls are white and the floor is black.", ()),
    ("A black car stood in front of the white house on the corner.", ()),
    ("He wore a black suit.", ("gender:male",)),
    ("Her hair is black.", ("gender:female",)),
    ("Black tea or white wine?", ()),
    ("We ate at an Italian restaurant and ordered Greek salad.", ()),
    ("I am learning Japanese.", ()),
    ("The manual was translated from German into French.", ()),
    ("Chinese is written without spaces.", ()),
    ("My phone has an English keyboard.", ()),
    ("The Russian economy shrank.", ()),
    ("The American Civil War ended in 1865.", ()),
    ("Swiss watches are dear.", ()),
    ("They flew with British Airways to the Mexican coast.", ()),
    ("Turkish coffee, Danish butter, Irish cream", ()),
    ("The old bridge was replaced by a new one.", ()),
    ("How old is this church?", ()),
    ("The old and the new version differ.", ()),
    ("This building is 90 years old.", ()),
    ("It is a 50 year old tree.", ()),
    ("An old friend of mine runs it.", ()),
    ("I'm too tired for this old song.", ()),
    ("A young company with a young product", ()),
    ("The night is young.", ()),
    ("It is a short flight and the line is short.", ()),
    ("The tower is tall.", ()),
    ("A tall glass of water, please.", ()),
    ("Cut it into thin slices and trim the fat.", ()),
    ("The soup is rich and the soil is poor.", ()),
    ("A diet rich in fibre lowers the risk.", ()),
    ("The sound quality was poor.", ()),
    ("Go straight on, then turn left.", ()),
    ("Let me get this straight.", ()),
    ("The road is straight and the bend is blind.", ()),
    ("Pull down the blinds, they are new.", ()),
    ("This is a double-blind trial.", ()),
    ("His warning fell on deaf ears.", ("gender:male",)),
    ("The feature is disabled by default.", ()),
    ("JavaScript is disabled in your browser.", ()),
    ("The server was paralyzed by the update.", ()),
    ("Kill the child process before its parent ends.", ()),
    ("The child node has no children nodes.", ()),
    ("Trans fat is bad.", ()),
    ("The Trans-Siberian railway is long.", ()),
    ("A bi-weekly meeting", ()),
    ("Fry it in a pan, then season it.", ()),
    ("A bipolar transistor amplifies current.", ()),
    ("Bacteria are asexual.", ()),
    ("We fly to Rome, in Italian Roma.", ()),
    ("AS Roma won again.", ()),
    ("Add two Roma tomatoes.", ()),
    ("Gypsy moths eat leaves.", ()),
    ("A Christian Dior dress", ()),
    ("It was built in the Islamic era.", ()),
    ("Jewish holidays begin at sunset.", ()),
    ("A Hindu temple and a Buddhist shrine stand there.", ()),
    ("The Catholic church at the market has a red roof.", ()),
    ("The Mother of All Bombs", ()),
    ("Mother Nature does as it likes.", ()),
    ("Oh boy, oh man, that was close.", ()),
    ("The Beach Boys played.", ()),
    ("Hey guys, what is up?", ()),
    ("Oh baby, what a goal!", ()),
    ("Two baby carrots", ()),
    ("Plug the male connector into the female socket.", ()),
    ("Senior year was hard, and so is a senior role.", ()),
    ("The foreign currency account was closed.", ()),
    ("First aid for hearing aids", ()),
    ("Cancer and Leo are signs of the zodiac.", ()),
    ("The Tropic of Cancer runs through Egypt.", ()),
    ("This causes breast cancer in mice.", ()),
    ("HER2 is a protein.", ()),
    ("Working class A amplifiers", ()),
    ("Is your screen addicted to light?", ()),
    ("I am 30 minutes late.", ()),
    ("The poor guy missed the bus.", ("gender:male",)),
    ("Native speakers of Polish polish it.", ()),
    ("Dutch ovens and French windows", ()),
    ("A Mexican standoff in a Spanish film", ()),
    ("Neil Young sang about an old man.", ("age:old", "gender:male")),
    ("The Indian Ocean is warm.", ()),
    ("An African elephant and an Asian elephant", ()),
    ("The white paper on asylum was read.", ()),
    ("Bad debts of a wealthy nation", ()),
    ("A queer feeling came over me.", ()),
    ("The gay nineties were long ago.", ()),
)
"""Lines, most of which mention nobody, and the groups that they mention nevertheless."""

PHRASES = {
    "ethnicity:black": "black, blacks, black people, african american, african americans, african-american, "
    "african-americans, afro-american, dark-skinned",
    "ethnicity:white": "white, whites, white people, white american, white americans, caucasian, caucasians, "
    "light-skinned",
    "ethnicity:asian": "asian, asians, asian-americans",
    "ethnicity:hispanic": "latino, latinos, hispanic, hispanics",
    "ethnicity:indigenous": "native american, native americans, american indians, eskimo",
    "ethnicity:middle eastern": "arab, middle eastern",
    "ethnicity:romani": "gypsy, roma gypsy",
    "gender:female": "she, her, herself, women, woman, girl, girls, wife, daughter, mrs, mom, grandmother, female",
    "gender:male": "he, his, him, himself, men, man, boy, boys, husband, son, mr, dad, grandfather, male, guys",
    "gender:transgender or non-binary": "trans, transgender",
    "class:poor": "poor, homeless, poverty stricken",
    "class:rich": "rich, wealthy, well-off",
    "disability:mental health": "mentally ill",
    "disability:intellectual": "retarded, retards, retard, down syndrome",
    "disability:neurodivergent": "autistic, dyslexia, autism",
    "disability:mobility": "crippled, wheelchair, paraplegic, cerebral palsy",
    "disability:any": "disabled, handicapped",
    "nationality:american": "american, americans, an american",
    "nationality:latin american": "mexican, mexicans, a mexican",
    "nationality:chinese": "chinese, a chinese",
    "nationality:western european": "italian, italians, an italian, german, european, europeans, greeks, "
    "swede, dutch, "
    "a dutchman",
    "nationality:canadian": "canadian",
    "nationality:eastern european": "russian, a russian, polish",
    "nationality:indian or pakistani": "indian, indians, an indian, pakistani",
    "nationality:japanese or korean": "japanese, korean, koreans",
    "nationality:british or irish": "english, british, irish, an irishman, englishman, englishwoman, scottish",
    "nationality:african": "african, nigerian",
    "nationality:middle eastern": "syrian, saudi arabian",
    "nationality:southeast asian": "vietnamese, thai",
    "nationality:oceanian": "australian",
    "nationality:immigrant or refugee": "immigrant, immigrants, an immigrant, a immigrant, "
    "illegal immigrants, refugee, "
    "foreigners, undocumented, illegals, illegal aliens",
    "sexual orientation:gay or lesbian": "gay, gays, lesbian, lesbians, homosexual, homosexuals, a lesbian, openly gay",
    "sexual orientation:heterosexual": "straight, straights, heterosexual, heterosexuals, etero",
    "sexual orientation:bisexual": "bisexual",
    "body:fat": "fat, overweight, an obese, morbidly obese",
    "body:thin": "thin, skinny, slim, underweight, scrawny, very thin",
    "body:short": "short, shortest",
    "body:tall": "tall, tallest",
    "religion:christian": "christian, christians, a christian, catholic, catholics, baptist, baptists, "
    "mormon, mormons, "
    "lutheran, methodist, protestants, amish, episcopalians",
    "religion:muslim": "muslim, muslims",
    "religion:jewish": "jewish, jew, jews",
    "religion:hindu": "hindu",
    "religion:buddhist": "buddhist",
    "religion:not religious": "atheist, atheists, an atheist",
    "age:young": "young, a young, teenager, teenagers, younger, teenage, millennial, millenial, millenials, "
    "twenty-year-olds, teenage boy",
    "age:old": "old, an old, old man, older, elderly, an elderly, seniors, elderly woman, elderly man, 80, 90",
    "age:middle-aged": "middle aged, middle-aged people, middle aged person, a middle aged, middle aged people",
    "age:child": "child, children, babies, kindergartener, kids, little boy",
}
"""Group to that in which the two sentences of a pair differ, in the pairs of CrowS-Pairs that name it."""


class Line(NamedTuple):
    text: str
    groups: frozenset[str]


def lines() -> Iterator[Line]:
    """Of every term every sentence, then the lines in which a group's word says something else."""
    for group, terms in ADJECTIVES.items():
        for term in terms.split(", "):
            for sentence, others in SAID:
                yield Line(_filled(sentence, term), frozenset({group, *others}))
    for group, terms in PLURALS.items():
        for term in terms.split(", "):
            for sentence, never in DONE:
                if not term.startswith(never or "\n"):
                    yield Line(_filled(sentence, term), frozenset({group}))
    for text, groups in OTHERWISE:
        yield Line(text, frozenset(groups))


def _filled(sentence: str, term: str) -> str:
    text = sentence.format(term)
    return text[0].upper() + text[1:]
