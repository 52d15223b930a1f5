import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.pii_quality import measure
from pipeline.clean.privacy.pii import FINDERS, find_pii, mask_conversation

TYPES = tuple(FINDERS)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mail jane.doe+x@mail.example.org now", "mail <EMAIL_1> now"),
        ("jane [at] example [dot] org", "<EMAIL_1>"),
        ("call me on 020 7946 0958", "call me on <PHONE_1>"),
        ("ring +44 (0)20 7946 0958 or (415) 555-0132 x12", "ring <PHONE_1> or <PHONE_2>"),
        ("my phone is 4155550132", "my phone is <PHONE_1>"),
        ("card 4111 1111 1111 1111 expires", "card <CREDIT_CARD_1> expires"),
        ("IBAN DE89 3704 0044 0532 0130 00, thanks", "IBAN <IBAN_1>, thanks"),
        ("gb82west12345698765432", "<IBAN_1>"),
        ("from 192.168.7.21 and 2001:db8:0:0:8d3::2", "from <IP_1> and <IP_2>"),
        ("SSN 219-09-9999", "SSN <SSN_1>"),
        ("social security number is 219099999", "social security number is <SSN_1>"),
        ("my password is hunter2!", "my password is <SECRET_1>!"),
        ("api_key = 'zX81kQpw0'", "api_key = '<SECRET_1>'"),
        ("postgresql://app:s3cretive@db/x", "postgresql://app:<SECRET_1>@db/x"),
        ("AKIAIOSFODNN7EXAMPLE", "<SECRET_1>"),
    ],
)
def test_personal_data_is_replaced(text: str, masked: str) -> None:
    assert mask_conversation([text], TYPES)[0] == [masked]


@pytest.mark.parametrize(
    "text",
    [
        "from 1998-2003 it sold 250 000 copies for $12,345,678.90",
        "due 01.02.2003 or 2021-09-02 08:35:22.377000",
        "take IT101 its the best 3 and easiest credits you will take",
        "card 4111 1111 1111 1112",  # fails Luhn
        "GB82 WEST 1234 5698 7654 33",  # fails mod 97
        "bind 127.0.0.1, 0.0.0.0 and 255.255.255.0; version 10.2.13.4; 8.8.8.8",
        "000-12-3456 and 666-12-3456",
        "the password is wrong, the token: required, password=$DB_PASSWORD",
        "order 1234567890123 shipped, call 911",
        "@dag.task and user@localhost",
        "https://example.com/post/4155550132/12-34-56-78",
        "<EMAIL_1> or <PHONE_2>",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert find_pii(text, TYPES) == []


def test_one_value_has_one_number_in_a_conversation_however_it_is_spelt() -> None:
    turns = ["I am a@x.org, 415-555-0132", "A@X.org? (415) 555-0132 or b@x.org?"]
    masked, spans = mask_conversation(turns, TYPES)
    assert masked == ["I am <EMAIL_1>, <PHONE_1>", "<EMAIL_1>? <PHONE_1> or <EMAIL_2>?"]
    assert spans[0] == (0, "EMAIL", 5, 12, "<EMAIL_1>")
    assert all(turns[s.turn][s.start : s.end].strip() for s in spans)


def test_placeholders_of_the_source_keep_their_numbers() -> None:
    assert mask_conversation(["<EMAIL_3> and new@x.org"], TYPES)[0] == ["<EMAIL_3> and <EMAIL_4>"]


def test_only_the_asked_types_are_replaced() -> None:
    assert mask_conversation(["a@x.org, 415-555-0132"], ("PHONE",))[0] == ["a@x.org, <PHONE_1>"]


@given(st.lists(st.text(st.characters() | st.sampled_from("0123456789-.@:+() <>_EMAIL")), max_size=4))
@settings(max_examples=300, deadline=None)
def test_spans_lie_inside_the_text_apart_and_in_order(turns: list[str]) -> None:
    masked, spans = mask_conversation(turns, TYPES)
    assert len(masked) == len(turns)
    end = (-1, 0)
    for span in spans:
        assert 0 <= span.start < span.end <= len(turns[span.turn])
        assert (span.turn, span.start) >= end
        end = (span.turn, span.end)


def test_recall_and_precision_on_labelled_sentences_are_at_least_95_percent() -> None:
    path = Path(os.environ.get("PARLANCE_SHARED_DATA", "../shared/data")) / "labelled" / "pii_spans.json"
    if not path.is_file():
        pytest.skip(f"{path} is absent; set PARLANCE_SHARED_DATA to the folder of labelled data")
    for kind, values in measure(json.loads(path.read_text(encoding="utf-8"))).items():
        assert values["recall"] >= 0.95, (kind, values)
        assert values["precision"] >= 0.95, (kind, values)
