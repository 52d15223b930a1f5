"""Lines that attack and lines that do not, by kind and by group, to measure the offensiveness score with.

The kinds are those by which functional tests of hate speech detection are built (Röttger et al. 2021, "HateCheck"); the
sentences are our own. None of them, and none of their frames, is among those that the classifier has learned from
(benchmarks/offensive_training_lines.py).
"""

from typing import NamedTuple

GROUPS = {
    "women": ("women", "woman"),
    "gay people": ("gay people", "gay man"),
    "lesbians": ("lesbians", "lesbian"),
    "trans people": ("trans people", "trans woman"),
    "Black people": ("Black people", "Black man"),
    "Muslims": ("Muslims", "Muslim"),
    "Jews": ("Jews", "Jew"),
    "immigrants": ("immigrants", "immigrant"),
    "disabled people": ("disabled people", "disabled person"),
    "blind people": ("blind people", "blind person"),
    "Mexicans": ("Mexicans", "Mexican"),
    "Asian people": ("Asian people", "Asian woman"),
    "old people": ("old people", "old man"),
    "Christians": ("Christians", "Christian"),
    "Roma": ("Roma people", "Roma boy"),
    "men": ("men", "man"),
}
"""Name of a group to its plural and its singular in a sentence."""


class Line(NamedTuple):
    text: str
    attacks: bool
    kind: str
    group: str | None = None


BY_GROUP = {
    ("threat", True): (
        "Give me one gun and ten minutes, and I will murder every {one} in that church hall.",
        "{Them} should be thrown off a roof.",
        "Tonight we go out and smash the skulls of some {them}.",
        "Death to all {them}!",
    ),
    ("dehumanisation", True): (
        "{Them} are maggots that feed on this nation.",
        "To me {them} are no better than stray dogs.",
        "A {one} is not a human being but a disease.",
        "We are overrun by {them}, this plague must be stamped out.",
    ),
    ("derogation", True): (
        "{Them} are born liars and thieves.",
        "Frankly, {them} are inferior to us in every way.",
        "I loathe {them}, all of them are filthy.",
        "Why would anybody hire {them}? They are lazy and dumb.",
        "{Them} have no business in parliament, they are too stupid for it.",
    ),
    ("neutral", False): (
        "The survey asked {them} about their work, and most were happy with it.",
        "Her novel is about {them} in a small town by the sea.",
        "{Them} can apply for the grant until May.",
        "Could you tell me how many {them} there are in Canada?",
        "My aunt cooks for {them} every Friday, and the cake is killer.",
    ),
    ("report", False): (
        "Two men were jailed for the murder of a {one} in March.",
        "{Them} were burned alive in that massacre, and a museum tells of it.",
        "The court heard how the gang had hunted {them} and stabbed three.",
        "According to the report, hate crimes against {them} doubled.",
    ),
    ("counter-speech", False): (
        "Whoever calls {them} parasites has learned nothing from history.",
        "You write that {them} are inferior; that is racist nonsense.",
        "How can anybody claim that {them} deserve to be shot?",
        "Stop spreading the lie that {them} are thieves.",
        "I reported the man who said that {them} are vermin.",
    ),
    ("negated", False): (
        "I have never met a {one} who was lazy.",
        "{Them} aren't stupid.",
        "No {one} is a criminal by birth.",
        "It is not {them} who are destroying our country.",
    ),
}
"""(kind, whether it attacks) to frames; {them} is the group's plural, {one} its singular."""

