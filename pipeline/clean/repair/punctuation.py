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
EM_DASH = re.compile(r"(?P<before>(?:(?<![ \t])[ \t]+)?)[—―]+(?P<after>[ \t]*)")
OPTION = re.compile(r"[a-z]")
COMMAND = re.compile(
    r"(?<![\w-])(?:airflow|apt(?:-get)?|aws|bash|celery|conda|curl|docker(?:-compose)?|gcloud|git|gsutil|helm|kubectl|mvn"
    r"|np[mx]|pip3?|poetry|psql|pytest|python[\d.]*|spark-(?:submit|shell|sql)|ssh|sudo|systemctl|terraform|wget)\s"
    r"|\s--?[a-z][\w-]*[=\s]|^\s*\$ ",
    re.MULTILINE,
)
"""A program by its name, another option, or a prompt."""
COMMAND_CHARS = 160
"""Before an option, in which its command is looked for: on its line and the one above."""
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
QUOTE = r"(?:[ ]{0,3}(?:>|&gt;))+"
"""What a mail or Markdown quotes with, also when it is nested; a prompt of Python, which is written the same."""
CODE_LINE = re.compile(
    rf"^(?:(?:{QUOTE})?(?:[ ]{{4}}|\t|[ ]?(?:[\w.-]+@[\w.-]+:[^\s$#]*)?\$ (?=[a-z./]))|>>> |\.\.\.[ ]{{4}})",
    re.MULTILINE,
)
"""A line whose blanks and marks mean something: indented by four, quoted or not, or after a prompt."""
QUOTED_BLANKS = re.compile(rf"{QUOTE}[ ]*")
MAY_BE_KEPT = re.compile(r"\n(?: {4}|\t)|>|&gt;|\$ |\.\.\.    ")
"""The cheap test: every such line has one of them, unless it is the first."""
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

    The indentation of a line stays, also after the > of a quotation: it carries meaning in code and lists.
    """
    if UNTIDY.search(text):
        text = outside_code(text, _white_space)
    return text.strip() if text[:1].isspace() or text[-1:].isspace() else text


def _punctuation(text: str) -> str:
    if not text.isascii():
        if "\u2014" in text or "\u2015" in text:
            text = EM_DASH.sub(_dash, text)
        text = text.translate(MARKS)
    if not REPEATED_MARK.search(text):
        return text
    if not CODE_LINE.search(text):
        return _fewer_marks(text)
    return "\n".join(line if CODE_LINE.match(line) else _fewer_marks(line) for line in text.split("\n"))


def _fewer_marks(text: str) -> str:
    text = REPEATED.sub(lambda match: match.group() if _is_value(match) else match[1] * 3, text)
    return MIXED.sub(lambda match: match.group() if _is_value(match) else "?!", text)


def _is_value(match: re.Match[str]) -> bool:
    """Whether marks are written for themselves: '....', "????", x=????, /..../, 1....5, or ;;;; before a comment."""
    text, start, end = match.string, match.start(), match.end()
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    if (before and before == after and before in "'\"/\\|") or (before.isdecimal() and after.isdecimal()):
        return True
    opens = before in ("", "\n") and text[start] in ";:"
    return opens or before in ("=", "^", "/", "\\") or after in ("/", "\\")


def _dash(match: re.Match[str]) -> str:
    """Spaced between words; bare at either end of a line, whose indentation stays. One that a program's option begins
    with (a pasted --master) stays as it is.
    """
    text, start, end = match.string, match.start(), match.end()
    before, after = " ", " "
    if start == 0 or text[start - 1] == "\n":
        before = match["before"]
    if end == len(text) or text[end] == "\n":
        after = match["after"]
    if not match["after"] and (match["before"] or before != " ") and OPTION.match(text, end) and _is_command(match):
        return match.group()
    return f"{before}-{after}"


def _is_command(match: re.Match[str]) -> bool:
    """Whether a command stands before it, on its line or the one above."""
    before = match.string[max(0, match.start() - COMMAND_CHARS) : match.start()].split("\n")[-2:]
    return COMMAND.search("\n".join(before) + "\n") is not None


def _white_space(text: str) -> str:
    text = SPACES.sub(" ", text)
    if "\n" in text:
        text = BLANK_LINES.sub("\n\n", LINE_TAIL.sub("", text))
    if not MAY_BE_KEPT.search(text):
        return _single_spaces(text)
    first, *others = text.split("\n")
    start = _single_spaces(first) if first[:1].isspace() else _line(first)  # what follows inline code is no new line
    return "\n".join([start, *map(_line, others)])


def _line(line: str) -> str:
    """Single spaces in a line, unless it is code, whose columns stay aligned; what a quotation is indented by stays."""
    if CODE_LINE.match(line):
        return line
    quoted = QUOTED_BLANKS.match(line)
    end = quoted.end() if quoted else 0
    return line[:end] + _single_spaces(line[end:])


def _single_spaces(text: str) -> str:
    return WIDE.sub(" ", TABS.sub(" ", text))
