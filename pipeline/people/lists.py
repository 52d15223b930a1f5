"""The word lists by language: those that come with the project, and those of a profile (`audit.lexicon`)."""

from functools import cache
from pathlib import Path

from configs.load import read_mapping, validate
from configs.word_list import WordList

FOLDER = Path(__file__).parent / "words"


@cache
def shipped() -> dict[str, Path]:
    """Language (ISO 639-1) to the file of its words."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def load(path: Path) -> WordList:
    """The word list in a file. Raises UserError naming the file, the key, what is wrong and what would be right."""
    return validate(WordList, read_mapping(path, "a word list", WordList), str(path))
