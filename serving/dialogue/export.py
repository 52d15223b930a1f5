"""All that the database keeps of a user, as JSON values."""

from typing import Any

from sqlalchemy import Select, select

from serving.dialogue.database import Database
from serving.dialogue.tables import Base, Consent, Conversation, Fact, Feedback, Message, Segment, User

MINE: dict[str, tuple[type[Base], Any]] = {
    "user": (User, lambda user: select(User).where(User.id == user)),
    "consents": (Consent, lambda user: select(Consent).where(Consent.user_id == user)),
    "conversations": (Conversation, lambda user: select(Conversation).where(Conversation.user_id == user)),
    "messages": (Message, lambda user: select(Message).join(Conversation).where(Conversation.user_id == user)),
    "feedback": (
        Feedback,
        lambda user: select(Feedback).join(Message).join(Conversation).where(Conversation.user_id == user),
    ),
    "facts": (Fact, lambda user: select(Fact).where(Fact.user_id == user)),
    "segments": (Segment, lambda user: select(Segment).where(Segment.user_id == user)),
}
"""Each table, and a user's rows of it."""


def exported(database: Database, user: str) -> dict[str, list[dict[str, Any]]]:
    """Table to the user's rows, column by column."""
    with database.reading() as session:
        return {
            name: [
                {column.key: getattr(row, column.key) for column in table.__table__.columns}
                for row in session.scalars(_query(rows, user))
            ]
            for name, (table, rows) in MINE.items()
        }


def _query(rows: Any, user: str) -> Select[Any]:
    return rows(user)
