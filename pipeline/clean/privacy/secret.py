"""Passwords and keys."""

import re

HINT = re.compile(r"[0-9=:@#$%^&*+~]")
CUE = re.compile(
    r"passw|passphrase|passcode|pwd|pins?(?![a-z])|secret|token|keys?(?![a-z])|credential|-----begin|a[ks]ia[0-9a-z]{16}"
    r"|aiza|gh[pousr]_|pat_|xox[abpr]-|sk-|hf_|eyj|://[^\s/@:]+:"
)
"""The cheap tests: no secret is without one of each (cues in small letters)."""

BREAK, BASE64 = r"(?:\\n|\s)", "[A-Za-z0-9+/=]"
PEM = (
    rf"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:{BREAK}{{1,4}}{BASE64}{{16,}})+"
    rf"(?:{BREAK}{{0,4}}{BASE64}{{0,80}}{BREAK}{{0,4}}-----END [A-Z ]*PRIVATE KEY-----)?"
)
KNOWN = re.compile(
    rf"{PEM}|\b(?:AKIA|ASIA)[0-9A-Z]{{16}}\b|\bAIza[\w-]{{35}}|\bgh[pousr]_[A-Za-z0-9]{{36,}}|\bgithub_pat_\w{{22,}}"
    r"|\bxox[abpr]-[\w-]{10,}|\bsk-[A-Za-z0-9_-]{20,}|\bhf_[A-Za-z0-9]{30,}"
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"
)
"""Keys that show what they are: PEM, AWS, Google, GitHub, Slack, OpenAI, Hugging Face, JSON Web Tokens."""

IN_URL = re.compile(r"://([^\s/@:]+):(?!\1@)([^\s/@]+)@")
"""user:password@ in an address, unless both are one word, as in every tutorial."""
NAMED = (
    r"(?:pass(?:word|wd|phrase|code)|pwd|pin(?: code| number)?|api[ _-]?key|access[ _-]?key|secret(?:[ _-]?key)?"
    r"|(?:auth|access|bearer)[ _-]?token|credential)s?"
)
ASSIGNED = re.compile(
    rf"{NAMED}[\"']?\s{{0,2}}(?:=|:|=>)\s{{0,2}}(?:[\"']([^\"'\s]{{4,80}})[\"']|([^\s\"',;()<>]{{4,80}}))",
    re.IGNORECASE,
)
TOLD = re.compile(rf"\b{NAMED} (?:is|was|to)(?: now)?:? [\"']?([^\s\"',;()<>]{{4,80}})", re.IGNORECASE)
REFERENCE = re.compile(
    r"[$%{<*\[]|\*{3}|x{4}|\.{3}|(?:os|self|conf|config|var|env|settings|data|params)[.\[]"
    r"|pass(?:word|wd)?\b|secret|token|key|your|example|name|none|null|true|false",
    re.IGNORECASE,
)
"""Where a value stands for another: $NAME, {{ name }}, ****, xxxx, os.environ[...], "password"."""


def find_secrets(text: str) -> list[tuple[int, int]]:
    """(start, end) of keys of known makes, passwords in addresses, and values given to a password or key.

    After "password is" a value must mix letters with digits or symbols, so "password is wrong" is none.
    """
    if not HINT.search(text):
        return []
    if not CUE.search(text.lower()):
        return []
    found = [m.span() for m in KNOWN.finditer(text)]
    found += [m.span(2) for m in IN_URL.finditer(text) if not REFERENCE.search(m.group(2))]
    for match in ASSIGNED.finditer(text):
        group = 1 if match.group(1) else 2
        value = match.group(group).rstrip(".!?")
        if not REFERENCE.search(value) and (group == 1 or _mixed(value)):
            found.append((match.start(group), match.start(group) + len(value)))
    for match in TOLD.finditer(text):
        value = match.group(1).rstrip(".!?")
        if _mixed(value) and not REFERENCE.search(value):
            found.append((match.start(1), match.start(1) + len(value)))
    return [(start, end) for start, end in found if end > start]


def _mixed(value: str) -> bool:
    """Letters with digits or symbols, or digits alone, as a password or a PIN; no ordinary word, no call."""
    letters, digits = any(map(str.isalpha, value)), any(map(str.isdigit, value))
    symbols = any(c in "@#$%^&*+=~" for c in value)
    return (letters and (digits or symbols)) or (digits and not letters)
