"""Classes of English words by what they do in speech that attacks, reports or condemns.

A class stands for its words in the features of pipeline.clean.scores.offensive_features, so that what is
learned of one
group, one insult or one verb holds for all of them, and no group's name weighs anything by itself.
"""

PERSONS = """
people person persons man men woman women guy guys girl girls boy boys lady ladies kid kids child children folk folks
student students worker workers neighbor neighbors neighbour neighbours family families couple couples community
communities men's women's teacher boss coworker colleague individual individuals friend friends patient patients lot
teenager teenagers teens adults
"""

GROUPS = """
gay gays lesbian lesbians bisexual bisexuals queer queers homosexual homosexuals transgender transsexual
transsexuals lgbt lgbtq heterosexual heterosexuals nonbinary
muslim muslims islam islamic jew jews jewish judaism christian christians catholic catholics protestant
protestants hindu
hindus sikh sikhs buddhist buddhists atheist atheists mormon mormons
immigrant immigrants refugee refugees migrant migrants foreigner foreigners asylum-seekers illegals
african africans african-american african-americans asian asians arab arabs indian indians pakistani pakistanis
chinese
japanese korean koreans vietnamese mexican mexicans latino latinos latina latinas hispanic hispanics turk turks
turkish
poles roma romani gypsy gypsies iranian iranians somali somalis haitian haitians nigerian nigerians russian
russians ukrainian ukrainians palestinian palestinians israeli israelis aborigine aborigines aboriginal indigenous
blacks whites browns
woman women men female females girls feminist feminists mothers wives
disabled autistic autistics handicapped wheelchair amputee amputees
homeless elderly pensioners boomers
"""

NATIONAL_WORDS = """
african asian arab indian pakistani chinese japanese korean vietnamese mexican latino latina hispanic turkish roma
iranian somali haitian nigerian russian ukrainian palestinian israeli jewish muslim islamic christian catholic
protestant hindu sikh buddhist mormon gay lesbian bisexual queer homosexual heterosexual transgender indigenous
aboriginal female feminist disabled autistic homeless elderly gypsy
"""
"""Words of GROUPS that are also said of things, where a noun follows: "Chinese food"."""

ADJECTIVES = """
black white brown coloured colored blind deaf old young poor short fat mental disabled autistic trans gay native
straight foreign religious minority ethnic mentally elderly
"""
"""Of a group only before one of PERSONS, or after "the" at the end of a clause."""

