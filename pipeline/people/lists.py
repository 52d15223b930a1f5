"""The words for groups by language: the lists that come with the project, and those of a profile (`audit.lexicon`)."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from configs.audit import Audit
from configs.load import load_words
from configs.word_list import WordList

FOLDER = Path(__file__).parent / "words"


@cache
def shipped() -> dict[str, Path]:
    """Language (ISO 639-1) to the file of its words."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def of_profile(audit: Audit) -> Mapping[str, WordList]:
    """Language to the list that the profile gives, in a file or in itself. Raises UserError for a wrong one."""
    return {
        code: load_words(Path(given), f"audit.lexicon.{code}") if isinstance(given, str) else given
        for code, given in audit.lexicon.items()
    }
