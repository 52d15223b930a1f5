"""Counterfactual copies, sentence by sentence: what is copied reads right and stays true, the rest is left alone."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from configs.balance import Attribute
from pipeline.balance.counterfactual import copies, may_swap, swap
from pipeline.balance.gender_words import BOTH_WAYS, ONE_WAY, SWAP
from pipeline.balance.her import her, his
from pipeline.balance.names import may_name
from pipeline.balance.refusal import Refusal

CASES = Path(os.environ.get("PARLANCE_SHARED_DATA", "../shared/data")).parent / "cases" / "counterfactual.jsonl"


def swapped(text: str, attribute: Attribute = "gender") -> str | None:
    given = [("user", text), ("assistant", "Good to know.")]
    turns = swap(given, attribute)
    assert may_swap(given, attribute) or not isinstance(turns, list)
    return turns[0][1] if isinstance(turns, list) else None


@pytest.mark.skipif(not CASES.is_file(), reason=f"{CASES} is absent; set PARLANCE_SHARED_DATA")
def test_what_went_wrong_once_is_right() -> None:
    cases = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
    assert {case["text"]: swapped(case["text"]) for case in cases} == {case["text"]: case["copy"] for case in cases}


COPIED = [
    tuple(line.split(" → "))
    for line in """
My brother said he lost his keys. → My sister said she lost her keys.
My sister lost her keys, I told her so. → My brother lost his keys, I told him so.
My friend let her sister drive. → My friend let his brother drive.
My boss says the desk is hers, not mine. → My boss says the desk is his, not mine.
My neighbour says the ladder is his. → My neighbour says the ladder is hers.
A friend hurt himself, so HE RESTED. He's fine. → A friend hurt herself, so SHE RESTED. She's fine.
i called my mom and dad → i called my dad and mom
Mom called. → Dad called.
My father-in-law met the policeman. → My mother-in-law met the policewoman.
My aunt lent it to him in her car. → My uncle lent it to her in his car.
My brother gave it to her with his blessing. → My sister gave it to him with her blessing.
I told her that her brother called. → I told him that his sister called.
My mother sent him to her office. → My father sent her to his office.
His wife is an engineer and she loves it. → Her husband is an engineer and he loves it.
Her wife is a plumber and she likes it. → His husband is a plumber and he likes it.
He says that she is late. → She says that he is late.
The doctor said that he would call me. → The doctor said that she would call me.
My grandfather taught himself to swim. → My grandmother taught herself to swim.
The nurse told my son that she was tired. → The nurse told my daughter that he was tired.
My niece drives herself to school. → My nephew drives himself to school.
My boss wants his coffee and my aunt hers. → My boss wants her coffee and my uncle his.
The woman at the desk gave me her card. → The man at the desk gave me his card.
My uncle sold his boat because he needed money. → My aunt sold her boat because she needed money.
""".strip().splitlines()
]


@pytest.mark.parametrize(("text", "copy"), COPIED)
def test_every_gendered_word_of_unnamed_people_is_swapped_and_case_is_kept(text: str, copy: str) -> None:
    assert swapped(text) == copy


LEFT_ALONE = {
    "facts of biology": """
Males have one Y chromosome.
The prostate lies below his bladder.
Women live longer than men in most countries.
A man produces sperm throughout his life.
She is in labour and her contractions are five minutes apart.
Most girls reach puberty before boys do.
My wife is having a baby.
Hemophilia affects a boy when his mother carries the gene.
Every little girl would want one.
My brother grew a beard.""",
    "facts of biography": """
King George III ruled for sixty years; he died in 1820.
Marie Curie won it twice; she was the first woman to do so.
The queen opened parliament and she spoke.
The inventor of the telephone lost his hearing.
The first man on the moon said his famous words.
beyonce is great and she can dance
The president gave his speech yesterday.
who is the little girl in the cat and the hat
He wasn't a US citizen.
I admire Beethoven. He was deaf.""",
    "names": """
My sister Anna lost her keys.
my brother kevin lost his hat
Anna told me that her brother is ill.
I love Iron Man and my dad does too.
what is the name of simba's mom
I saw [NAME] and told him so.
My brother likes Chopin because he is calm.
Einstein and his wife moved to Princeton.
Cleopatra loved her brother.
Ask Beyoncé, she knows my sister.
i said goodbye to pete in his shop and my brother left
my mom found the peppa pig book and her eyes were gone
your roommate likes chad, he is a goober""",
    "titles": """
