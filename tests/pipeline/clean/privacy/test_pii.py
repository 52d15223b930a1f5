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
        ("mail jane.doe+x@mail.acme.org now", "mail <EMAIL_1> now"),
        ("jane [at] acme [dot] org", "<EMAIL_1>"),
        ("call me on 020 7946 0958", "call me on <PHONE_1>"),
        ("ring +44 (0)20 7946 0958 or (415) 555-0132 x12", "ring <PHONE_1> or <PHONE_2>"),
        ("my phone is 4155550132", "my phone is <PHONE_1>"),
        ("card 4111 1111 1111 1111 expires", "card <CREDIT_CARD_1> expires"),
        ("IBAN DE89 3704 0044 0532 0130 00, thanks", "IBAN <IBAN_1>, thanks"),
        ("gb82west12345698765432", "<IBAN_1>"),
        ("from 142.250.97.95 and 2601:406:c202:7591:82a:7dee:f0f0:4077", "from <IP_1> and <IP_2>"),
        ("peer 84.12.33.7:51820 connected", "peer <IP_1>:51820 connected"),
        ("Mobile:+49 151 23456789", "Mobile:<PHONE_1>"),
        ("fax=617-555-0143", "fax=<PHONE_1>"),
        ("mein Handy: 0176/12345678 oder Tel. 030/901820", "mein Handy: <PHONE_1> oder Tel. <PHONE_2>"),
        ("meu telefone é 11 96123-4567", "meu telefone é <PHONE_1>"),
        ("mi número es 612345678", "mi número es <PHONE_1>"),
        ("mon numéro est le 06 12 34 56 78", "mon numéro est le <PHONE_1>"),
        ("our phone no. is 2025550147", "our phone no. is <PHONE_1>"),
        ("their contact number is 2 9225 1700", "their contact number is <PHONE_1>"),
        ("ph: 98765 43210, wa.me/447700900123", "ph: <PHONE_1>, wa.me/<PHONE_2>"),
        ("Suite 5, 222091903 Phone: 7035246686", "Suite 5, 222091903 Phone: <PHONE_1>"),
        ("pw: Tr0ub4dor&3", "pw: <SECRET_1>"),
        ("pass: p@ss$word1", "pass: <SECRET_1>"),
        ("Passwort: sommer2019", "Passwort: <SECRET_1>"),
        ("the PIN is 4821", "the PIN is <SECRET_1>"),
        ("Authorization: Bearer abcdEFGH1234567890abcdEF", "Authorization: Bearer <SECRET_1>"),
        ("SSN 219-09-9999", "SSN <SSN_1>"),
        ("social security number is 219099999", "social security number is <SSN_1>"),
        ("my password is hunter2!", "my password is <SECRET_1>!"),
        ("api_key = 'zX81kQpw0'", "api_key = '<SECRET_1>'"),
        ("postgresql://app:s3cretive@db/x", "postgresql://app:<SECRET_1>@db/x"),
        ("AKIAZ7Q4M2XK9B3TWL5C", "<SECRET_1>"),
        ("contact=9876543210", "contact=<PHONE_1>"),
        ("contact: 9876543210", "contact: <PHONE_1>"),
        ('{"customer_phone": "9876543210"}', '{"customer_phone": "<PHONE_1>"}'),
        ("phoneNumber = 9876543210", "phoneNumber = <PHONE_1>"),
        ("mobile_no:9876543210", "mobile_no:<PHONE_1>"),
        ("電話は090-1234-5678です。", "電話は<PHONE_1>です。"),
        ("連絡先は08012345678です", "連絡先は<PHONE_1>です"),
        ("電話番号:０３－１２３４－５６７８まで", "電話番号:<PHONE_1>まで"),
        ("番号は+81 90-1234-5678だよ", "番号は<PHONE_1>だよ"),
        ("我的电话是13812345678，谢谢", "我的电话是<PHONE_1>，谢谢"),
        ("전화는 010-1234-5678입니다", "전화는 <PHONE_1>입니다"),
        ("カード番号は4111111111111111です", "カード番号は<CREDIT_CARD_1>です"),
        ("サーバーは84.112.33.7です", "サーバーは<IP_1>です"),
        ("口座はDE89370400440532013000です", "口座は<IBAN_1>です"),
        ("mysql -pS3cret99", "mysql -p<SECRET_1>"),
        ("run mysqldump -u root -p'S3cret99' shop > a.sql", "run mysqldump -u root -p'<SECRET_1>' shop > a.sql"),
        ("sshpass -p T0pfsecret ssh me@web1", "sshpass -p <SECRET_1> ssh me@web1"),
        ("docker login -u me -p T0pfsecret registry", "docker login -u me -p <SECRET_1> registry"),
        ("curl -u admin:S3cret99 https://example.org", "curl -u admin:<SECRET_1> https://example.org"),
        ("Mob-9876543210, Ph.no.9876543210", "Mob-<PHONE_1>, Ph.no.<PHONE_1>"),
        ("contact no-9876543210", "contact no-<PHONE_1>"),
        ("tool --token gl4bX91kq --verbose", "tool --token <SECRET_1> --verbose"),
        ("app --user me --password S3cret99 run", "app --user me --password <SECRET_1> run"),
        ("mail jo@example.com.au or jo@myexample.org", "mail <EMAIL_1> or <EMAIL_2>"),
        ("my phone is 8445550132, Mob-8005550132", "my phone is <PHONE_1>, Mob-<PHONE_2>"),
        ("call +44 800 273 8255 or 810-555-0132", "call <PHONE_1> or <PHONE_2>"),
        ("call 800-273-8255 or 415-555-0132", "call 800-273-8255 or <PHONE_1>"),
        ("redis-cli -h cache -a S3cret99", "redis-cli -h cache -a <SECRET_1>"),
    ],
)
def test_personal_data_is_replaced(text: str, masked: str) -> None:
    assert mask_conversation([text], TYPES)[0] == [masked]


