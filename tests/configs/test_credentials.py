"""Ten kinds of credentials are masked, and words that only look like one are left alone."""

from typing import Any

import pytest

from configs.credentials import MASK, masked

SECRET = "Zebra77Quagga"

PLANTED: dict[str, Any] = {
    "a Spark setting": {"spark.hadoop.fs.s3a.secret.key": SECRET},
    "a camel-cased name": {"trustStorePassword": SECRET, "accessKey": SECRET},
    "the user of an address": [f"http://user:{SECRET}@host/x", f"https://{SECRET}@host"],
    "two addresses in one list": f"http://user:{SECRET}@a:1,http://user:{SECRET}@b:2/c",
    "two users of one address": f"mongodb://u:{SECRET}@a,v:{SECRET}@b/db",
    "a query": f"https://host/x?api_key={SECRET}&X-Amz-Security-Token={SECRET}&page=2",
    "two settings in one list": f"a.secret.key={SECRET},b.secret.key={SECRET}",
    "a Java option": f"-Djavax.net.ssl.trustStorePassword={SECRET} -Dx=y",
    "a nested mapping": {"launch": {"deepspeed": {"wandb": {"token": SECRET, "credentials": [SECRET, {"a": SECRET}]}}}},
    "a header": f"Authorization: Bearer {SECRET}",
    "JSON within a text": f'{{"password": "{SECRET} {SECRET}", "x": 1}}',
    "an option": f"--password {SECRET} --rows 1",
    "a service's token": [f"hf_{SECRET}{SECRET}", f"AKIA{SECRET}", f"ghp_{SECRET}{SECRET}"],
    "a private key": f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_credential_is_masked(kind: str) -> None:
    shown = str(masked(PLANTED[kind]))
    assert SECRET not in shown
    assert MASK in shown


def test_what_stands_around_it_stays() -> None:
    assert masked("https://host/x?api_key=a&page=2") == "https://host/x?api_key=***&page=2"
    assert masked("-DstorePassword=a -Dx=y") == "-DstorePassword=*** -Dx=y"
    assert masked({"spark.x.secret.key": "a", "spark.y": "b"}) == {"spark.x.secret.key": "***", "spark.y": "b"}
    assert masked("http://user:pass@host:1/x") == "http://***@host:1/x"


@pytest.mark.parametrize(
    "value",
    [
        "talking about passwords and tokens",
        "password: reset it",
        "train.batch_tokens=1024",
        "tokenise.tokenizer=train",
        {"tokenizer": "train", "batch_tokens": 1024, "bytes_per_token": 4.1, "password": ""},
        "http://qdrant:6333/x?page=2",
        "abfs://container@account.dfs.core.windows.net/chats",
        "someone@example.org",
        "nrefs:1|case:mixed",
        None,
        3.5,
    ],
)
def test_what_only_looks_like_one_is_left_alone(value: Any) -> None:
    assert masked(value) == value


def test_masking_twice_is_masking_once() -> None:
    once = masked(PLANTED)
    assert masked(once) == once