CLASS_WORDS = {
    "VERMIN": """
        vermin rat rats cockroach cockroaches roach roaches parasite parasites leech leeches maggot maggots pest pests
        pestilence plague disease diseases cancer tumour tumor virus infestation animal animals beast beasts ape apes
        monkey monkeys pig pigs swine dog dogs snake snakes insect insects lice savage savages subhuman subhumans
        barbarian barbarians scum filth garbage trash dirt waste rubbish sewage stain monster monsters demon
        demons devil
        devils untermenschen human-shaped brutes brute creatures locusts
    """,
    "DESTROY": """
        kill kills killed killing murder murdered murdering shoot shot hang hanged hung lynch lynched exterminate
        exterminated exterminating eradicate eradicated annihilate annihilated destroy destroyed eliminate eliminated
        burn burned burnt gas gassed behead beheaded slaughter slaughtered butcher butchered massacre
        massacred stab stabbed drown drowned wipe wiped erase erased purge purged cull culled
        bullet bullets noose slit throat throats hunt hunted rope flogged stoned impaled skinned crucified
        strangle strangled choke choked crush crushed bomb bombed sterilise sterilised sterilize sterilized genocide
        extermination eradication neutered
    """,
    "RUIN": "overrun stamped thrown trample trampled stomp stomped nuke nuked skull skulls decapitate poison poisoned",
    "DIE": "die dies dying dead death deaths",
    "HURT": """
        hurt beat beaten punch punched kick kicked smash smashed rape raped attack attacked torture tortured slap
        slapped whip whipped bash bashed maim harm
    """,
    "EXPEL": """
        deport deported expel expelled banned banish banished jail jailed locked imprisoned segregated
        enslaved enslave caged camps camp cleanse cleansed cleansing belong
        rid expulsion outlawed remigration cage cages fenced sterilise rounded
    """,
    "HATE": """
        hate hates hated hating despise despises loathe loathes detest detests can't-stand abhor
    """,
    "INFERIOR": """
        inferior stupid dumb idiots idiot idiotic moron morons moronic disgusting disgust filthy dirty ugly worthless
        useless evil lazy criminal criminals thieves thief rapist rapists terrorist terrorists liars greedy sick
        perverts
        pervert perverted degenerate degenerates freak freaks abomination abominations mentally-ill unnatural
        primitive
        uncivilised uncivilized backward cowards losers loser pathetic vile repulsive revolting gross diseased smelly
        stink stinks brainless creeps pedo pedos pedophile pedophiles paedophile paedophiles hysterical imbecile
        imbeciles cretin cretins lowlife
        lowlifes ruining destroying polluting infecting invading lesser dishonest 
    """,
    "SEXUAL": """
        penis vagina porn porno anal orgy boobs boobies boob tits titties titty blowjob handjob dildo horny jizz
        cum cumming
        boner milf fap cock cocks dick dicks clit nipples naked sex sexy
    """,
    "SAY": """
        said say says saying called call calls calling told tell tells telling wrote write writes written
        shouted shouts
        yelled yells screamed claimed claims claim posted comment comments commented quote quoted quotes word
        words term
        terms phrase text texted message spelled spray-painted muttered chanted chanting sign mean means meaning
        heard hear read tweeted tweet title lyrics song chapter book novel film movie play character characters
        song's line dictionary
    """,
    "JUDGE": """
        wrong racist racism sexist sexism homophobic homophobia transphobic transphobia islamophobic antisemitic
        antisemitism xenophobic xenophobia bigoted bigot bigots bigotry offensive offended unacceptable hurtful
        hurts slur
        slurs insult insults insulting derogatory hateful hatred prejudice prejudiced discrimination discriminatory
        harassment harassed bullied bullying bully abuse abused abusive victim victims condemn condemned condemns
        disrespectful ignorant cruel unfair appalling shameful horrified apologise apologize sorry rude vulgar
        dehumanising dehumanizing stereotype stereotypes myth false lie untrue nobody stop report reported against
        inappropriate impolite respect illegal crime persecuted persecution historically nazis nazi
    """,
    "NOT": "not no never don't doesn't didn't isn't aren't wasn't weren't can't cannot won't shouldn't wouldn't",
    "SHOULD": "should must deserve deserves deserved ought let's lets need needs gotta shall will gonna",
    "YOU": "you your you're u ur yourself yourselves ya",
    "THEY": "they them their they're those these themselves em",
    "HE": "he him his she her hers he's she's",
    "I": "i i'm me my mine myself i'll i've we us our we're",
    "ALL": "all every each any most always ever everyone everybody",
    "OUR": "proud reclaim reclaimed ourselves fellow",
}

CLASS_OF = {word: name for name, words in reversed(CLASS_WORDS.items()) for word in words.split()}
GROUP_WORDS = frozenset(GROUPS.split())
GROUP_ADJECTIVES = frozenset(ADJECTIVES.split())
PERSON_WORDS = frozenset(PERSONS.split())
NATIONAL = frozenset(NATIONAL_WORDS.split())