Mrs. Doubtfire is what my sister likes.
Sir Paul sold his house.
Ask Mr. Hill whether he has time.
Lady Gaga sang and she was great.
Miss Saigon is a musical, said my aunt.
The Duchess of Kent lost her pearls.
Dr. Ruth told us that she agrees.
Uncle Ben's rice is what my wife buys.
ask mr hill if he has time
We invited Mrs. Vale and my brother.""",
    "units and things": """
It takes 20 ms a request.
The dose is 5 mr.
The man page explains every option.
The male connector fits the female socket.
The mother board and the daughter card are broken.
Our sister company makes pumps.
Delete the child node and its father node.
write to he@example.com or see http://x.org/she/his.html
The weather there, here and then: theme, mankind, human, sheet
Oh man, that was great. Thanks man.""",
    "both genders": """
Each student should bring his or her book.
Somebody left his/her umbrella.
He or she will call you.
Ask the clerk, s/he knows.
How would I raise him (or her)?
Is your cousin a he or a she?
Ladies and gentlemen, he has arrived.
My pronouns are she/her.
Do you have a brother or a sister?
The guys sat here, the girls sat there, my brother too.""",
    "her, an owner or not": """
They gave her flowers and his sister smiled.
I like her singing, my mother said.
My brother made her breakfast.
Would talking to her help? My brother thinks so.
My boss called her names.
My aunt wants her happy.
My dad saw her leave.
My friend bought her clothes.
My sister found her attractive.
My mom let her go home.""",
    "works and who is in them": """
My brother is seeing him in concert this summer.
okay here's my thing with starlord - i get why everyone is mad at him
his name is murphy and he's my brother's dog
have you heard feel like your man? my brother likes it
The gardener brought his buddies, what about this bad hombre?""",
    "slips": """
it was windy that day and he door hinge hit my brother
My friend asked how they support she community.
I took the engine out of my ex husbands car.
My friend saw a bike that looked like his leaning on a wall.""",
    "nobody in sight": """
