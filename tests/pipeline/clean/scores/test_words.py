"""Elongated words, annotations, rare words; personal data in identifiers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.clean import Pii, Text
from pipeline.clean.privacy.identifiers import mask_metadata, pseudonym
from pipeline.clean.privacy.pii import find_pii, may_hold_pii, pii_signs
from pipeline.clean.repair.annotations import drop_annotations
from pipeline.clean.repair.punctuation import shorten_elongated
from pipeline.clean.repair.repair import Repair
from pipeline.clean.scores.conversations import Preparation, score_conversations
from pipeline.clean.scores.rare_words import KnownWords, word_hashes

TYPES = Pii().types


@pytest.mark.parametrize(
    ("text", "shorter"),
    [
        ("Soooooo goooood", "Sooo goood"),
        ("NOOOOO!", "NOOO!"),
        ("ουουυυυυ", "ουουυυ"),
        ("hahaha 10000 zzz", "hahaha 10000 zzz"),
        ("AAAA batteries, 49,XXXXY, xxxxx", "AAAA batteries, 49,XXXXY, xxxxx"),
        ("Look:\n\n    sooooo = 1\n\nsooooo", "Look:\n\n    sooooo = 1\n\nsooo"),
        ("哈哈哈哈哈", "哈哈哈哈哈"),
        (
            "https://x.org/aaaaa a_bbbbb #ffffff x@aaaaa.org `aaaaa`",
            "https://x.org/aaaaa a_bbbbb #ffffff x@aaaaa.org `aaaaa`",
        ),
    ],
)
def test_elongated_words_keep_three_letters(text: str, shorter: str) -> None:
    assert shorten_elongated(text) == shorter == shorten_elongated(shorter)


def test_elongated_words_are_a_repair_that_can_be_left_out() -> None:
    turns = [[("user", "soooooo what"), ("assistant", "ok")]]
    [cut] = score_conversations(turns, Preparation(Repair(Text()), TYPES))
    [kept] = score_conversations(turns, Preparation(Repair(Text(elongated="keep")), TYPES))
    assert (cut.contents, cut.repairs) == (["sooo what", "ok"], ["elongated"])
    assert (kept.contents, kept.repairs) == (["soooooo what", "ok"], [])


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Speaker 1: I was [inaudible] there (laughs).", "I was there."),
        ("User: hello", "hello"),
        ("**Assistant:** Sure", "Sure"),
        ("Well [crosstalk 00:12], yes", "Well, yes"),
        ("(laughs)", "(laughs)"),
        ("I tried (sigh) and tried. (Laugh) Oh well [sigh].", "I tried (sigh) and tried. (Laugh) Oh well."),
        ("I tried (sighing). (clears throat) Well.", "I tried. Well."),
        ("f(x), see [1] (below) and (music)", "f(x), see [1] (below) and (music)"),
        ("Note: done. The user: Bob", "Note: done. The user: Bob"),
        ("write `[inaudible]` there", "write `[inaudible]` there"),
    ],
)
def test_annotations_are_dropped_unless_they_are_all_there_is(text: str, plain: str) -> None:
    assert drop_annotations(text) == plain
    assert Repair(Text())(text)[0] == plain
    assert Repair(Text(annotations="keep"))(text)[0] == text


def test_rare_words_are_counted_or_replaced() -> None:
    hashes = np.array(sorted(word_hashes(["the cat sat on my mat"])), np.int64)
    turns = ["The cat sat", "on <EMAIL_1> Zanzibar's 42 mat"]
    assert KnownWords(hashes, placeholder=False).share(turns) == round(2 / 7, 4)  # zanzibar, s
    assert KnownWords(hashes, placeholder=True).replace(turns[1]) == "on <EMAIL_1> <RARE>'<RARE> 42 mat"
    assert KnownWords(hashes[:0], placeholder=False).share(["all rare"]) == 1
    assert KnownWords(hashes, placeholder=False).share(["42 !"]) == 0


@pytest.mark.parametrize("placeholder", [True, False])
def test_rare_words_of_a_batch(placeholder: bool) -> None:
    known = KnownWords(np.array(sorted(word_hashes(["hello there"])), np.int64), placeholder)
    turns = [[("user", "hello xyzzy"), ("assistant", "hello there")], [("user", "hello"), ("assistant", "there")]]
    odd, usual = score_conversations(turns, Preparation(Repair(Text()), TYPES, known=known))
    assert odd.contents[0] == ("hello <RARE>" if placeholder else "hello xyzzy")
    assert odd.rare_words == (0.0 if placeholder else 0.25)
    assert odd.repairs == (["rare_words"] if placeholder else [])
    assert (usual.rare_words, usual.repairs) == (0.0, [])


def test_metadata_and_names_of_users_hold_no_personal_data() -> None:
    masked = mask_metadata({"from": "Jane <jane@x.org>", "ip": "142.250.97.95", "topic": "cats", "none": None}, TYPES)
    assert masked == {"from": "Jane <<EMAIL>>", "ip": "<IP>", "topic": "cats", "none": None}
    assert pseudonym("user-17", TYPES) == "user-17"
    assert pseudonym(None, TYPES) is None
    name = pseudonym("Jane@x.org", TYPES)
    assert name == pseudonym(" jane@X.org", TYPES)
    assert name is not None
    assert name.startswith("id-")
    assert len(name) == 35
    assert pseudonym("Jane@x.org", ["PHONE"]) == "Jane@x.org"


FRAGMENTS = st.sampled_from(
    [
        *("a@x.org", "jane [at] x [dot] org", "020 7946 0958", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00"),
        *("142.250.97.95", "2601:406::2", "219-09-9999", "my password is hunter2!", "api_key = 'zX81kQpw0'"),
        *("p://u:s3cretive@db", "AKIAIOSFODNN7EXAMPLE", "call", "hello", "42", "the PIN is 4242"),
    ]
)


@given(st.lists(FRAGMENTS | st.text(max_size=6), max_size=5))
@settings(max_examples=300, deadline=None)
def test_what_the_signs_of_words_rule_out_holds_no_personal_data(parts: list[str]) -> None:
    text = " ".join(parts)
    signs = 0
    for word in text.split():
        signs |= pii_signs(word, word.lower())
    assert may_hold_pii(signs, sum(map(str.isdecimal, text))) or not find_pii(text, TYPES)