DOGS = "dog dogs puppy puppies pup pups litter litters breed breeds breeder breeding kennel whelp whelped sire vet"
WATER = "water flood floods flooding sea river canal holland dutch netherlands ditch levee embankment magma volcanic"
FOOD = "meatballs gravy peas pork liver butcher dish sticks twigs bundle bundles firewood kindling wood"
SMOKE = "cigarette cigarettes smoke smoked smoking packet lighter ash"
GARDEN = """
garden gardens gardening vegetables beans seeds dig digging field weeded hoeing soil weed weeds weeding rake shovel
spade tool tools farm rows plough
"""
PESTS = "mice mouse rodent rodents barn crops kitchen traps trap poison bait pest pests insects fleas cellar attic"
COMPANY = {
    "bitch": f"{DOGS} spay spayed estrus oestrus pedigree labrador collie spaniel terrier stud",
    "faggot": FOOD,
    "fag": SMOKE,
    "dyke": WATER,
    "chink": "armor armour light curtain curtains wall glasses fence",
    "ass": "donkey mule manger jenny nubian onager bray brayed",
    "jackass": "penguin penguins donkey movie film",
    "bastard": "sword file toadflax illegitimate king duke heir born wedlock legitimate",
    "hoe": GARDEN,
    "cracker": "cheese salt graham soup snack christmas",
    "spastic": "colon bladder paraplegia diplegia quadriplegia gait muscle muscles palsy spasticity symptoms dysphonia",
    "tranny": "transmission gearbox gear truck shifter fluid clutch",
    "slag": "steel iron furnace smelting heap heaps welding cement coal metal",
    "prick": "finger needle skin pin thorn thorns ears ear fork thumb pastry potato potatoes blood",
    "cock": "hen hens rooster pheasant weather feathers crow crows crowed gun handgun pistol rifle trigger",
    "tit": "bird birds nest feeder finch finches sparrow sparrows warbler chickadee woodland species",
    "sambo": "wrestling judo martial",
    "dick": "detective private moby",
    "pussy": "willow cat kitten paws whiskers",
    "vermin": PESTS,
    "retarded": "potential potentials potentials, charge wave waves ignition growth dough",
    "anal": "fissure fissures canal fistula sphincter cancer fin itching abscess glands surgery",
    "rape": "rapeseed oil crop canola",
    "cum": "laude magna summa",
    "nigger": "etymology conrad",
}
"""Word to words of its sentence in whose company it, or its plural, is a thing and no insult."""

TERMS = (
    r"retard(?:s|ing)? (?:the|growth|development|ignition|spoilage|timing)",
    r"retarded (?:potentials?|times?|green'?s?|solutions?|growth|ignition|bond|fields?|spin|functions?|by)",
    r"cock(?:s|ed|ing)? (?:it|a|an|the|his|her|its|your|my|their|back)|cocked|cock and bull",
    r"(?:pea|stop|ball|weather)cocks?",
    r"(?:blue|great|coal|marsh|willow|long-tailed|crested|bearded) tits?|tit for tat",
    r"chinks? in (?:the|his|her|its|their|your|our|my)|chinks? of light|spic[ -]and[ -]span",
    r"pussy[ -]?(?:willows?|cats?|foot\w*)|ho,? ho(?:,? ho)?|heave ho|doo[ -]?wop|honky[ -]?tonks?",
    r"spotted dick|moby[ -]dick|bastard (?:sword|file)|cum laude|kick[ -]?ass|smart ?ass|bad ?ass|half[ -]assed",
    r"pain in the ass|bitch(?:ed|ing)? about|resting bitch face",
    r"a bitch to \w+|(?:destroy|kill|slaughter)(?:ed)? (?:you|him|her|them|us) (?:at|in|on)|karma is a bitch",
    r"karma's a bitch|life's a bitch|pay ?backs?(?:'s)? (?:is|are|a) (?:a )?bitch",
)
"""Phrases in which a word that offends does not."""

NAME_WORDS = """
dick dicks dyke cock cox ho homo jackass pussy hooker gook coon spook dykes wang kike dong slope bastards
"""
"""Words that, with a capital letter beside another, are part of a name: "Dick Van Dyke"."""
NAMES = frozenset(NAME_WORDS.split())
