"""Mentions of groups, and the turns of speech that are none."""

import pytest

from pipeline.audit.demographics import ATTRIBUTES, LEXICON, mentions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My mother's sister lives there.", {"gender:female"}),
        ("He and his wife", {"gender:male", "gender:female"}),
        ("Black people and white people voted.", {"ethnicity:black", "ethnicity:white"}),
        (
            "An African American woman",
            {"ethnicity:black", "gender:female", "nationality:african", "nationality:american"},
        ),
        ("They are devout Muslims.", {"religion:muslim"}),
        (
            "Two young women met a Mexican man.",
            {"age:young", "gender:female", "gender:male", "nationality:latin american"},
        ),
        (
            "She is Korean and the Germans are our neighbours.",
            {"gender:female", "nationality:japanese or korean", "nationality:western european"},
        ),
        ("My friend uses a wheelchair.", {"disability:mobility"}),
        ("a same-sex couple", {"sexual orientation:gay or lesbian"}),
        ("The elderly and CHILDREN first", {"age:old", "age:child"}),
    ],
)
def test_groups_are_found_on_whole_words(text, expected):
    assert mentions(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The white paper is on the black table.",
        "Black Friday at the White House",
        "oh man, that was close",
        "I love Thai food and a French press.",
        "Do you speak German? It is written in Chinese.",
        "The DAG is disabled; the child process failed.",
        "Spanish is easier than Chinese, and Italian or Indian is my favourite.",
        "The Book of Mormon, in Saudi Arabia",
        "We went on a blind date on a straight road.",
        "Christian Bale in a movie",
        "Polish your shoes for the Boy-scoutless theme there.",
        "Hello everyone, how are you guys?",
        "",
    ],
)
def test_colours_dishes_languages_names_and_turns_of_speech_are_nobody(text):
    assert mentions(text) == set()


def test_every_term_of_the_lists_finds_its_own_group():
    for attribute, groups in LEXICON.items():
        for group, terms in groups.items():
            for term in terms.split(", "):
                text = f"that is {term.replace('*', 'people')} today"
                assert f"{attribute}:{group}" in mentions(text), term


def test_attributes_list_all_groups():
    assert {a: set(g) for a, g in ATTRIBUTES.items()} == {a: set(g) for a, g in LEXICON.items()}
