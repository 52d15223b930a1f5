"""Web addresses: kept, replaced by a placeholder, or dropped."""

import re
from typing import Literal

from pipeline.clean.repair.code import outside_code

URL = re.compile(r"(?:https?://|ftp://|www\.)[^\s<>\"'`]*[^\s<>\"'`.,;:!?)\]}]", re.IGNORECASE)
PLACEHOLDER = "<URL>"


def treat_urls(text: str, how: Literal["keep", "placeholder", "drop"]) -> str:
    """how: keep as they are; placeholder, which writes <URL>; or drop. Code is left alone."""
    if how == "keep" or not ("://" in text or "www." in text.lower()):
        return text
    return outside_code(text, lambda piece: URL.sub(PLACEHOLDER if how == "placeholder" else "", piece))
