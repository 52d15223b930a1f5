"""Telephone numbers."""

import re

import phonenumbers

BEFORE = r"(?<![\w.:/=#@&%$€£+-])"
AFTER = r"(?![\w%$€£/@=]|[.:,-]\d)"
EXTENSION = r"(?:[ ]?(?:x|ext\.?)[ ]?\d{1,6})?"

INTERNATIONAL = re.compile(rf"{BEFORE}(?:\+|00)[1-9](?:[ .()-]{{0,2}}\d){{6,14}}{EXTENSION}{AFTER}")
NORTH_AMERICAN = re.compile(
    rf"{BEFORE}(?:1[ .-])?(?:\([2-9]\d\d\)[ .-]?|[2-9]\d\d([ .-]))\d{{3}}[ .-]\d{{4}}{EXTENSION}{AFTER}"
)
TRUNK = re.compile(rf"{BEFORE}0[1-9]\d{{0,3}}(?:([ .-])\d{{2,4}}(?:\1\d{{2,4}}){{1,3}}|[ -]\d{{6,8}}){AFTER}")
"""A leading 0, then groups: most of Europe, Australia, Japan, South Africa."""
AREA = re.compile(rf"{BEFORE}\(0?\d{{1,4}}\)[ ]?\d{{3,4}}[ -]\d{{3,4}}{AFTER}")
PAIRS = re.compile(rf"{BEFORE}\d\d(?:-\d\d){{3}}{AFTER}")
DISTINCT = (NORTH_AMERICAN, TRUNK, AREA, PAIRS)

LOCAL = re.compile(rf"{BEFORE}\d{{2,4}}(?:[ -]\d{{2,4}}){{1,4}}{AFTER}|{BEFORE}\d{{2,4}}[ -]\d{{5,7}}{AFTER}")
"""Groups that could be anything: a phone number only beside a cue."""
BARE = re.compile(rf"{BEFORE}\d{{7,11}}{AFTER}")
"""Digits alone: a phone number only right after a strong cue."""

STRONG_CUE = re.compile(
    r"\b(?:tele)?phones?\b|\btel\b|\btty\b|\bfax\b|\b(?:desk|office):|\bmobile\b|\bcell\b|\bwhats ?app\b|\bdial\b"
    r"|\b(?:call|text) (?:me|us|him|her|them)\b|\bhandy\b|\btelefon|\bmóvil\b|\btéléphone",
    re.IGNORECASE,
)
CUE = re.compile(
    rf"{STRONG_CUE.pattern}|\bcall(?:ed|ing)?\b|\boffice\b|\bdesk\b|\breach\b|\banswering\b|\bregistered\b"
    r"|\bmessages? (?:to|on|at)\b|\bcontact\b",
    re.IGNORECASE,
)
CUE_BEFORE, STRONG_BEFORE, CUE_AFTER = 40, 25, 10
"""Characters in which a cue is looked for."""

YEARS = re.compile(r"(?:1[5-9]|20)\d\d[ -](?:1[5-9]|20)\d\d")
DATE = re.compile(r"\d{4}([-. ])[01]\d\1[0-3]\d|[0-3]\d([-. ])[0-3]\d\2(?:\d\d){1,2}")
DIGITS_NEAR = re.compile(r"(?:\d[ .()x-]{0,3}){6}\d")
"""Seven digits close together: the cheap test before everything else."""


def find_phones(text: str) -> list[tuple[int, int]]:
    """(start, end) of telephone numbers: international, by their national shape, or beside a word like "call"."""
    if not DIGITS_NEAR.search(text):
        return []
    found = [m.span() for m in INTERNATIONAL.finditer(text) if _possible(m.group())]
    for pattern in DISTINCT:
        found += [m.span() for m in pattern.finditer(text) if _digits(m.group()) >= 7 and not DATE.fullmatch(m.group())]
    if CUE.search(text):
        found += [m.span() for m in LOCAL.finditer(text) if _is_local(m)]
        found += [m.span() for m in BARE.finditer(text) if _is_bare(m)]
    return found


def _possible(number: str) -> bool:
    """Whether the country code exists and the length suits it. An optional "(0)" is left out."""
    dialled = re.sub(r"^00", "+", re.split(r" ?(?:x|ext)", number)[0].replace("(0)", ""))
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(dialled))
    except phonenumbers.NumberParseException:
        return False


def _is_local(match: re.Match[str]) -> bool:
    number = match.group()
    if not 7 <= _digits(number) <= 12 or YEARS.fullmatch(number) or DATE.fullmatch(number):
        return False
    return bool(CUE.search(_before(match, CUE_BEFORE)) or CUE.search(_after(match)))


def _is_bare(match: re.Match[str]) -> bool:
    return bool(STRONG_CUE.search(_before(match, STRONG_BEFORE)) or STRONG_CUE.search(_after(match)))


def _before(match: re.Match[str], chars: int) -> str:
    """What precedes, in the same paragraph."""
    return match.string[max(0, match.start() - chars) : match.start()].rpartition("\n\n")[2]


def _after(match: re.Match[str]) -> str:
    """What follows, in the same line."""
    return match.string[match.end() : match.end() + CUE_AFTER].partition("\n")[0]


def _digits(number: str) -> int:
    return sum(c.isdigit() for c in number)
