"""Emoji: kept, dropped or named."""

import unicodedata
from typing import Literal

import regex

from pipeline.clean.repair.code import outside_code

UNIT = r"(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F)[\p{Emoji_Modifier}\uFE0F\u20E3]*"
EMOJI = regex.compile(rf"\p{{Regional_Indicator}}{{2}}|{UNIT}(?:\u200D\p{{Extended_Pictographic}}[\p{{EMod}}\uFE0F]*)*")
"""Unicode Technical Standard 51, simplified: flags, and pictographs with modifiers and joiners."""

SILENT = "\ufe0f\u200d\u20e3"


def treat_emoji(text: str, how: Literal["keep", "drop", "name"]) -> str:
    """how: keep as they are; drop; or name, which writes 😀 as :grinning face:."""
    if how == "keep" or text.isascii():
        return text
    return outside_code(text, lambda piece: EMOJI.sub("" if how == "drop" else _name, piece))


def _name(match: "regex.Match[str]") -> str:
    names = [unicodedata.name(c, "").lower() for c in match.group() if c not in SILENT]
    known = " ".join(name for name in names if name)
    return f":{known}:" if known else ""
