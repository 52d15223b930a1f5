"""Telephone numbers."""

import re

import phonenumbers

from pipeline.clean.privacy.bounds import LETTER

BEFORE = rf"(?<!{LETTER})(?<![./#@&%$€£+-])(?<!\d:)(?<![\d=<>!~*/+-]=)"
"""A colon or an equals sign may precede ("Phone:617…"), but not those of a time or of a comparison."""
AFTER = rf"(?!{LETTER}|[%$€£/@=]|[.:,-]\d)"
GAP = "[ .\uff0d-]"
"""Between groups of digits; the last but one is the hyphen of full-width digits."""
EXTENSION = r"(?:[ ]?(?:x|ext\.?)[ ]?\d{1,6})?"

INTERNATIONAL = re.compile(rf"{BEFORE}(?:\+|00)[1-9](?:[ .()-]{{0,2}}\d){{6,14}}{EXTENSION}{AFTER}")
LINK = re.compile(r"(?<=wa\.me/)\d{7,15}(?!\d)|(?<=tel://)\+?\d{7,15}(?!\d)")
NORTH_AMERICAN = re.compile(
    rf"{BEFORE}(?:1[ .-])?(?:\([2-9]\d\d\)[ .-]?\d{{3}}[ .-]|[2-9]\d\d({GAP})\d{{3}}\1)\d{{4}}{EXTENSION}{AFTER}"
)
TRUNK = re.compile(rf"{BEFORE}[0０][1-9１-９]\d{{0,3}}(?:({GAP})\d{{2,4}}(?:\1\d{{2,4}}){{1,4}}|[ -]\d{{6,8}}){AFTER}")
"""A leading 0, then groups: most of Europe, Australia, Japan, South Africa."""
AREA = re.compile(rf"{BEFORE}\((?!(?:1[5-9]|20)\d\d\))0?\d{{1,4}}\)[ ]?\d{{3,5}}[ -]\d{{3,4}}{AFTER}")
"""An area code in brackets, which is no year, as in a citation."""
PAIRS = re.compile(rf"{BEFORE}\d\d(?:-\d\d){{3}}{AFTER}")
DISTINCT = (NORTH_AMERICAN, TRUNK, AREA, PAIRS)

TOLL_FREE = re.compile(
    rf"{BEFORE}(?:(?:(?:\+|00)?1[ .-]?)?(?:\(8(?:00|33|44|55|66|77|88)\)[ .-]?|8(?:00|33|44|55|66|77|88){GAP})"
    rf"[2-9]\d\d{GAP}?|(?:\+|00)?18(?:00|33|44|55|66|77|88)[2-9]\d\d)\d{{4}}(?!{LETTER})"
)
"""A hotline's or a firm's, and nobody's own: the toll-free codes of the North American Numbering Plan (NANPA), in its
grouping or after its 1; ten digits alone may be an Indian mobile."""

LOCAL = re.compile(
    rf"{BEFORE}(?:\d{{1,2}}[ -])?\d{{2,4}}(?:[ -]\d{{2,4}}){{1,4}}{AFTER}|{BEFORE}\d{{2,5}}[ -]\d{{5,7}}{AFTER}"
    rf"|{BEFORE}0\d{{2,4}}[ ]?/[ ]?\d{{4,8}}{AFTER}|{BEFORE}(?:\d\d )?9\d{{4}}-\d{{4}}{AFTER}"
)
"""Groups that could be anything: a phone number only beside a cue. Also 0176/12345678, as in Germany, and
11 96123-4567, as in Brazil."""
BARE = re.compile(rf"{BEFORE}\d{{7,12}}{AFTER}")
"""Digits alone: a phone number only beside a strong cue, or a weak one when they have North America's prefix."""
LABELLED = re.compile(
    rf"(?:phone|mobile|whats ?app|(?<![a-z])(?:mob|cell|fax|tel|contact|call|ph))(?:[ ._-]?(?:no|nr|num|number))?\.?"
    rf"[ ]?[-\u2013:=.][ ]?(\d{{7,12}}){AFTER}",
    re.IGNORECASE,
)
"""Digits right after what says that they are a phone's, whatever mark joins them: Mob-9876543210, Ph.no.9876543210."""
WITH_PREFIX = re.compile(r"1[2-9]\d\d[2-9]\d{6}")