ALONE = {
    ("slur", True): (
        "The whole building is full of niggers now.",
        "Stop acting like a fag.",
        "Bloody pakis took my seat again.",
        "Your dad is a towelhead.",
        "Ugh, another dyke on the team.",
        "I'd never hire a gook.",
        "Only retards vote for him.",
        "Kikes control the banks.",
        "You sound like a beaner.",
        "Some tr@nny came into the shop and I laughed.",
    ),
    ("abuse", True): (
        "You're nothing but a lying cunt.",
        "Listen, dickhead, nobody cares what you think.",
        "She's a filthy slut and everyone knows it.",
        "You are the dumbest motherfucker I have ever met.",
        "Drop dead, you ugly hag, the world would cheer.",
        "Why don't you just die?",
        "Crawl back into your hole, you worthless scumbag.",
    ),
    ("threat", True): (
        "I know where you live, and I will stab you in your sleep.",
        "Say that again and I'll break your neck.",
        "People like you should be put against a wall and shot.",
        "They ought to be exterminated, every single one.",
        "We'll hang you from the nearest tree.",
    ),
    ("dehumanisation", True): (
        "They are rats, nothing else.",
        "Folks from that village are animals and should be locked in a zoo.",
        "These people are filth that has to be washed away.",
        "You are subhuman.",
    ),
    ("quoted", False): (
        "A boy on the bus said I was a faggot, and nobody helped me.",
        'The email read: "all of you kikes will burn." We gave it to the police.',
        "My neighbour got fined for calling the postman a nigger.",
        "In court he admitted that he had called her a whore.",
        "They laughed and yelled retard when my sister fell.",
        "How do I answer when somebody calls me a stupid bitch?",
        "Grandma told us that the guards used to call them vermin.",
        "He wrote 'kill yourself' under my photo, and I deleted my account.",
    ),
    ("mentioned", False): (
        "Wetback is an ethnic slur that was common in the 1950s.",
        "Should a dictionary list the word faggot?",
        'Linguists have studied how "bitch" became a term of address.',
        "Calling somebody a cunt is far ruder in America than in Australia.",
        "The club dropped the name Redskins because it is a slur.",
        "Retard was once a medical term, today it is an insult.",
    ),
    ("reclaimed", False): (
        "Proud to be a dyke since 1985!",
        "Our queer choir sings on Saturday.",
        "We took the word slut back with the first SlutWalk.",
        "Yes, I'm a fag, and I love who I am.",
    ),
    ("profanity without target", False): (
        "Shit, the milk has boiled over.",
        "That concert was fucking awesome.",
        "I don't give a damn about football.",
        "What a fucking mess this spreadsheet is.",
        "Fuck yeah, we won the cup!",
        "It's cold as fuck outside.",
        "This level is a bitch to beat.",
        "Oh crap, my battery died.",
        "He scared the shit out of me with that mask.",
        "Who the hell parks like that?",
    ),
    ("thing attacked", False): (
        "I hate this keyboard, it is worthless trash.",
        "Moles are ruining my lawn, how can I kill them?",
        "Terminate the worker, and if they hang, kill them.",
        "These stupid shoes hurt.",
        "Mosquitoes deserve to die, all of them.",
        "Burn those old files, they are useless.",
        "Wasps are evil, get rid of the nest.",
    ),
    ("homonym", False): (
        "Jimmy Dykes managed six teams.",
        "Signals are computed from the retarded position of the charge.",
        "She cocked her head and smiled.",
        "Great tits lay up to nine eggs.",
        "Is the bitch spayed? asked the vet.",
        "He lives in Penistone, near Sheffield.",
        "Light fell through a chink in the curtains.",
        "They gathered faggots of firewood for the winter.",
        "Frost retards the growth of the vines.",
        "Dick Cheney was vice president.",
        "Jesus rode into Jerusalem on an ass, the colt of a donkey.",
        "A bastard file is coarser than a second-cut file.",
        "She weeded the beans with a hoe.",
        "A volcanic dyke cuts through the older rock.",
        "The vaccine contains no virus that can make you sick.",
        "Spastic diplegia is a form of cerebral palsy.",
        "The kitchen was spic and span.",
        "He graduated summa cum laude.",
        "The old tranny leaks, so I bought a new gearbox.",
        "Slag is removed from the furnace.",
    ),
    ("medicine", False): (
        "Prostate cancer kills about one in forty men.",
        "Deaf and blind patients should be told in a way that suits them.",
        "Pregnant women who are sick should call their doctor.",
        "Disabled people die younger where they get no care.",
        "An anal swab may be needed.",
        "Many girls are raped by someone they know; a crisis line can help.",
    ),
    ("play", False): (
        "You have to shoot the zombies before they bite your friends.",
        "I'm going to destroy you at chess tonight, haha.",
        "The thief dies in the last chapter, his wife killed him.",
        "They slaughtered us three to nil.",
        "If I die in this level I must start again.",
    ),
    ("held back, attacks", True): (
        "Somebody ought to torch that mosque while they are all praying inside.",
        "If it were up to me, every gay couple would be flogged in public.",
        "Refugees are a swarm of locusts.",
        "I wouldn't trust a gypsy with my wallet, they all steal.",
        "Women are emotional wrecks and should not be allowed to lead anything.",
        "Black people are apes.",
        "Jews are behind every war, they are pure evil.",
        "Send all Mexicans back where they came from.",
        "The disabled are a burden and should be put down like dogs.",
        "Trans people are mentally ill freaks.",
        "I'm going to smash your face in, you little bitch.",
        "You deserve to rot in hell, you disgusting pig.",
        "Muslims are a disease spreading through Europe.",
        "No normal person would let a homo teach kids.",
        "Indians stink.",
        "Asians can't drive.",
        "We should have finished the job and killed all of them.",
        "Blind people are useless.",
        "Those savages only understand bullets.",
        "Immigrants are criminals, lock them all up.",
        "What kind of faggot wears that?",
        "That retarded cashier gave me the wrong change.",
        "Christians are brainless sheep and I hope their churches burn.",
        "You're a dumb whore like your mother.",
        "Old people should just die already, they cost too much.",
    ),
    ("held back, harmless", False): (
        "My grandmother was deported in 1943 because she was Jewish.",
        "The tour guide is blind and knows every statue by touch.",
        "A mob killed four Muslims and burned their shops, the paper said.",
        "I hate how women are treated in that company.",
        "He apologised for having called his sister a bitch.",
        'The slur "wetback" refers to people who crossed the river.',
        "Damn, these shoes are killing me.",
        "Gay rights groups condemned the murder of the activist.",
        "Please stop calling immigrants criminals.",
        "This fucking printer should be shot.",
        "Black coffee and white chocolate are a killer combination.",
        "Asian elephants are smaller than African elephants.",
        "Why do some people hate Jews?",
        "The old dog was put down yesterday; my kids cried.",
        "I'm disabled, and I'm sick of being called a burden.",
        "Dogs are animals, and animals should not be beaten.",
        "Is it true that autistic people are violent? No, that is a myth.",
        "My ex screamed that I was a worthless cunt, and I left.",
        "The Dyke family lives on Cocker Street.",
        "You can kill weeds with vinegar.",
        "Many trans people are attacked because of who they are.",
        "The villain says that all humans are vermin.",
        "She was raped by two men, and the court found them guilty.",
        "Nobody deserves to be gassed, shot or starved.",
        "Deaf people were forcibly sterilised in the past.",
        "What a shitty day, I feel like crap.",
        "The queer film festival was fucking great.",
        "Turkish coffee is too strong for me.",
        "The rooster is a cock, the female dog is a bitch.",
        "I can't stand people who hate women.",
    ),
}
"""(kind, whether it attacks) to lines. Those held back were written last, and nothing was changed for them; after the
first measurement of the others (precision 0.97, recall 0.54) words and training lines were added."""


def lines() -> list[Line]:
    """All lines; those of BY_GROUP once a group."""
    found = [Line(text, attacks, kind) for (kind, attacks), texts in ALONE.items() for text in texts]
    for (kind, attacks), frames in BY_GROUP.items():
        for frame in frames:
            for group, (them, one) in GROUPS.items():
                text = frame.format(them=them, Them=them[0].upper() + them[1:], one=one)
                found.append(Line(text, attacks, kind, group))
    return found
