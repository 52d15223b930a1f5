"""Credentials are masked wherever a value is shown, logged, written down or hashed: by this function, and no other."""

import re
from typing import Any

MASK = "***"

NAMES = re.compile(
    r"\b(?:secret|passw(?:or)?d|pwd|passphrase|credentials?|apikey|authorization|token|sig|"
    r"(?:api|access|auth|secret|private|account|shared|signing|encryption) key)\b"
)
"""Words of a name, as in fs.s3a.secret.key, trustStorePassword or X-API-KEY, whose value is a credential."""

USER_INFO = re.compile(r"(?<=://)(?:(?<!abfs://)(?<!abfss://)[^\s/?#]*|[^\s/?#]*:[^\s/?#]*)@")
"""In abfs://CONTAINER@ACCOUNT it is no user."""
SCHEME = re.compile(r"(?i)\b(bearer|basic) +[\w.~+/=-]{8,}")
SHAPES = re.compile(
    r"\b(?:hf_|gh[pousr]_|github_pat_|glpat-|sk-|xox[a-z]-|AKIA|ASIA|dapi)[\w-]{12,}"  # hubs, clouds, services
    r"|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # a JSON web token
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)",
    re.DOTALL,
)
GIVEN = re.compile(
    r"""(?<![\w.])([A-Za-z_][\w.-]{0,199})(?:["']?=|["']\s*:)\s*|--([a-z][\w-]{0,199})\s+""", re.IGNORECASE
)
"""Where a text gives a value to a name: name=, "name": and --name."""
VALUE = re.compile(r"""\\?"[^"]*"|'[^']*'|[^\s,;&"']+""")


def masked(value: Any) -> Any:
    """The value, of JSON's types, with its credentials replaced by ***.

    A credential is a text, or a list or mapping of texts, under a name such as fs.s3a.secret.key or authToken; the
    user and password of an address; what such a name is given within a text (?api_key=…, -DstorePassword=…, two in
    one list too); and what looks like a service's token or a private key wherever it stands.
    """
    if isinstance(value, dict):
        return {name: _whole(v) if names_credential(str(name)) else masked(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [masked(v) for v in value]
    return _text(value) if isinstance(value, str) else value


def names_credential(name: str) -> bool:
    """Whether what carries this name is a credential: secret.key is, tokenizer and batch_tokens are not."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return NAMES.search(" ".join(words).lower()) is not None


def _whole(value: Any) -> Any:
    """Every text in the value masked; a number is none (bytes_per_token), and what is empty says that it is."""
    if isinstance(value, dict):
        return {name: _whole(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(v) for v in value]
    return MASK if isinstance(value, str) and value else value


def _text(text: str) -> str:
    text = SHAPES.sub(MASK, SCHEME.sub(rf"\1 {MASK}", USER_INFO.sub(f"{MASK}@", text)))
    shown, at = [], 0
    for given in GIVEN.finditer(text):
        value = VALUE.match(text, given.end())
        if given.start() >= at and value and names_credential(given[1] or given[2]):
            shown += [text[at : given.end()], MASK]
            at = value.end()
    return "".join([*shown, text[at:]])