WHOSE = (
    r"\b(?:my|our|his|her|their|your)(?: \w+)? (?:number|nr|no|cell|mobile)s?\b|\bmeine? \w{0,8}nummer"
    r"|\bm[ei]u? (?:n[uú]mero|celular|cel)\b|\bmon (?:num[eé]ro|portable)|\bil mio (?:numero|cellulare)"
    r"|\bmi(?:jn|tt?) \w{0,10}numm?er|\bm[oó]j (?:broj|numer)|\bмой номер|手机|电话|電話|携帯|ケータイ|連絡先|联系方式"
    r"|전화|연락처|휴대폰"
)
"""Whose number it is, in the commonest languages."""
KEY = r"(?:phone|mobile|whats[ _]?app|(?<![a-z])(?:cell|fax|tel|contact))[ _-]?(?:no|nr|num|number)?\d?[\"']?\s?[:=：]"
"""The name of a field: phone_number, customerPhone, contact=."""
STRONG_CUE = re.compile(
    r"\b(?:tele)?phones?\b|\b(?:tel|tty|fax|mob|ph)\b|\b(?:desk|office):|\bmobile\b|\bcell\b|\bwhats ?app\b"
    r"|\bdial\b|\bsms\b|\b(?:call|text|ring|reach|phone|message) (?:me|us|him|her|them)\b|\bhandy\b|\btelefon"
    r"|\bmóvil\b|\bt[eé]l[eé](?:fono|phone)"
    rf"|\bтел(?:ефон)?\b|\b(?:hot|help)line\b|\btoll[ -]free\b|\bcontact (?:no|number)\b|{KEY}|{WHOSE}",
    re.IGNORECASE,
)
CUE = re.compile(
    rf"{STRONG_CUE.pattern}|\bcall(?:ed|ing)?\b|\boffice\b|\bdesk\b|\breach\b|\banswering\b|\bregistered\b"
    r"|\bmessages? (?:to|on|at)\b|\bcontact\b",
    re.IGNORECASE,
)
CUE_BEFORE, CUE_AFTER = 40, 10
"""Characters in which a cue is looked for."""
LABEL_OF_ANOTHER = re.compile(
    r"\b(?:orders?|invoice|tracking|ticket|case|ref(?:erence)?|account|acct|isbn|issn|parts?|serial|model|sku|item|product"
    r"|id|zip|post ?code|section|pages?|pp|vol(?:ume)?|patent|version|error|pmid|doi|circular|flight|batch|lot|license"
    r"|licence|policy|member(?:ship)?|customer|student|employee|booking|confirmation|transaction|bug|issue)"
    r"(?: ?(?:no|nr|num|number|id|code)\b\.?)?(?: is| was)?[ :=#.]{0,3}$"
    r"|(?:注文|会員|口座|伝票|追跡|郵便|商品|订单|账号|快递|주문|계좌|송장)"
    r"\s?(?:番号|号码|번호)?[はが는은이:\uff1a ]{0,3}$",
    re.IGNORECASE,
)
"""What says, right before it, that a number counts something else."""
HEADS_THE_NEXT = re.compile(r"[ ]?[:.=]?[ ]?(?:\+|\(|\d)")
"""After a number, "Fax: 703…" is the label of another one."""

DECIMAL = re.compile(r"\d+\.\d+ ")
"""1.648 777 2536: a fraction in groups of three."""
YEARS = re.compile(r"(?:1[5-9]|20)\d\d[ -](?:1[5-9]|20)\d\d")
DATE = re.compile(r"\d{4}([-. ])[01]\d\1[0-3]\d|[0-3]\d([-. ])[0-3]\d\2(?:\d\d){1,2}")
RANGE = re.compile(r"(?:\(\d+\) ?)?(\d{2,5})-(\d{2,5})")
OF_A_YEAR = re.compile(r"\d{3}-(?:19|20)\d\d")
"""721-2006: the 721st paper of a year, unless it is said to be a phone's."""
AMONG_NUMBERS_BEFORE = re.compile(r"(?:\d[ \t,;|]{1,3}|[\[;{|][ \t]{0,3})$")
AMONG_NUMBERS_AFTER = re.compile(r"[ \t]{0,3}[;\]}|]|[ \t,]{1,3}\d+[ \t,;\]}|\n]")
"""Rows of a matrix or of a table."""
DIGITS_NEAR = re.compile(r"(?:\d[ .()x/\uff0d-]{0,3}){6}\d")
"""Seven digits close together: the cheap test before everything else."""


