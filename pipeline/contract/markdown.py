"""Text within Markdown: names and sentences that come from data, profiles and users say what they say, and do nothing.

The same for every Markdown that is made here: the model card, the body of an approval, the plan within it. HTML is
made by Jinja, whose autoescape is the same for pages.
"""

import re

ADDRESS = re.compile(r"://|\bwww\.|@|\b(?:mailto|xmpp):", re.IGNORECASE)
"""What GitHub's dialect makes a link of even without markup, and where escaping its parts would not help."""

MARKS = re.compile(r"[\\`*{}\[\]<>~$&]|(?<![^\W_])_|_(?![^\W_])")
"""Characters that could begin something; an underscore within a word cannot (CommonMark 0.31, 6.2)."""

BLOCK = re.compile(r"^(?:[#+=:-]|\d{1,9}(?=[.)](?: |$)))")
"""What begins a heading, a list, a rule or a table at the start of a line."""


def literal(text: object) -> str:
    """The text, on one line, as Markdown that shows it as it is, in a sentence or in a cell of a table.

    Words that hold an address become code, everything else is escaped where it would mean something.
    """
    words = [r"\|".join(_part(part) for part in word.split("|")) for word in str(text).split()]
    line = " ".join(words)
    first = BLOCK.match(line)
    if first is None:
        return line
    return f"\\{line}" if first[0][0] in "#+=:-" else f"{first[0]}\\{line[first.end() :]}"


def _part(word: str) -> str:
    if not ADDRESS.search(word):
        return MARKS.sub(r"\\\g<0>", word)
    fence = "`" * (max(map(len, re.findall("`+", word)), default=0) + 1)
    blank = " " if word.startswith("`") or word.endswith("`") else ""
    return f"{fence}{blank}{word}{blank}{fence}"
