"""The gender swap, sentence by sentence."""

import pytest

from pipeline.balance.counterfactual import swap_gender
from pipeline.balance.gender_words import BOTH_WAYS, ONE_WAY, SWAP


def swapped(text: str) -> str | None:
    turns = swap_gender([("user", text), ("assistant", "Good to know.")])
    return turns[0][1] if turns else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My brother said he lost his keys.", "My sister said she lost her keys."),
        ("My sister lost her keys, I told her so.", "My brother lost his keys, I told him so."),
        ("I met my wife when I saw her there.", "I met my husband when I saw him there."),
        ("My aunt made her stand out, and made her day.", "My uncle made him stand out, and made his day."),
        ("My friend let her sister drive.", "My friend let his brother drive."),
        ("My boss says the desk is hers, not his.", "My boss says the desk is his, not hers."),
        ("The dog is his and she's fine", "The dog is hers and he's fine"),
        ("A friend hurt himself, so HE RESTED. He's fine.", "A friend hurt herself, so SHE RESTED. She's fine."),
        ("i called my mom and dad", "i called my dad and mom"),
        ("Mom called.", "Dad called."),
        ("We invited Mr. Hill, Mrs. Vale and Ms. Brook.", "We invited Ms. Hill, Mr. Vale and Mr. Brook."),
        ("my cousin, is he/she in?", "my cousin, is she/he in?"),
        ("My father-in-law and the policeman", "My mother-in-law and the policewoman"),
        ("boy or girl? a boy and girl", "girl or boy? a girl and boy"),
        ("are you a guy or a girl", "are you a girl or a boy"),
        ("That guy is an old man", "That woman is an old woman"),
    ],
)
def test_words_are_swapped_and_case_is_kept(text: str, expected: str) -> None:
    assert swapped(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Oh man, that was great. Oh boy! Thanks man. Doing so good man! Nice man so what",
        "You guys rock, hey guys!",
        "I love Iron Man and the Beach Boys",
        "Today is mother's day, son of a gun",
        "The weather there, here and then: theme, mankind, human, sheet",
        "write to he@example.com or see http://x.org/she/his.html",
    ],
    ids=["interjections", "everyone", "names", "fixed phrases", "parts of words", "addresses"],
)
def test_what_is_not_said_of_a_person_stays(text: str) -> None:
    assert swapped(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "My sister is pregnant and she is happy",
        "My brother grew a beard",
        "My boyfriend talks about gender roles",
        "The guys sat here, the girls sat there, my brother too",
    ],
)
def test_inherently_gendered_matters_are_left_alone(text: str) -> None:
    assert swapped(text) is None


@pytest.mark.parametrize(
    "text",
    ["I admire Beethoven. He was deaf.", "Do you like him?", "My brother likes Chopin because he is calm"],
    ids=["a name", "nobody", "a name in between"],
)
def test_a_pronoun_that_may_mean_a_known_person_leaves_the_conversation_alone(text: str) -> None:
    assert swapped(text) is None


def test_a_pronoun_may_point_back_two_turns_and_no_further() -> None:
    def talk(between: int) -> list[tuple[str, str]]:
        filler = [("assistant" if i % 2 == 0 else "user", "Oh really.") for i in range(between)]
        return [("user", "I met a teacher"), *filler, ("user", "he is kind")]

    assert swap_gender(talk(1)) == [("user", "I met a teacher"), ("assistant", "Oh really."), ("user", "she is kind")]
    assert swap_gender(talk(2)) is None


def test_swapping_twice_gives_the_original_back() -> None:
    turns = [("system", "Be kind."), ("user", "My uncle lost his hat"), ("assistant", "Did he find it? Ask your dad.")]
    once = swap_gender(turns)
    assert once is not None
    assert swap_gender(once) == turns


def test_the_lexicon_is_consistent() -> None:
    assert len(set(BOTH_WAYS.values())) == len(BOTH_WAYS)
    assert not BOTH_WAYS.keys() & BOTH_WAYS.values()
    assert not (BOTH_WAYS.keys() | BOTH_WAYS.values()) & ONE_WAY.keys()
    assert all(word == word.lower() for word in SWAP)
