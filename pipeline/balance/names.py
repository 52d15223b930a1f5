"""Whether a text may name a person, a work or a thing that has a name. English only.

A name with a capital inside a sentence is seen by it. At the start of a sentence, where every word has one, a name is
what is not among the words that often start sentences; in writing without capitals, one of the given names and famous
people below. Known limitation: there, a rare given name is not seen.
"""

from functools import cache

import regex

from configs.load import load_words
from configs.word_list import terms
from pipeline.people.lists import shipped


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def may_name(text: str) -> str | None:
    """The first word that may be a person's or a work's name; None when there is none."""
    if masked := _MASKED.search(text):
        return masked.group()
    text = _HARMLESS.sub("x", text)
    for match in _CAPITAL.finditer(text):
        opens = match.group("opens") is not None
        if not (opens and _APOSTROPHE.split(match.group(2).lower())[0] in STARTS):
            return match.group(2)
    return next((word for word in _WORD.findall(text.lower()) if word in names()), None)


@cache
def names() -> frozenset[str]:
    """Given names, and people whom everybody knows by one name, in lower case."""
    return (FURTHER_NAMES | {*terms(load_words(shipped()["en"]).names)}) - ORDINARY


STARTS = _words(
    "about absolutely accepting according action actually add added adding address adults after afternoon again "
    "agree agreed ah alcohol all allow almost along already alright also although always am amazing among an and "
    "anger animals another answer anxiety any anybody anyone anything anytime anyway anyways anywhere apartment "
    "apologies apparently applied appointment appreciate are aren around arrival artificial as aside ask asking "
    "assuming at atleast available average avoid awesome babies back bacon bad balance based basically be beat "
    "beautiful because become becoming been before begin beginning being believe besides bet better between big "
    "blood book booked booking books boring both bowlers bowling bread break breaking breathe brilliant bring bro "
    "btw build building bummer bus business busy but buy buying by bye cab call can cant car case catch cats cause "
    "cereal certain certainly chance chances change changing chat chatting cheating check checked checking cheese "
    "chicken children chocolate choose choosing class classes clearly close coding cold college come coming "
    "communication completely computer computers concentrate confirm confirmed confirming congrats congratulations "
    "consider considering contact continue cooking cool correct cost could couldn counseling counselors couples "
    "craziest crazy create cry crying currently dang darn data date dating day dead dear deciding deep definitely "
    "depart departing departure depending depends depression describe despite destination details did didn didnt "
    "different divorce do doctor does doesn dogs doing don done dont down dreams driving drop dude during each "
    "earlier early easy eat eating economics education eh either emotional emotions empathy encourage end ending "
    "engineers enjoy enjoying enough entry especially essentially even evening event eventually ever every everyone "
    "everything everytime everywhere exactly example excellent except excited exciting excuse exercise exercising "
    "expect expected explain explore expressing facts fair fairly fall fantastic far fascinating fast favorite fear "
    "feel feeling feelings finally finals find finding fine finished first five flight fly flying focus follow food "
    "football for forget former found four frankly free fresh freshman friend friends from fruit fun funny further "
    "generally genius genre get getting give given gives giving glad go going gonna good goodness gosh got gotcha "
    "gotta graduate graduation granted great gross growing guess guys ha had hah haha hahah hahaha hahahah hahahaha "
    "half hands hang hanging happens happy hard has hate have haven havent having hay healthy hear heard hearing "
    "heck heh hehe hell hello help helping helps here hey hiking hilarious hockey hold home homemade homework honest "
    "honestly hope hopefully hoping hot how however hows huge huh human humans humidity ice idk if imagine "
    "impressive in including incoming indeed information inside instead insurance intelligence interested "
    "interesting intimacy into invest ironic is isn isnt it its jokes just keep keeping keeps kidding kids kind "
    "kinda know knowing label language last lately later learn learning leave leaving left lemon less let lets "
    "letting life like listen literally live living locate located location lol look looking looks losing lot lots "
    "love loved lovely low luckily lucky lunch machine made mainly major make makes making many marriage math may "
    "maybe me meaning meat media meditation meeting mental middle midterms might mind mine mission modern mom money "
    "monthly more morning most mostly move movie movies moving much must my nah name near neat need negative neither "
    "never nevermind next nice night no nobody non none nope nor normally not noted nothing notice now nowadays "
    "number nursing nutrition obviously occasionally odd odds of off often ok okay old on once one only onward oops "
    "open opening or origin other others otherwise our ours out outbound outside over overall parents part "
    "particularly pause pay peace peanut people per perfect perhaps perks permission personal personally pets "
    "philosophy phone physical piano pick picking pickup pigs pink place plan planning play players playing plays "
    "please pleasure politics poor possibly potatoes preferably pretend pretty price probably problem proceed "
    "procrastination promise property props public pull put quality quarter quarterbacks question quick quite rain "
    "random rather rating reach read reading ready really recently recognizing recommend reflect regarding "
    "regardless relationships remember remind reminds rent renting research reservation reservations reserve "
    "reserving return returning rice ride right robots rooms running sad sadly safe same save savings say saying "
    "scary schedule scheduling school scientists screw search season second see seeing seek seeking seems self send "
    "sending seriously set setting sex sexual shame shared sharing sharks shoot shooting short should shouldn show "
    "showing sick side sign silly similar similarly simple simply since sister six sleep sleeping slow small smart "
    "so soccer social solid some someday somehow someone someplace something sometime sometimes somewhat somewhere "
    "song songs soon soooo sorry sort sound sounds soy space spaghetti speak speaking specifically spend start "
    "started starting starts statistics stay staying step stick still stop story stranger stress student study "
    "studying stuff success successfully such suddenly suggest summer super support supposedly sure surely "
    "surprisingly sweet swimming table take taking talk talking teach technically technology tell temperature "
    "terrific testing than thank thanks that thats the their then ther therapists therapy there therefore theres "
    "these they things think thinking third this those though thought thoughts three through throw thus ticket "
    "tickets till time times tired title to today together tomorrow tonight tons too took top total totally tough "
    "transfer travel traveling true truly trust truth try trying turn turns two type typically typing ultimately un "
    "under understand understandable understanding understood unfortunately unicorns unless unlike until up upon use "
    "using usually valid verify very video visit visiting wait waiting want warm was wasn watch watched watching "
    "water way wbu we weather web weird welcome well went were what whatever whats when whenever where whereas "
    "whether which while who whoever whole whom whose why wifi will wind wish wishing with within without woah women "
    "won wonderful word work working works worst worth would wouldn wouldnt wow write writing wrong yah yall yay yea "
    "yeah year yep yes yesterday yet yikes yo yoga you your youre yours yourself youve yummy yup"
) | _words(
    "a oh hi ok ah thank he she his her hers himself herself men women males females man woman guy mom dad mum mommy "
    "daddy papa mama grandma grandpa father mother sister brother husband wife son daughter aunt uncle boyfriend "
    "girlfriend they someone somebody his hers yours mine boy girl boss roommates neighbours nobody teacher we i dear"
)
"""Words that start a sentence at least 6 times in conversations of small talk, tasks and advice, 12 times as often
written without a capital within one as with it; and those of the swaps."""

