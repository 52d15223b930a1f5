"""What a conversation says of groups, sentence by sentence, without the groups' own words."""

import pytest

from pipeline.audit.statements import MOST, other, spoken, statements
from pipeline.people.mentions import Lexicons

LEXICONS = Lexicons()


def said(*turns: str, language: str = "en"):
    roles = ("user", "assistant")
    return list(statements(spoken([(roles[n % 2], turn) for n, turn in enumerate(turns)]), LEXICONS, language))


def test_each_sentence_on_a_group_is_one_and_others_are_none():
    found = said("The train is late. The old man slept.", "Really? Women work here too.")
    assert [(s.turn, s.role, s.groups) for s in found] == [
        (0, "user", ["age:old", "gender:male"]),
        (1, "assistant", ["gender:female"]),
    ]


@pytest.mark.parametrize(
    ("one", "other_"),
    [
        ("A blind person asked me the way.", "A deaf person asked me the way."),
        ("The Muslim family is kind.", "The Jewish family is kind."),
        ("She is late.", "He is late."),
    ],
)
def test_what_is_said_of_two_groups_alike_is_measured_alike(one, other_):
    (first,), (second,) = said(one), said(other_)
    assert (first.text, first.words) == (second.text, second.words)
    assert first.groups != second.groups


def test_an_adjective_leaves_no_word_in_its_place():
    (found,) = said("A blind person asked for the time.")
    assert found.text == "A person asked for the time."
    (found,) = said("A blind person asked for a local bus.")
    assert found.text == "A local person asked for a local bus."


def test_a_sentence_that_opens_with_a_pronoun_takes_words_of_the_one_before():
    (found,) = said("The nurse smiled. She left early.")
    assert found.words == ["early", "left", "nurse", "smiled", "the"]
    (found,) = said("The nurse smiled. A woman left early.")
    assert found.words == ["early", "left"]


@pytest.mark.parametrize(
    ("sentence", "acts", "acted_on"),
    [
        ("She led the team.", ["gender:female"], []),
        ("She always wins.", ["gender:female"], []),
        ("She was hired by them.", [], ["gender:female"]),
        ("It was invented by a deaf quarterback.", ["disability:hearing"], []),
        ("The song is written by her.", ["gender:female"], []),
        ("They sat by the woman.", [], []),
        ("When all are tired, a child sings.", ["age:child"], []),
        ("They arrested the woman.", [], ["gender:female"]),
        ("The woman there", [], []),
        ("He taught her.", ["gender:male"], ["gender:female"]),
    ],
)
def test_who_acts_and_who_is_acted_upon_where_word_order_shows_it(sentence, acts, acted_on):
    (found,) = said(sentence)
    assert (found.acts, found.acted_on) == (acts, acted_on)


def test_of_a_conversation_without_end_only_so_many_sentences_count():
    assert len(said("She left. " * (MOST + 10))) == MOST


def test_of_a_language_without_a_list_nothing_is_said():
    assert said("He is late.", language="xx") == []


def test_what_groups_are_compared_with_is_a_sentence_on_persons_where_there_is_one():
    turns = [("user", "The bus is late today. A neighbour waited for it. She left.")]
    for row_id in ("a", "b", "c", "d"):
        found = other(row_id, spoken(turns), LEXICONS, "en")
        assert found is not None
        assert (found.text, found.groups) == ("A neighbour waited for it.", [])
    assert other("a", spoken([("user", "She left early today.")]), LEXICONS, "en") is None
