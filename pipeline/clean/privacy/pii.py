"""Personal data: found in the turns of one conversation, and replaced by typed placeholders."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from pipeline.clean.privacy.bounds import LETTER
from pipeline.clean.privacy.checksums import find_cards, find_ibans
from pipeline.clean.privacy.phone import find_phones
from pipeline.clean.privacy.secret import CUE, HINT, find_secrets

AT, DOT = r"(?:@|\s?[\[(](?:at|AT)[\])]\s?)", r"(?:\.|\s?[\[(](?:dot|DOT)[\])]\s?)"
EMAIL = re.compile(
    rf"(?<![\w.+%-])\w[\w.+%-]{{0,63}}(?:'[\w.+%-]{{1,63}})?{AT}(?:[\w-]{{1,63}}{DOT}){{1,8}}[^\W\d_]{{2,24}}(?![\w@-])"
)
"""RFC 5322's usual part; "(at)" and "[dot]" are read as @ and a dot."""
RESERVED = re.compile(
    rf"{AT}(?:[\w-]{{1,63}}{DOT})*(?:example{DOT}(?:com|net|org)|(?<=[.)\]\s])(?:example|test|invalid|localhost))\Z",
    re.IGNORECASE,
)
"""A domain that is kept for examples and tests, or one in it, in which nobody has an address (RFC 2606; RFC 6761)."""
BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
IPV4 = re.compile(rf"(?<!{LETTER})(?<![.-])(?:{BYTE}\.){{3}}{BYTE}(?!{LETTER}|-|\.\d)")
IPV6 = re.compile(rf"(?<!{LETTER})(?<![:.])(?:[0-9a-fA-F]{{0,4}}:){{2,7}}[0-9a-fA-F]{{0,4}}(?!{LETTER}|:)")
VERSION = re.compile(
    r"(?:version|\bv|==|>=|<=|~=|release|build|kernel|firmware|driver|upgraded? to|updated? to|\bsec(?:tion)?\.?|§"
    r"|chapter|clause|article|paragraph|table|figure|\boid)\s?$",
    re.IGNORECASE,
)
NETWORK = re.compile(
    r"\bips?\b|ipv4|\baddr|host|server|\bping\b|\bssh\b|\bdns\b|gateway|router|subnet|proxy|log(?:ged|in)|connect"
    r"|\bpeer\b|client|traceroute|whois|\bport\b|://|@|listen",
    re.IGNORECASE,
)
NETWORK_BEFORE, VERSION_BEFORE = 40, 14
PORT_OR_MASK = re.compile(r":\d{2,5}\b|/\d\d?\b")
SMALL = re.compile(r"\d(?:\.\d){3}")
"""Four single digits: a version, or a public resolver such as 8.8.8.8."""
PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
"""All that the registries give to anybody (RFC 4291, section 2.4); shortened and beyond it, "29::30" is a slice."""
REMOTE = re.compile(r"(?:^|[\s`$;|&])(?:ssh|scp|sftp|rsync) [^\n\"'@]{0,40}$|://[^\s/@\"']{0,40}$")
REMOTE_PATH = re.compile(r":(?!//)[\w.~-]*/|:[\w.-]+\.git\b")
"""An account on a machine, as git@example.org:team/tool.git, and not an e-mail address."""
SSN = re.compile(rf"(?<!{LETTER})(?<![.-])(?!000|666)\d{{3}}-(?!00)\d\d-(?!0000)\d{{4}}(?!{LETTER}|-)")
SSN_SPOKEN = re.compile(
    r"(?:\bssn\b|social security)[^\d\n]{0,25}((?!000|666)\d{3}[ -]?(?!00)\d\d[ -]?(?!0000)\d{4})(?![\w-])",
    re.IGNORECASE,
)
DIGIT = re.compile(r"\d")
PLACEHOLDER = re.compile(r"<([A-Z_]+)_(\d{1,6})>")

Finding = tuple[int, int, str]
"""(start, end, type)."""
Recognise = Callable[[str], list[Finding]]


class Span(NamedTuple):
    """One piece of personal data: characters start to end of a turn, before replacement."""

    turn: int
    type: str
    start: int
    end: int
    placeholder: str


def _emails(text: str) -> list[tuple[int, int]]:
    if "@" not in text and "at]" not in text.lower() and "at)" not in text.lower():
        return []
    return [m.span() for m in EMAIL.finditer(text) if not (RESERVED.search(m.group()) or _is_account(m))]


def _is_account(match: re.Match[str]) -> bool:
    """Whether user@host is an account on a machine."""
    start, end = match.span()
    before = match.string[max(0, start - 50) : start]
    if match.group().startswith("git@"):
        return True
    return REMOTE.search(before) is not None or REMOTE_PATH.match(match.string, end) is not None


def _addresses(text: str) -> list[tuple[int, int]]:
    """Addresses of the public internet: private, local, documentation's and reserved ones are nobody's."""
    found = []
    if text.count(".") >= 3:
        found += [m.span() for m in IPV4.finditer(text) if _is_ipv4(m)]
    if text.count(":") >= 2:
        found += [m.span() for m in IPV6.finditer(text) if _is_ipv6(m)]
    return found


