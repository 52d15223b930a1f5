"""Where, in the records of one file, a conversation lies."""

import re
from dataclasses import dataclass
from typing import Any

METADATA = frozenset(
    (
        "topic",
        "topics",
        "category",
        "categories",
        "domain",
        "services",
        "language",
        "lang",
        "licence",
        "license",
        "tags",
    )
)
CONVERSATION_ID = frozenset(["conversationid", "dialogueid", "dialogid", "threadid", "convid", "id", "uuid"])
USER_ID = frozenset(["userid", "authorid", "askerid"])


@dataclass(frozen=True)
class Layout:
    """The shape of a file's records and the columns that it takes.

    column: holds the whole conversation (messages, sharegpt, preference, text); None when the record
    itself is the conversation. prompt, reply, system: the columns of a conversation of two turns.
    """

    shape: str
    column: str | None = None
    prompt: tuple[str, ...] = ()
    reply: str | None = None
    system: str | None = None
    conversation_id: str | None = None
    user_id: str | None = None
    metadata: tuple[str, ...] = ()

    @property
    def text_columns(self) -> list[str]:
        """The columns whose text enters the conversation."""
        return [c for c in (self.system, *self.prompt, self.column, self.reply) if c is not None]

    @property
    def columns(self) -> list[str]:
        """Every column that is read."""
        more = [c for c in (self.conversation_id, self.user_id) if c is not None]
        return list(dict.fromkeys([*self.text_columns, *more, *self.metadata]))

    def __str__(self) -> str:
        if self.reply is None:
            return f"{self.shape} in {self.column or 'each record'}"
        return f"{self.shape}: {' + '.join(c for c in (self.system, *self.prompt) if c)} → {self.reply}"


def names(records: list[Any]) -> list[str]:
    """The columns of the records, in the order in which they first appear."""
    return list(dict.fromkeys(name for record in records if isinstance(record, dict) for name in record))


def words(column: str) -> list[str]:
    """The words of a column's name: answerText and answer_text are both answer, text."""
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", column)]


def about(records: list[Any], taken: tuple[str | None, ...]) -> dict[str, Any]:
    """The columns that identify a conversation and its user, and those kept as metadata, by their names."""
    free = [c for c in names(records) if c not in taken]
    plain = {c: "".join(words(c)) for c in free}
    return {
        "conversation_id": next((c for c in free if plain[c] in CONVERSATION_ID), None),
        "user_id": next((c for c in free if plain[c] in USER_ID), None),
        "metadata": tuple(c for c in free if plain[c] in METADATA),
    }


def find(records: list[Any], *wanted: str) -> str | None:
    """The first of the wanted columns that the records have, whatever its case."""
    known = {c.lower(): c for c in reversed(names(records))}
    return next((known[w] for w in wanted if w in known), None)
