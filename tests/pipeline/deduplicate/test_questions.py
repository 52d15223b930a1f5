"""A short question is another one with any other word that names something. Pairs share a passage and a reply."""

import numpy as np
import pytest

from pipeline.deduplicate.differences import Words
from pipeline.deduplicate.hashed_words import USER, HashedWords
from pipeline.deduplicate.near_duplicates import duplicates
from pipeline.deduplicate.questions import HIDING, MOST_WORDS, same_question
from pipeline.deduplicate.similarity import Compared

PASSAGE = (
    "The lighthouse of the island was built by fishermen who had lost their boats in a storm and it has been kept by "
    "one family ever since although the lamp is electric today and nobody has to climb the stairs in order to light it"
)
OTHERS = {
    "a qualifier more": ("is marble disease inherited", "is late marble disease inherited"),
    "a rank more": ("does the president live here", "does the vice president live here"),
    "a thing more": ("which is the longest tunnel here", "which is the longest car tunnel here"),
    "an adverb that limits": ("was he deaf on the show", "was he deaf in real life on the show"),
    "a place for another": ("which is the oldest bridge in tuscany", "which is the oldest bridge in italy"),
    "a place for a day": ("can one sell a horse in ohio on sunday", "can one sell a horse on sunday in nevada"),
    "a name of other words": ("is the college of york a private school", "is henry tudor college a private school"),
    "a name like a small word": ("is la bakery open to all", "is corner bakery open to all"),
    "a purpose more": ("do i need a permit for norway", "do i need a permit to drive to norway"),
    "an opposite in another place": ("does he turn off the lamp", "does he turn the lamp on"),
    "the second of them": ("what is the biggest lighthouse", "what is the second biggest lighthouse"),
    "a small word for a thing": ("what came before the lamp", "what is different from the lamp"),
    "the last of them": ("is there a storm this week", "is this storm the final one of the week"),
    "one of two words": ("what is an ion dipole", "what is an ion induced dipole"),
}
SAME = {
    "case": ("who built the lighthouse", "Who built the Lighthouse"),
    "punctuation": ("who built the lighthouse on the island", "who built the lighthouse, on the island?"),
    "a misspelling": ("who built the lighthouse", "who built the lighthuose"),
    "a small word misspelt": ("who is the keeper of the lamp", "who si the keeper of the lamp"),
    "a small word of which a letter is left": ("who is the keeper of the lamp", "who s the keeper of the lamp"),
    "please": ("say who built the lighthouse", "please say who built the lighthouse"),
    "thanks": ("who built the lighthouse", "who built the lighthouse? thanks"),
    "a greeting": ("who built the lighthouse", "hello, who really built the lighthouse"),
    "a greeting elsewhere": ("hello dear, who built the lighthouse", "who built the lighthouse? hello dear"),
    "a plural": ("did the boat come back", "did the boats come back"),
    "another tense": ("did they plan the stairs of the island", "did they planned the stairs of the island"),
    "another small word": ("can one climb the stairs", "could one climb the stairs"),
    "a word in two": ("where is the notebook of the keeper", "where is the note book of the keeper"),
    "a word said twice": ("where is the lamp", "where is the the lamp lamp"),
}
FORMS = {
    "at the end": "{passage}\n\n{question}",
    "at the start": "{question}\n{passage}",
    "above": "{question}\n\n{passage}.\n\nAnswer in a word.",
    "alone": "{question}",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize(("a", "b"), OTHERS.values(), ids=OTHERS.keys())
def test_another_short_question_is_no_duplicate(a: str, b: str, form: str) -> None:
    one, other = (prompt_of(form.format(passage=PASSAGE, question=question)) for question in (a, b))
    assert not same_question(one, other, 100)
    assert not same_question(other, one, 100)
    assert not duplicate(form.format(passage=PASSAGE, question=a), form.format(passage=PASSAGE, question=b), PASSAGE)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize(("a", "b"), SAME.values(), ids=SAME.keys())
def test_an_edit_of_a_short_question_is_a_duplicate(a: str, b: str, form: str) -> None:
    one, other = (prompt_of(form.format(passage=PASSAGE, question=question)) for question in (a, b))
    assert same_question(one, other, 100)
    assert same_question(other, one, 100)
    assert duplicate(form.format(passage=PASSAGE, question=a), form.format(passage=PASSAGE, question=b), PASSAGE)


def test_a_turn_of_its_own_is_a_question() -> None:
    a, b, c = (
        prompt_of(PASSAGE, question)
        for question in ("who built the lamp", "who built the first lamp", "who built the lampp")
    )
    assert not same_question(a, b, 100)
    assert same_question(a, c, 100)


@pytest.mark.parametrize(("words", "same"), [(MOST_WORDS, False), (MOST_WORDS + 1, True)])
def test_a_long_line_is_a_text_in_which_a_word_more_is_an_edit(words: int, same: bool) -> None:
    text = " ".join(PASSAGE.split()[: words - 1])
    assert same_question(prompt_of(f"{text} broken bell"), prompt_of(f"{text} bell"), 200) is (words >= MOST_WORDS)
    assert same_question(prompt_of(f"{text} bell"), prompt_of(f"{text} drum"), 200) is same


def test_the_lines_between_the_first_and_the_last_one_are_one_text() -> None:
    poem = "\n".join(" ".join(PASSAGE.split()[at : at + 8]) for at in range(0, 40, 8))
    assert same_question(prompt_of(f"explain\n{poem}\nbriefly"), prompt_of(f"explain\n{poem} broken\nbriefly"), 200)
    assert not same_question(prompt_of(f"explain\n{poem}\nbriefly"), prompt_of(f"translate\n{poem}\nbriefly"), 200)
    assert not same_question(prompt_of(f"explain\n{poem}\nbriefly"), prompt_of(f"explain\n{poem}\nin rhymes"), 200)


def test_a_question_that_is_a_good_part_of_the_row_is_judged_by_the_similarity_of_the_whole() -> None:
    a, b = prompt_of("who built the lamp"), prompt_of("who built the first lamp")
    assert same_question(a, b, 5 * HIDING - 1)
    assert not same_question(a, b, 5 * HIDING)


def test_prompts_whose_lines_were_broken_anew_are_no_other_questions() -> None:
    question = "who built the old lamp"
    assert same_question(prompt_of(f"{PASSAGE}\n\n{question}"), prompt_of(f"{PASSAGE} {question}"), 100)
    assert same_question(prompt_of(f"{question}\nthanks"), prompt_of(f"thanks {question}"), 100)


def prompt_of(*turns: str) -> Words:
    both = HashedWords.of([[("user", turn) for turn in turns]])
    return Compared(both, 0.8).side(0, USER)


def duplicate(a: str, b: str, reply: str) -> bool:
    both = Compared(HashedWords.of([[("user", prompt), ("assistant", reply)] for prompt in (a, b)]), 0.8)
    return bool(duplicates(both, np.array([0]), both, np.array([1]), 0.8, 0.3)[1][0])
