"""A person's words in texts that carry no row: samples, reports, logs. They are replaced, with their answers."""

import re
from collections.abc import Iterable
from typing import Any

from serving.erasure.only_theirs import ERASED, OnlyTheirs

RUN_WORDS = 6
"""So many words in a row that somebody said are theirs wherever they stand."""

SHORT_CHARS = 15
"""A shorter text is theirs only where it stands alone: "hello" is everybody's."""

_WORD = re.compile(r"\w+")
_ID = re.compile(r"[0-9a-f]{32}")


class Words:
    """What somebody said, to be recognised. texts: of the turns that they wrote. rows: ids of their conversations.
    only: words that nobody else said."""

    def __init__(self, texts: Iterable[str], rows: Iterable[str], only: OnlyTheirs | None = None) -> None:
        self.only = only or OnlyTheirs()
        self.rows = frozenset(rows)
        self._alone: set[tuple[str, ...]] = set()
        self._runs: dict[int, set[tuple[str, ...]]] = {}
        for text in texts:
            words = tuple(_WORD.findall(text.lower()))
            if len(words) >= RUN_WORDS:
                runs = (words[at : at + RUN_WORDS] for at in range(len(words) - RUN_WORDS + 1))
                self._runs.setdefault(RUN_WORDS, set()).update(runs)
            elif words and len(" ".join(words)) >= SHORT_CHARS:
                self._runs.setdefault(len(words), set()).add(words)
            elif words:
                self._alone.add(words)

    def within(self, text: str) -> bool:
        """Whether a text is, or holds, something that they said."""
        words = tuple(_WORD.findall(text.lower()))
        return words in self._alone or any(
            words[at : at + length] in runs
            for length, runs in self._runs.items()
            for at in range(len(words) - length + 1)
        )

    def shown(self, text: str) -> bool:
        """Whether a text holds something of theirs, be it a word that only they said."""
        return self.within(text) or self.only.within(text)

    def scrubbed(self, value: Any) -> Any:
        """A JSON value without what is theirs: the entry that names their row or holds their words keeps its numbers
        and ids, and none of its texts."""
        return self._scrub(value)[0]

    def scrubbed_text(self, text: str) -> str:
        """A text without the lines that hold their words."""
        return "".join(ERASED + "\n" if self.within(line) else line for line in text.splitlines(keepends=True))

    def _scrub(self, value: Any) -> tuple[Any, bool]:
        """The value, and whether what holds it is theirs."""
        if isinstance(value, str):
            return (value, True) if value in self.rows else (ERASED, True) if self.within(value) else (value, False)
        if isinstance(value, list):
            found = [self._scrub(item) for item in value]
            if not any(theirs for _, theirs in found):
                return [item for item, _ in found], False
            named = any(isinstance(item, str) and item in self.rows for item in value)
            return [_blank(item) for item, _ in found], not named
        if isinstance(value, dict):
            found_ = {key: self._scrub(item) for key, item in value.items()}
            shown = {key: _blank(item) if key in self.rows else item for key, (item, _) in found_.items()}
            if not any(theirs for _, theirs in found_.values()):
                return shown, False
            return {key: item if key == "role" else _blank(item) for key, item in shown.items()}, "role" in value
        return value, False


def _blank(value: Any) -> Any:
    """The texts of an entry replaced; ids, numbers and what lies deeper stay."""
    if isinstance(value, str):
        return value if _ID.fullmatch(value) else ERASED
    if isinstance(value, list):
        return [_blank(item) for item in value]
    if isinstance(value, dict) and "role" in value:
        return {key: item if key == "role" else _blank(item) for key, item in value.items()}
    return value