def _is_ipv4(match: re.Match[str]) -> bool:
    """Whether it is a public address and no version: four small numbers need a word of networks, or a port, beside."""
    value, text, start, end = match.group(), match.string, *match.span()
    if SMALL.fullmatch(value) or VERSION.search(text[max(0, start - VERSION_BEFORE) : start]):
        return False
    if max(map(int, value.split("."))) < 100 and not PORT_OR_MASK.match(text, end):
        around = text[max(0, start - NETWORK_BEFORE) : start] + " " + text[end : end + NETWORK_BEFORE // 2]
        if not NETWORK.search(around):
            return False
    return _is_public(value)


def _is_ipv6(match: re.Match[str]) -> bool:
    start = match.start()
    sliced = match.string[start - 1 : start] == "[" and match.string[max(0, start - 2) : start - 1].isalnum()
    return not sliced and _is_public(match.group())


def _is_public(value: str) -> bool:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    if address.is_multicast or not address.is_global:
        return False
    return address.version == 4 or "::" not in value or address in PUBLIC_IPV6


def _social_security(text: str) -> list[tuple[int, int]]:
    found = [m.span() for m in SSN.finditer(text)] if text.count("-") >= 2 else []
    lowered = text.lower()
    if "ssn" in lowered or "social security" in lowered:
        found += [m.span(1) for m in SSN_SPOKEN.finditer(text)]
    return found


FINDERS: dict[str, Callable[[str], list[tuple[int, int]]]] = {
    "SECRET": find_secrets,
    "EMAIL": _emails,
    "IBAN": find_ibans,
    "CREDIT_CARD": find_cards,
    "SSN": _social_security,
    "IP": _addresses,
    "PHONE": find_phones,
}
"""In order of precedence, where spans overlap."""

WITHOUT_DIGITS = frozenset({"SECRET", "EMAIL"})

AT_SIGN, HINT_SIGN, CUE_SIGN, IBAN_SIGN, IP_SIGN = 1, 2, 4, 8, 16
"""What a word may be the sign of: an e-mail address, a secret (its two cheap tests), an IBAN, an IP address."""
IBAN_START = re.compile(r"[a-z]{2}\d{2}")
LEAST_DIGITS = 7
"""In a telephone number, the shortest of the others."""


def pii_signs(word: str, lowered: str) -> int:
    """Bits that say which personal data a word may be part of. lowered: the word in lower case."""
    return (
        (AT_SIGN if "@" in word or "at]" in lowered or "at)" in lowered else 0)
        | (HINT_SIGN if HINT.search(word) else 0)
        | (CUE_SIGN if CUE.search(lowered) else 0)
        | (IBAN_SIGN if IBAN_START.search(lowered) else 0)
        | (IP_SIGN if word.count(".") >= 3 or word.count(":") >= 2 else 0)
    )


def may_hold_pii(signs: int, digits: int) -> bool:
    """Whether find_pii can find anything in a text. signs: of all its words; digits: how many it has."""
    return (
        digits >= LEAST_DIGITS
        or signs & (AT_SIGN | IBAN_SIGN | IP_SIGN) != 0
        or signs & HINT_SIGN != 0 != signs & CUE_SIGN
    )


def name_may_hold_pii(name: str) -> bool:
    """The same for a short text whose words were not looked up; the signs of a text include those of its words."""
    return may_hold_pii(pii_signs(name, name.lower()), sum(map(str.isdecimal, name)))


def find_pii(text: str, types: Sequence[str]) -> list[Finding]:
    """(start, end, type) of the personal data of one text, in order, none overlapping. Cost is linear in the text."""
    digits = DIGIT.search(text) is not None
    kinds = [kind for kind in FINDERS if kind in types and (digits or kind in WITHOUT_DIGITS)]
    return _apart(text, ((start, end, kind) for kind in kinds for start, end in FINDERS[kind](text)))


def _apart(text: str, found: Iterable[Finding]) -> list[Finding]:
    """Findings in order, without those that overlap one given before."""
    kept: list[Finding] = []
    taken = bytearray()
    for start, end, kind in found:
        taken = taken or bytearray(len(text))
        if not any(taken[start:end]):
            taken[start:end] = b"\1" * (end - start)
            kept.append((start, end, kind))
    return sorted(kept)


def mask_conversation(
    turns: Sequence[str],
    types: Sequence[str],
    recognise: Recognise | None = None,
    searched: Sequence[bool] | None = None,
) -> tuple[list[str], list[Span]]:
    """The turns with placeholders such as <EMAIL_1> in place of personal data, and what was replaced.

    recognise: finds names and addresses, which give way to what the patterns find. searched: the turns in which
    the patterns may find anything (may_hold_pii); all, when it is not known.

    The same value (but for case and spacing) has the same number throughout the conversation;
    placeholders that were there before keep theirs.
    """
    found = [
        _apart(turn, [*(find_pii(turn, types) if worth else []), *(recognise(turn) if recognise else [])])
        for turn, worth in zip(turns, searched or [True] * len(turns), strict=True)
    ]
    if not any(found):
        return list(turns), []
    last = _last_numbers(turns)
    numbers: dict[tuple[str, str], str] = {}
    masked, spans = [], []
    for turn, (text, pieces) in enumerate(zip(turns, found, strict=True)):
        written, done = [], 0
        for start, end, kind in pieces:
            key = (kind, _same(kind, text[start:end]))
            if key not in numbers:
                last[kind] = last.get(kind, 0) + 1
                numbers[key] = f"<{kind}_{last[kind]}>"
            written += [text[done:start], numbers[key]]
            spans.append(Span(turn, kind, start, end, numbers[key]))
            done = end
        masked.append("".join([*written, text[done:]]))
    return masked, spans


def _same(kind: str, value: str) -> str:
    """What two spellings of one value share."""
    if kind in ("EMAIL", "SECRET"):
        return value.lower() if kind == "EMAIL" else value
    return "".join(c for c in value.lower() if c.isalnum() or (kind == "IP" and c in ".:"))


def _last_numbers(turns: Sequence[str]) -> dict[str, int]:
    last: dict[str, int] = {}
    for turn in turns:
        if "<" in turn:
            for kind, number in PLACEHOLDER.findall(turn):
                last[kind] = max(last.get(kind, 0), int(number))
    return last
