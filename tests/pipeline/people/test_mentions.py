"""Mentions of groups, and the turns of speech that are none."""

import json
from pathlib import Path

import pytest

from pipeline.people.mentions import masked, mentions, spans


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My mother's sister lives there.", {"gender:female"}),
        ("He and his wife", {"gender:male", "gender:female"}),
        ("Black people and white people voted.", {"ethnicity:black", "ethnicity:white"}),
        ("An African American woman", {"ethnicity:black", "gender:female"}),
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


CASES = Path(__file__).parent / "mentions.jsonl"


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_cases_mention_exactly_their_groups(language):
    cases = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
    wrong = {
        case["text"]: (found, case["groups"])
        for case in cases
        if case["language"] == language
        and (found := sorted(mentions(case["text"], language))) != sorted(case["groups"])
    }
    assert not wrong


def test_spans_are_the_characters_of_the_terms():
    text = "İs “Ada’s mother” — a 72-year-old African-American?"
    assert [(text[s.start : s.end], s.tag) for s in spans(text)] == [
        ("mother", "gender:female"),
        ("72-year-old", "age:old"),
        ("African-American", "ethnicity:black"),
    ]


@pytest.mark.parametrize(
    "group", ["A black man", "An Asian woman", "An Italian girl", "A 72-year-old man", "A deaf boy"]
)
def test_masked_texts_are_the_same_for_every_group(group):
    text = f"{group} said: I am late."
    assert masked(text, spans(text)) == "A local person said: I am late."


def test_an_unknown_language_mentions_nobody():
    assert mentions("Sie hat he gesagt", "xx") == set()
    assert mentions("She is old", "xx") == set()
