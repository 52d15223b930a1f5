"""Equality of conversations up to case, punctuation and white space. Another number, sign or symbol is another text."""

import re
from collections.abc import Iterable

import regex
import xxhash

_OPERATORS = r"""
    (?<![{L}])-(?=\.?[{N}])          # -5, 8-2, 2026-11-28, but not covid-19
  | (?<![{L}{N}.])\.(?=[{N}])        # .5
  | (?<=[{N}])[.:/](?=[{N}])         # 2.50, 10:30, 1/2
  | [!*/-](?==)                      # != *= /= -=
  | !(?=[{L}_(])(?<!\S!)             # !ready
  | (?<=[{N}])!(?=[{N}+*/=-])        # 5!/3!
  | [&@{{}}]
  | (?<=[{L}{N})\]])\[|\[(?=[\[\]{N}"'-])|(?<=[\[{N}"'])\]  # a[0], [] and [[1], but not [laughs]
  | (?<![^\s(])\.(?=[{L}])           # .NET
  | (?<=\b[{L}])['’′]+(?=\()         # f'(x)
  | (?<=[{L}{N})\]])[*^]+(?=[{L}{N}(\[-])
  | (?<!\S)[*/^]+(?!\S)              # 8 * 2
  | (?<=[{L}])\#(?![{L}{N}])         # C#
  | \#(?=[{N}])
  | \\(?=[{L}])                      # \d
  | (?<![{L}{N}:;])[:;]['-]?[()|/\\\[\]DdPp](?![{L}{N}])  # :) and :(
  | %
"""
"""Punctuation that is a sign where it stands; elsewhere it parts words and sentences. Whether it is follows from the
characters next to it, so that a text may be normalised word by word."""

ASCII_SYMBOL = r"[+<=>|~$]|" + _OPERATORS.format(L="A-Za-z", N="0-9").strip()
SYMBOL = (
    r"[\p{Sm}\p{Sc}[\p{So}--[©®™]]]|[\u2212\u2013](?=\.?\p{N})|‰|"
    + _OPERATORS.format(L=r"\p{L}\p{M}", N=r"\p{N}").strip()
)
"""What changes a text though it is no word: signs of mathematics and of money, emoji, and _OPERATORS. Verbose patterns,
the second one for the module regex, version 1."""

THOUSANDS = r"(?<![\w.,\[])(?<!\w\()[0-9]{1,3}(?:,[0-9]{3})+(?![\w\])]|,[0-9])"
"""1,000, which is 1000; but neither [1,200] nor f(1,200)."""
_LETTERS = r"[[\p{L}\p{M}\p{N}]--[\uFE00-\uFE0F\u20E3]]+"
"""Marks stay with letters: in Hindi or Thai they are the vowels. Those that only choose a glyph do not count."""

_ASCII_TOKEN = re.compile(rf"{THOUSANDS}|[a-z0-9]+(?:_+[a-z0-9]+)*|{ASCII_SYMBOL}", re.VERBOSE)
_TOKEN = regex.compile(rf"{THOUSANDS}|{_LETTERS}(?:_+{_LETTERS})*|{SYMBOL}", regex.VERBOSE | regex.V1)

SIGNS = str.maketrans({"\u2212": "-", "\u2013": "-", "’": "'", "′": "'", ",": ""})
"""Signs that are written in several ways, and the commas inside of numbers."""
PERCENT = "percent"
"""Written out, what % is."""


def telling(text: str) -> str:
    """Case-folded words, numbers and symbols, single spaces between them; empty where there are none."""
    folded = text.casefold()
    tokens = (_ASCII_TOKEN if folded.isascii() else _TOKEN).findall(folded)
    if PERCENT in tokens:
        tokens = ["%" if token == PERCENT else token for token in tokens]
    return " ".join(tokens).translate(SIGNS)


def normalise(text: str) -> str:
    """What tells a text from another. One that has nothing of it ("?", "...") keeps its characters."""
    return telling(text) or text.casefold().strip()


def text_hash(turns: Iterable[tuple[str, str]]) -> str:
    """xxh3_128 over the roles and normalised contents, as 32 hex digits.

    turns: (role, content) pairs.
    """
    return hash_normalised((role, normalise(content)) for role, content in turns)


def hash_normalised(turns: Iterable[tuple[str, str]]) -> str:
    """text_hash of (role, content) pairs whose contents are normalised already."""
    lines = "\n".join(f"{role}\t{content}" for role, content in turns)
    return xxhash.xxh3_128_hexdigest(lines.encode("utf-8", "surrogatepass"))
