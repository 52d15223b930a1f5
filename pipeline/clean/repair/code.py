"""Markdown code inside a text, which standardisation must not touch."""

import re
from collections.abc import Callable

FENCED = r"```.*?(?:```|\Z)|`[^`\n]+`"
INDENTED = r"(?:\A|(?<=\n\n))(?: {4}|\t)(?!\s*<)[^\n]*(?:\n+(?: {4}|\t)[^\n]*)*"
"""Lines indented by four after a blank line; a first line that starts with a tag is indented HTML instead."""

CODE = re.compile(f"({FENCED})", re.DOTALL)
CODE_OR_INDENTED = re.compile(f"({FENCED}|{INDENTED})", re.DOTALL)


def outside_code(text: str, change: Callable[[str], str], indented: bool = False) -> str:
    """Applies `change` to every piece of text that is not a fenced block, inline code or, if asked, an indented block.

    `change` must not treat the ends of a piece as ends of the text.
    """
    if indented and ("    " in text or "\t" in text):
        pieces = CODE_OR_INDENTED.split(text)
    elif "`" in text:
        pieces = CODE.split(text)
    else:
        return change(text)
    return "".join(piece if number % 2 else change(piece) for number, piece in enumerate(pieces))
