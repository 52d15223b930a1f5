"""Quotes, dashes, ellipses, repeated marks and white space, in one spelling each."""

import re

from pipeline.clean.repair.code import outside_code

MARKS = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛ʼ′", "'"),
        **dict.fromkeys("“”„‟″", '"'),
        **dict.fromkeys("‐‑‒–−", "-"),
        "…": "...",
        "⁄": "/",
    }
)
"""Typographic marks to their ASCII spelling. Guillemets and CJK punctuation belong to their languages and stay."""

TYPOGRAPHIC = re.compile(r"[‘’‚‛ʼ′“”„‟″‐‑‒–−…⁄—―]")
EM_DASH = re.compile(r"(?:(?<![ \t])[ \t]+)?[—―]+[ \t]*")
REPEATED = re.compile(r"([!?.,;:])\1{3,}")
MIXED = re.compile(r"(?=[!?]*!)(?=[!?]*\?)[!?]{4,}")
REPEATED_MARK = re.compile(r"[!?.,;:]{4}")
STRETCHED = re.compile(r"([^\W\d_])\1{3,}")
SHOUTED = re.compile(r"([AEIOU])\1{3,}")
STRETCHED_WORD = re.compile(r"(?<![\w@/.:#&=+-])[^\W\d_]*([^\W\d_])\1{3}[^\W\d_]*(?![\w@/=+]|[.:-]\w)")
LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u0370-\u052f]+")
"""Latin, Greek and Cyrillic, in which no word has a letter four times in a row."""

SPACES = re.compile(r"[^\S\n\t ]")
TABS = re.compile(r"(?<=\S)[ \t]*\t[ \t]*")
WIDE = re.compile(r"(?<=\S)  +(?=\S)")
LINE_TAIL = re.compile(r"(?<![ \t])[ \t]+(?=\n)")
BLANK_LINES = re.compile(r"\n{3,}")
UNTIDY = re.compile(r"[^\S\n ]|  |[ \t]\n|\n\n\n")


def standardise_punctuation(text: str) -> str:
    """ASCII quotes, dashes and ellipses; runs of the same mark cut to three, of mixed ! and ? to "?!"."""
    typographic = not text.isascii() and TYPOGRAPHIC.search(text)
    return outside_code(text, _punctuation) if typographic or REPEATED_MARK.search(text) else text


def shorten_elongated(text: str) -> str:
    """Letters repeated more than three times cut to three: "soooooo" becomes "sooo". Addresses and code stay.

    So do words of one letter, which stand for something (xxxxx, an AAAA battery), and consonants of words in
    capitals, which may be counted (the 49,XXXXY syndrome). Three letters, as in the tokenizer for tweets of NLTK
    (Bird, Loper and Klein 2009), keep the emphasis.
    """
    if not STRETCHED.search(text):
        return text
    return outside_code(text, lambda piece: STRETCHED_WORD.sub(_shorten, piece), indented=True)


def _shorten(match: re.Match[str]) -> str:
    word = match.group()
    if not LATIN.fullmatch(word) or len(set(word.lower())) == 1:
        return word
    return (SHOUTED if word.isupper() and word.isascii() else STRETCHED).sub(r"\1\1\1", word)


def standardise_white_space(text: str) -> str:
    """Single spaces inside a line, no spaces at its end, at most one blank line, nothing around the text.

    The indentation of a line stays: it carries meaning in code and lists.
    """
    if UNTIDY.search(text):
        text = outside_code(text, _white_space)
    return text.strip() if text[:1].isspace() or text[-1:].isspace() else text


def _punctuation(text: str) -> str:
    if not text.isascii():
        if "\u2014" in text or "\u2015" in text:
            text = EM_DASH.sub(_dash, text)
        text = text.translate(MARKS)
    return MIXED.sub("?!", REPEATED.sub(r"\1\1\1", text)) if REPEATED_MARK.search(text) else text


def _dash(match: re.Match[str]) -> str:
    """Spaced between words; bare at either end of a line."""
    text = match.string
    before = "" if match.start() == 0 or text[match.start() - 1] == "\n" else " "
    after = "" if match.end() == len(text) or text[match.end()] == "\n" else " "
    return f"{before}-{after}"


def _white_space(text: str) -> str:
    text = SPACES.sub(" ", text)
    if "\n" in text:
        text = BLANK_LINES.sub("\n\n", LINE_TAIL.sub("", text))
    if "\n    " not in text and "\n\t" not in text:
        return _single_spaces(text)
    return "\n".join(
        line if line.startswith(("    ", "\t")) else _single_spaces(line) for line in text.split("\n")
    )  # columns of indented code and tables stay aligned


def _single_spaces(text: str) -> str:
    return WIDE.sub(" ", TABS.sub(" ", text))
