"""Equality of conversations up to case, punctuation and white space."""

import re
from collections.abc import Iterable

import regex
import xxhash

ASCII_OTHER = re.compile(r"[^a-z0-9]+")
OTHER = regex.compile(r"[^\p{L}\p{M}\p{N}]+")
"""Marks stay with letters: in Hindi or Thai they are the vowels."""


def normalise(text: str) -> str:
    """Case-folded letters and digits, single spaces. What has none (":)", "?") keeps its characters."""
    folded = text.casefold()
    other = ASCII_OTHER if folded.isascii() else OTHER
    return other.sub(" ", folded).strip() or folded.strip()


def text_hash(turns: Iterable[tuple[str, str]]) -> str:
    """xxh3_128 over the roles and normalised contents, as 32 hex digits.

    turns: (role, content) pairs.
    """
    return hash_normalised((role, normalise(content)) for role, content in turns)


def hash_normalised(turns: Iterable[tuple[str, str]]) -> str:
    """text_hash of (role, content) pairs whose contents are normalised already."""
    lines = "\n".join(f"{role}\t{content}" for role, content in turns)
    return xxhash.xxh3_128_hexdigest(lines.encode("utf-8", "surrogatepass"))
