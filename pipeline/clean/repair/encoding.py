"""Characters: mojibake, control and invisible characters, one Unicode form."""

import re
import unicodedata

from ftfy import TextFixerConfig, fix_text
from ftfy.badness import is_bad

MOJIBAKE = TextFixerConfig(unescape_html=False, fix_character_width=False, uncurl_quotes=False, normalization="NFC")
"""ftfy without the steps that other files of this folder do, and without rewriting full-width
punctuation, which is right in Chinese and Japanese."""

MAY_BE_MOJIBAKE = re.compile(r"[^\x00-\x7f]{2}|[ÂÃâ\x80-\x9f]")
"""UTF-8 read as a single-byte encoding leaves at least two non-ASCII characters in a row (the second may
have become a space, hence the three letters)."""

NOT_PRINTABLE_ASCII = re.compile(r"[^\n\x20-\x7e]")
LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f"  # controls but tab and newline
    r"\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # zero width, bidi controls
    r"\ufdd0-\ufdef\ufffe\uffff"  # noncharacters
    r"\ue000-\uf8ff\U000f0000-\U0010ffff]"  # private use: means something in one font only
)
TAGS = re.compile("(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+")
"""Invisible copies of ASCII, which can smuggle instructions; meant for the flags of regions only."""
JOINERS = re.compile(r"(?<![^\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f])")
"""Zero-width joiners beside ASCII or an end. Between letters of Persian or Hindi, and in emoji, they matter."""
SURROGATES = re.compile(r"[\ud800-\udfff]")


def repair_encoding(text: str) -> str:
    """Undoes mojibake, removes what cannot be seen, replaces lone surrogates by U+FFFD, and composes (NFC).

    Plain ASCII is left after one scan; ftfy (about 100 µs a text) runs only on what it will find bad.
    """
    if not NOT_PRINTABLE_ASCII.search(text):
        return text
    text = SURROGATES.sub("\ufffd", text)
    if MAY_BE_MOJIBAKE.search(text) and is_bad(text):
        text = fix_text(text, MOJIBAKE)
    text = LINE_ENDS.sub("\n", text)
    text = INVISIBLE.sub("", text)
    text = JOINERS.sub("", TAGS.sub("", text))
    return unicodedata.normalize("NFC", text)
