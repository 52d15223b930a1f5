"""Numbers that carry their own check: payment cards and bank accounts."""

import re

from pipeline.clean.privacy.bounds import LETTER

CARD = re.compile(
    rf"(?<!{LETTER})(?<![.+-])(?:\d{{12,19}}|\d{{4}}([ -])\d{{4}}\1\d{{4}}\1\d{{4}}(?:\1\d{{3}})?"
    rf"|\d{{4}}([ -])\d{{6}}\2\d{{4,5}})(?!{LETTER}|[*-]|\.\d)"
)
ISSUERS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01]|720)\d{12,13}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11,13}"
    r"|6(?:011|22\d|4[4-9]\d|5\d\d)\d{12,15}|35\d{14}|(?:1800|2131)\d{11}|(?:50|5[6-9]|6\d)\d{10,17}"
)
"""Leading digits and lengths of Visa, Mastercard, American Express, Diners Club, Discover, JCB and Maestro."""
CARD_CUE = re.compile(
    r"(?:\b(?:card|cc|visa|mastercard|maestro|amex)\b|カード|信用卡|카드).{0,20}$", re.IGNORECASE | re.DOTALL
)
"""Beside such a word the issuer need not be known."""

IBAN = re.compile(
    rf"(?<!{LETTER})[A-Z]{{2}}\d{{2}}(?:[A-Z0-9]{{11,30}}|(?: [A-Z0-9]{{4}}){{2,7}}(?: [A-Z0-9]{{1,4}})?)(?![A-Z0-9])",
    re.IGNORECASE,
)
"""Compact, or in groups of four."""

COUNTRIES = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29
ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20
LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25
QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20
"""
IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in COUNTRIES.split()}
"""Country to length in characters, from the IBAN registry (ISO 13616)."""


def luhn(digits: str) -> bool:
    """Whether the last digit checks the others (ISO/IEC 7812-1, annex B)."""
    doubled = (int(d) * 2 if place % 2 else int(d) for place, d in enumerate(reversed(digits)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def mod97(iban: str) -> bool:
    """Whether an IBAN without spaces, in capitals, leaves the remainder 1 (ISO 7064)."""
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


def find_cards(text: str) -> list[tuple[int, int]]:
    """(start, end) of payment card numbers."""
    found = []
    for match in CARD.finditer(text):
        digits = "".join(filter(str.isdecimal, match.group()))
        if digits.isascii() and luhn(digits) and (ISSUERS.fullmatch(digits) or _beside_cue(match)):
            found.append(match.span())
    return found


def _beside_cue(match: re.Match[str]) -> bool:
    return CARD_CUE.search(match.string[max(0, match.start() - 32) : match.start()]) is not None


def find_ibans(text: str) -> list[tuple[int, int]]:
    """(start, end) of international bank account numbers, with or without spaces."""
    found = []
    for match in IBAN.finditer(text):
        length = IBAN_LENGTHS.get(match.group()[:2].upper(), 0)
        places = [place for place, c in enumerate(match.group()) if c != " "][:length]
        value = "".join(match.group()[place] for place in places).upper()
        if length and len(value) == length and value.isascii() and mod97(value):
            found.append((match.start(), match.start() + places[-1] + 1))
    return found