def find_phones(text: str) -> list[tuple[int, int]]:
    """(start, end) of telephone numbers: international, by their national shape, or beside a word like "call".

    Toll-free numbers of North America are nobody's.
    """
    if not DIGITS_NEAR.search(text):
        return []
    found = [m.span() for m in INTERNATIONAL.finditer(text) if _is_international(m)]
    found += [m.span() for m in LINK.finditer(text)]
    for pattern in DISTINCT:
        found += [m.span() for m in pattern.finditer(text) if _is_distinct(m)]
    if CUE.search(text):
        known = set(found)
        found += [m.span() for m in LOCAL.finditer(text) if m.span() not in known and _is_local(m)]
        found += [m.span() for m in BARE.finditer(text) if m.span() not in known and _is_bare(m)]
    found += [m.span(1) for m in LABELLED.finditer(text)]
    public = [m.span() for m in TOLL_FREE.finditer(text)] if found else []
    taken = {place for start, end in public for place in range(start, end)}
    return [span for span in found if span[0] not in taken]


def _is_international(match: re.Match[str]) -> bool:
    """Whether the country code exists and the length suits it. An optional "(0)" is left out. After 00, which may
    as well pad a number of any kind, the number must be in use, or beside a cue.
    """
    number = match.group()
    dialled = re.sub(r"^00", "+", re.split(r" ?(?:x|ext)", number)[0].replace("(0)", ""))
    try:
        parsed = phonenumbers.parse(dialled)
    except phonenumbers.NumberParseException:
        return False
    if number[0] == "+":
        return phonenumbers.is_possible_number(parsed)
    return phonenumbers.is_valid_number(parsed) or (phonenumbers.is_possible_number(parsed) and _beside_cue(match))


def _is_distinct(match: re.Match[str]) -> bool:
    number = match.group()
    if _digits(number) < 7 or DATE.fullmatch(number) or DECIMAL.match(number):
        return False
    return not (_is_range(number) or _is_another(match)) or _beside(STRONG_CUE, match, CUE_BEFORE)


def _is_local(match: re.Match[str]) -> bool:
    number = match.group()
    if not 7 <= _digits(number) <= 12 or YEARS.fullmatch(number) or DATE.fullmatch(number):
        return False
    if _beside(STRONG_CUE, match, CUE_BEFORE):
        return not LABEL_OF_ANOTHER.search(_before(match, CUE_BEFORE))
    odd = _is_range(number) or OF_A_YEAR.fullmatch(number) or _is_another(match)
    return not odd and _beside_cue(match)


def _is_bare(match: re.Match[str]) -> bool:
    cue = CUE if WITH_PREFIX.fullmatch(match.group()) else STRONG_CUE
    return _beside(cue, match, CUE_BEFORE) and not LABEL_OF_ANOTHER.search(_before(match, CUE_BEFORE))


def _is_range(number: str) -> bool:
    """Pages, as 1119-1131: two numbers of one length, the second a little larger."""
    pages = RANGE.fullmatch(number)
    return pages is not None and len(pages[1]) == len(pages[2]) and 0 < int(pages[2]) - int(pages[1]) < 1000


def _is_another(match: re.Match[str]) -> bool:
    """Whether what stands around it says that a number is none of a phone."""
    before = _before(match, CUE_BEFORE)
    if LABEL_OF_ANOTHER.search(before):
        return True
    among = AMONG_NUMBERS_BEFORE.search(before) or AMONG_NUMBERS_AFTER.match(match.string, match.end())
    return among is not None and " " in match.group() and "-" not in match.group()


def _beside_cue(match: re.Match[str]) -> bool:
    return _beside(CUE, match, CUE_BEFORE)


def _beside(cue: re.Pattern[str], match: re.Match[str], chars: int) -> bool:
    """Whether a cue precedes it in the same paragraph, or follows it in the same line and is not the next number's."""
    if cue.search(_before(match, chars)):
        return True
    end = match.end()
    found = cue.search(match.string[end : end + CUE_AFTER].partition("\n")[0])
    return found is not None and not HEADS_THE_NEXT.match(match.string, end + found.end())


def _before(match: re.Match[str], chars: int) -> str:
    """What precedes, in the same paragraph."""
    return match.string[max(0, match.start() - chars) : match.start()].rpartition("\n\n")[2]


def _digits(number: str) -> int:
    return sum(c.isdigit() for c in number)
