"""Personal data: found in the turns of one conversation, and replaced by typed placeholders."""

import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pipeline.clean.privacy.checksums import find_cards, find_ibans
from pipeline.clean.privacy.phone import find_phones
from pipeline.clean.privacy.secret import CUE, HINT, find_secrets

AT, DOT = r"(?:@|\s?[\[(](?:at|AT)[\])]\s?)", r"(?:\.|\s?[\[(](?:dot|DOT)[\])]\s?)"
EMAIL = re.compile(
    rf"(?<![\w.+%-])\w[\w.+%-]{{0,63}}(?:'[\w.+%-]{{1,63}})?{AT}(?:[\w-]{{1,63}}{DOT}){{1,8}}[^\W\d_]{{2,24}}(?![\w@-])"
)
"""RFC 5322's usual part; "(at)" and "[dot]" are read as @ and a dot."""
IPV4 = re.compile(r"(?<![\w.-])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w-]|\.\d)")
IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])")
VERSION = re.compile(r"(?:version|\bv|==|>=|<=|~=|release|build)\s?$", re.IGNORECASE)
SMALL = re.compile(r"\d(?:\.\d){3}")
"""Four single digits: a version, or a public resolver such as 8.8.8.8."""
SSN = re.compile(r"(?<![\w.-])(?!000|666)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")
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
    return [m.span() for m in EMAIL.finditer(text)]


def _addresses(text: str) -> list[tuple[int, int]]:
    """IPv4 and IPv6 addresses but loopback, unspecified, netmasks and versions, which are nobody's."""
    found = []
    if text.count(".") >= 3:
        found += [m.span() for m in IPV4.finditer(text) if not VERSION.search(text[max(0, m.start() - 9) : m.start()])]
    if text.count(":") >= 2:
        found += [m.span() for m in IPV6.finditer(text)]
    return [(start, end) for start, end in found if _is_address(text[start:end])]


def _is_address(value: str) -> bool:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    nobody = address.is_loopback or address.is_unspecified or address.is_multicast or value.startswith(("255.", "0."))
    return not (nobody or SMALL.fullmatch(value))


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
    """(start, end, type) of the personal data of one text, in order, none overlapping."""
    taken: list[Finding] = []
    digits = DIGIT.search(text) is not None
    for kind, find in FINDERS.items():
        if kind in types and (digits or kind in WITHOUT_DIGITS):
            for start, end in find(text):
                if not any(start < other_end and other_start < end for other_start, other_end, _ in taken):
                    taken.append((start, end, kind))
    return sorted(taken)


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
        _merged(find_pii(turn, types) if worth else [], recognise(turn) if recognise else [])
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


def _merged(patterns: list[Finding], recognised: list[Finding]) -> list[Finding]:
    taken = list(patterns)
    for start, end, kind in recognised:
        if not any(start < other_end and other_start < end for other_start, other_end, _ in taken):
            taken.append((start, end, kind))
    return sorted(taken)


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