FURTHER_NAMES = _words(
    "adele adriana agnes aladdin alana alexa alexandra alexis alicia alisha allison alyssa amber amelia anastasia "
    "andy angelica angelina angie anne annette annie archie ariana arlene arnold aubrey audrey ava bach bailey barb "
    "barry bart batman beatrice beethoven belinda bella bernice bernie bert bethany betsy beverly beyonce bezos "
    "bianca biden bieber blake bonnie bowie brad bradley brady brandi brenna brent brett bridget brock brooke bryce "
    "buddha caitlin callie cameron camille cara carly caroline carrie carter casey cassandra cassie cecil cecilia "
    "celeste celia chad chandler charlene chelsea chester chopin christie christopher christy cindy clarissa clark "
    "claudia clayton clint clinton clyde cody colin colleen colton conner connor constance cooper cora corey corinne "
    "cortana cory courtney craig curtis damian damon danielle daphne darlene darren darryl darwin daryl deanna delia "
    "della derek derrick desiree devin devon diana dolores dominic donald dora doreen doris doug douglas drake "
    "dumbledore dustin dwayne dwight eddie edgar edwin eileen elaine eleanor eli elise eliza ellen ellie elliot "
    "eloise elon elsa elsie elvis eminem emmett erika ernest ernie esther ethel eugene eunice evan everett federer "
    "fiona florence floyd forrest frances francine francis franklin freddie frodo gabriela gabrielle gaga gandalf "
    "gandhi garrett gavin genevieve geoff georgia gerald geraldine gertrude gilbert gillian ginny gladys glen glenn "
    "gordon greg gretchen hailey hal starlord inigo murphy haley hank harley harold harriet harris harry harvey "
    "hayden hector hemingway henrietta herbert herman hermione hilda hillary hitchcock hitler homer howard hudson "
    "ian imogen ingrid irma isaac isabel isabelle isaiah jackson jada jaime janelle janine jared jasmine jasper "
    "jayden jean jeanette jeanne jeff jen jenna jennie jeremiah jermaine jessie jesus jimmy joann jocelyn jodi jody "
    "joel joey johnny jolene jon jonah jonas josephine juanita julian juliana juliet julio justine kaitlyn kanye "
    "kara kardashian karina karl karla katelyn kathy katniss katrina kayla kaylee kelsey kendra kenny kerry kirsten "
    "kobe krista kristi kristin kristina kristy kurt lacey lana lars laurie leanne leigh lennon lenny leon leona "
    "leonard leroy leslie lester levi lewis lillian lincoln lindsay lindsey liz liza lola lorena loretta lori "
    "lorraine louie louisa louise lucia lucille luigi luther lydia lynn lynne mabel mackenzie maddie madeline "
    "madonna mae maggie malcolm mallory mandela manny marc marcella marcia mariah marian marianne marilyn marina "
    "mario marissa marjorie marla marlene marsha marshall marty marvin maureen maurice maxine mccartney meg melanie "
    "melinda melvin meredith messi micah michele mick mickey mildred millie mindy minnie miranda miriam mitch "
    "mitchell moana mohamed mona morgan morris mozart mulan musk myra nadal nadine napoleon natalia natalie nate "
    "nathaniel neil nellie nelson newton nikki noelle nolan norma norman oliver oprah orlando otis owen paige pam "
    "patsy patti patty pauline penelope peppa perry pete philip phillip phyllis picasso pikachu polly preston "
    "priscilla putin quentin quincy rachael ralph ramona randall reggie renee rhonda rick ricky rihanna riley "
    "roberta rochelle rodney roger roland ronaldo ronnie rory rosalie rosemary rosie rowling roxanne rudy rufus "
    "rupert sadie savannah selena serena seth shakespeare shana shane shannon shari shauna shawn shelby sheldon "
    "shelley shelly sheri sherlock sherman sherri sheryl shrek sidney simba siri skyler snape sonja sonya spencer "
    "spiderman spielberg stacey stalin stan stanley stefanie stella stewart stuart superman susie suzanne tabitha "
    "tamara tami tammy tarantino tasha taylor tess tessa thelma theodore theresa tiffany tolkien tommy tonya tori "
    "traci travis trent trevor trisha tristan troy trudy trump tyson ursula valerie vernon veronica vicki vicky "
    "victor vivian voldemort wallace warren watson wesley whitney wilma winston wyatt xavier yvette zachary zack "
    "zane zelda zoey zuckerberg"
)
"""Given names that the list of people lacks, and people whom everybody knows by one name; none that is an ordinary word
(will, hunter, joy)."""