He claims the job and we win.
do you like him?
He measured 1 ms.
Thanks for posting this man!
What do you think, my man?
Peace and love, my brother!
My friend's trophy wife is rich.
The chairman met my brother.
They act like husband and wife.
i'd partner up with elon and ask him
we got to be friends with all of them and he left
The fathers of the town met her.""",
}


@pytest.mark.parametrize("text", [t for texts in LEFT_ALONE.values() for t in texts.strip().splitlines()])
def test_in_doubt_there_is_no_copy(text: str) -> None:
    assert swapped(text) is None


def test_what_is_left_alone_has_a_reason_and_what_speaks_of_no_gender_has_none() -> None:
    assert swap([("user", "Females have two X chromosomes, she said.")], "gender") == Refusal(
        "a fact of one sex, or gender itself"
    )
    assert swap([("user", "The delay is 1 ms.")], "gender") is None


def test_a_pronoun_may_point_back_two_turns_and_no_further() -> None:
    def talk(between: int) -> list[tuple[str, str]]:
        filler = [("assistant" if i % 2 == 0 else "user", "Oh really.") for i in range(between)]
        return [("user", "I met a teacher"), *filler, ("user", "he is kind")]

    assert swap(talk(1), "gender") == [
        ("user", "I met a teacher"),
        ("assistant", "Oh really."),
        ("user", "she is kind"),
    ]
    assert swap(talk(2), "gender") == Refusal("a pronoun of nobody in sight")


def test_swapping_twice_gives_the_original_back() -> None:
    turns = [("system", "Be kind."), ("user", "My uncle lost his hat"), ("assistant", "Did he find it? Ask your dad.")]
    once = swap(turns, "gender")
    assert isinstance(once, list)
    assert swap(once, "gender") == turns


@pytest.mark.parametrize(
    ("text", "object_or_owner"),
    [
        ("I saw {} yesterday", "him"),
        ("I love {} very much", None),
        ("I miss {}.", "him"),
        ("I miss {} car", "his"),
        ("they gave {} money", None),
        ("they gave {} sister a hat", "his"),
        ("talking to {} help", None),
        ("I know {} zebra", None),
    ],
)
def test_her_is_decided_by_what_follows_and_the_verb_before_or_not_at_all(
    text: str, object_or_owner: str | None
) -> None:
    before, after = text.split("{}")
    assert her(before, after) == object_or_owner


def test_his_is_hers_only_where_nothing_is_owned_after_it() -> None:
    assert his("the book is ", ".") == "hers"
    assert his("a friend of ", " and mine") == "hers"
    assert his("I took ", " hat") == "her"
    assert his("I took ", " and ran") is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("I met Anna there.", "Anna"),
        ("Anna left.", "Anna"),
        ("my friend kevin left", "kevin"),
        ("Yesterday I flew from New York to Texas on a Monday.", None),
        ("What a day. I'm tired, Mom said. He's here.", None),
        ("I am German and watch Netflix.", None),
    ],
)
def test_a_capital_where_none_is_asked_for_may_be_a_name(text: str, named: str | None) -> None:
    assert may_name(text) == named


@pytest.mark.parametrize(
    ("attribute", "text", "left"),
    [
        ("religion", "My Muslim neighbour handed me a ladder.", "neighbour handed me a ladder."),
        ("religion", "My friend is Jewish.", "My friend is"),
        ("nationality", "My German roommate plays the piano.", "roommate plays the piano."),
        ("nationality", "I met an Italian guy at the gym.", "guy at the gym."),
        ("ethnicity", "An Asian woman sold me the bike.", "woman sold me the bike."),
    ],
)
def test_a_group_becomes_a_sibling_and_all_else_stays(attribute: Attribute, text: str, left: str) -> None:
    copy = swapped(text, attribute)
    assert copy is not None
    assert copy != text
    assert left in copy
    assert " a " not in copy.replace("a ladder", "") or copy.split(" a ")[1][0] not in "AEIOU"


@pytest.mark.parametrize(
    ("text", "copy"),
    [
        ("My older sister plays chess.", "My younger sister plays chess."),
        ("An elderly neighbour plays the flute.", "A young neighbour plays the flute."),
        ("A young woman sold me a lamp.", "An old woman sold me a lamp."),
    ],
)
def test_old_and_young_are_swapped_with_their_article(text: str, copy: str) -> None:
    assert swapped(text, "age") == copy


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        ("religion", "Muslims fast during Ramadan."),
        ("religion", "My Jewish friend keeps kosher."),
        ("religion", "Jesus was Jewish."),
        ("religion", "My friend is Hindu because her parents are."),
        ("religion", "A Muslim woman wears a scarf."),
        ("religion", "My Christian friend met my Hindu friend."),
        ("nationality", "I would be tall for a Korean man."),
        ("nationality", "What is that in miles? I am American."),
        ("age", "I wish I had an older brother or a little brother."),
        ("ethnicity", "What would insult a black person?"),
        ("religion", "Which is the better descriptor of a Jewish person?"),
        ("nationality", "I love Italian food."),
        ("nationality", "My French teacher is strict."),
        ("nationality", "My Polish neighbour cooks well."),
        ("nationality", "She is French and her accent is lovely."),
        ("nationality", "Germans are on time."),
        ("ethnicity", "I bought a black car."),
        ("ethnicity", "The White House is white."),
        ("ethnicity", "My black friend likes her hair."),
        ("age", "My old man taught me."),
        ("age", "An old friend called."),
        ("age", "My older brother taught me to walk."),
        ("age", "The old woman is 80 years old."),
        ("age", "Old people fall more often."),
    ],
)
def test_what_may_be_a_fact_of_the_group_is_left_alone(attribute: Attribute, text: str) -> None:
    assert swapped(text, attribute) is None


def test_a_row_in_another_language_has_no_copy() -> None:
    row: dict[str, Any] = {
        "row_id": "r",
        "source": "s",
        "messages": [{"role": "user", "content": "My brother lost his hat."}],
    }
    row |= {"augmentation": None, "parent": None}
    assert [copy["augmentation"] for copy in copies(row, ["gender", "age"])] == ["counterfactual_gender"]
    assert copies({**row, "language": "de"}, ["gender"]) == []


def test_the_lexicon_is_consistent() -> None:
    assert len(set(BOTH_WAYS.values())) == len(BOTH_WAYS)
    assert not BOTH_WAYS.keys() & BOTH_WAYS.values()
    assert not (BOTH_WAYS.keys() | BOTH_WAYS.values()) & ONE_WAY.keys()
    assert all(word == word.lower() for word in SWAP)
