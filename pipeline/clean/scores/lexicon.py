"""English words that offend, by how much. A filter must name what it filters.

Severity, 0 to 1: SLUR words demean people for what they are; ABUSE is aimed at a person; VULGAR is
coarse but common among friends; MILD is ordinary speech that only adds to other evidence.
"""

SLUR, ABUSE, VULGAR, MILD = 1.0, 0.75, 0.5, 0.2

SLURS = """
nigger nigga niggah niggaz nigguh niglet nig nigs negro negroes negress coon darkie darky jigaboo sambo pickaninny
porchmonkey spook faggot fag faggy fagot dyke dike lesbo homo poof poofter tranny trannie shemale heshe
kike kyke yid heeb hymie spic spick wetback beaner greaser gook chink chinaman slope zipperhead jap nip
paki raghead towelhead sandnigger cameljockey muzzie muzzy mudslime hadji haji gypo gyppo pikey squaw injun
redskin honky honkey whitey cracka gringo wop dago guido kraut polack ofay wigger wigga
retard retarded mongoloid spastic spaz tard libtard fucktard
"""
ABUSES = """
bitch bitchy biatch bich beyotch cunt whore hoe ho slut slutty slag skank skanky thot hooker tramp tart twat
motherfucker motherfucking muthafucka mothafucka mofo cocksucker asshole arsehole dumbass jackass dickhead
shithead fuckface fuckhead fucker douchebag bastard scumbag prick wanker tosser bellend pussy pussies
dipshit bullshitter cumslut cumdumpster gangbang rapist pedo pedophile subhuman vermin
"""
VULGARS = """
fuck fucked fucking fuckin fuk fuking fck fcking wtf stfu gtfo shit shitty bullshit horseshit shite crappy ass arse
badass dick dicks cock cocks penis vagina tits titties titty boobs boobies cum cumming jizz blowjob handjob dildo
porn porno horny boner wank wanking piss pissed goddamn goddam damn damned dammit bollocks bugger clit
rape raped anal orgy fap milf
"""
MILDS = """
hell crap stupid idiot idiotic dumb moron loser trash ugly fat sucks suck screw hate kill murder butt sexy sex drunk
weirdo freak creep jerk lame gay nazi terrorist savage ghetto pimp stripper prostitute imbecile scum filthy
"""
PHRASES = {
    "kill yourself": SLUR,
    "kill urself": SLUR,
    "kys": SLUR,
    "white trash": SLUR,
    "trailer trash": SLUR,
    "sand nigger": SLUR,
    "camel jockey": SLUR,
    "porch monkey": SLUR,
    "go back to africa": SLUR,
    "gas the jews": SLUR,
    "hope you die": SLUR,
    "go die": ABUSE,
    "son of a bitch": ABUSE,
    "piece of shit": ABUSE,
    "fuck you": ABUSE,
    "fuck off": ABUSE,
    "suck my": ABUSE,
    "shut up": MILD,
}

AMBIGUOUS_WORDS = """
coon coons spook spooks dike dikes slope slopes nip nips jap haji guido guidos greaser cracka tart tarts tramp tramps
hooker hookers hoes prick pricks bugger ho hos hoe gook negro negros gringo gringos whitey spastic yid redskin redskins
squaw homo cock cocks tosser slag poof rape rapes raped rapist rapists
"""
AMBIGUOUS = frozenset(AMBIGUOUS_WORDS.split())
"""Also a cat, a cake, a team, a slip of the finger or a subject of earnest talk: counted as MILD."""


def severities() -> dict[str, float]:
    """Word, with its plural, to severity."""
    found: dict[str, float] = {}
    for words, severity in ((SLURS, SLUR), (ABUSES, ABUSE), (VULGARS, VULGAR), (MILDS, MILD)):
        for word in words.split():
            for form in (word, word + "s", word + "es" if word.endswith(("sh", "ch", "s")) else word):
                found.setdefault(form, MILD if form in AMBIGUOUS else severity)
    return found