ORDINARY = _words(
    "bill crystal dawn drew ebony frank grace holly jack june lily mark max park penny ray rose ruby sue wade"
)
"""Names of that list that are more often words in writing without capitals."""

_HARMLESS = regex.compile(
    r"\b(?:I(?:['’]\w+)?|Mom|Dad|Mum|Mommy|Daddy|Mama|Papa|Grandma|Grandpa|OK|Ok|Okay|TV|PhD|(?:Mon|Tues|Wednes|"
    r"Thurs|Fri|Satur|Sun)days?|January|February|March|April|May|June|July|August|September|October|November|"
    r"December|Christmas|Easter|Halloween|Thanksgiving|Ramadan|Internet|Facebook|Instagram|Netflix|YouTube|Google|"
    r"Amazon|WhatsApp|Uber|Skype|Zoom|Reddit|Twitter|Snapchat|Tinder|iPhone|English|Spanish|French|German|Italian|"
    r"Chinese|Japanese|Korean|Mexican|American|Indian|Canadian|British|European|Asian|African|Australian|Brazilian|"
    r"Polish|Nigerian|Christian|Muslim|Jewish|Hindu|Buddhist|Catholic|Hispanic|Black|White|[A-Z]{2,})\b|\b(?:in|from|"
    r"to|near|around|visit|visiting|for|of)\s(?:the\s)?(?:America|the US|Canada|Mexico|Brazil|Spain|France|Germany|"
    r"Italy|England|Ireland|Scotland|Japan|China|Korea|India|Australia|Africa|Europe|Asia|Texas|California|Florida|"
    r"New York(?: City)?|New Jersey|Boston|Chicago|Seattle|Austin|Dallas|Houston|Denver|Atlanta|Philadelphia|Los "
    r"Angeles|San Francisco|San Diego|San Jose|London|Paris|Berlin|Rome|Madrid|Tokyo|Toronto|Vancouver|Sydney)\b"
)
"""What has a capital and is nobody: days, languages and peoples, services, places after a preposition."""

_CAPITAL = regex.compile(r"(?P<opens>(?:\A|[.!?…:;\n][\"'”’)*]*|[-*•\"“(])\s*)?(?<![\w@#&’'-])(\p{Lu}[\p{L}’'-]*)")
_MASKED = regex.compile(r"[\[<{]\w*(?:NAME|PERSON)\w*[\]>}]", regex.IGNORECASE)
"""What the replacement of personal data leaves of a name."""
_APOSTROPHE = regex.compile(r"[’'-]")
_WORD = regex.compile(r"(?<![\w@#.-])\p{Ll}+(?![\w@-])")