@pytest.mark.parametrize(
    "text",
    [
        "from 1998-2003 it sold 250 000 copies for $12,345,678.90",
        "a ratio of 0123/4567 and the date 01/02/2024 on my phone bill",
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
        "10.244.0.1, 172.20.1.1, 192.168.1.1, 169.254.10.3, 100.64.1.1, fe80::1ff:fe23, fd00::1, ::1",
        "192.0.2.5, 198.51.100.7, 203.0.113.9, 2001:db8::1",  # documentation
        "see (2009) 312-3345, 77, 259-264 and pp. 1119-1131",
        "[[100 200 3000], [415 555 0132]], 1.648 777 2536 e-41",
        "x[2::3], k[..., 0::2], dead::beef at 12:30:45",
        "ver. 4.14.86.1, Python 3.6.21.2",
        "order number is 6175550143, Invoice 617-555-0143, ISBN 978-0-306-40615-7, id=6175550143",
        "credentials: 'same-origin', password: 'Passwort', password = sha256(password + salt)",
        "a password of 8-16 characters: the password is 8-16 characters, the key is AES-256",
        "secret = s3_keys[0], if password==confirm2, spin: 1234 times, GPIO pin: D13",
        "ssh deploy@web1.example.org, git+ssh://git@example.org/team/tool",
        "contact 9876543210 items, hotel: 9876543210, context=9876543210",
        "注文番号は1234567890です、電話は10時から",
        "mysql -P 3306 -p, mysql -u root -p$DB_PASSWORD shop, mkdir -p data2026, docker run -p 8080:80 web1",
        "tool --token $TOKEN1 --password --pass=1, the --token flag, motel-9876543210, graph=9876543210",
        "curl -u user:password https://example.org, curl -u $USER:$TOKEN1",
        "the hotline is 800-273-8255 24/7, 1-800-273-8255, (800) 273-8255, 1.888.273.8255, +1 877 273 8255 or 988",
        "toll-free: 18332738255, +18442738255, 866-273-8255 ext. 12, call (855)273-8255",
        "jo@example.com, joe@mail.example.org, jo [at] example [dot] net, jim@shop.example, j@host.test, J@EXAMPLE.NET",
        "AKIAIOSFODNN7EXAMPLE, secret_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "the host is git@example.org; pip install git+https://$TOKEN@example.org/team/tool",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert find_pii(text, TYPES) == []


def test_the_shared_cases() -> None:
    path = Path(os.environ.get("PARLANCE_SHARED_DATA", "../shared/data")).parent / "cases" / "pii.jsonl"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    for line in path.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        assert [kind for _, _, kind in find_pii(case["text"], TYPES)] == case["masked"], case


def test_of_overlapping_findings_the_first_kind_stays_in_a_text_with_very_many() -> None:
    text = "user7@mail.acme.org 415-555-0132\n" * 20_000
    found = find_pii(text, TYPES)
    assert [kind for _, _, kind in found] == ["EMAIL", "PHONE"] * 20_000
    assert find_pii("4111 1111 1111 1111", TYPES) == [(0, 19, "CREDIT_CARD")]


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
