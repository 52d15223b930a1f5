"""What the server keeps of people: the tables, as migrations/ makes them."""

import time
import uuid

from sqlalchemy import BigInteger, Boolean, Double, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ID = String(32)


def new_id() -> str:
    return uuid.uuid4().hex


class Base(DeclarativeBase):
    """Times are seconds since 1970 (UTC)."""


class User(Base):
    """Whoever a key was given to. consent_since: conversations begun after it may become training data; null, none."""

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    consent_since: Mapped[float | None] = mapped_column(Double)
    created: Mapped[float] = mapped_column(Double, default=time.time)


class Consent(Base):
    """When somebody gave or took back consent."""

    __tablename__ = "consents"
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    given: Mapped[bool] = mapped_column(Boolean)
    at: Mapped[float] = mapped_column(Double, default=time.time)


class Conversation(Base):
    """written: positions below it are in the feedback source."""

    __tablename__ = "conversations"
    __table_args__ = (Index("conversations_of_user", "user_id", "updated"),)
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(200))
    created: Mapped[float] = mapped_column(Double, default=time.time)
    updated: Mapped[float] = mapped_column(Double, default=time.time)
    written: Mapped[int] = mapped_column(Integer, default=0)


class Message(Base):
    """What was said at a position. Regenerated replies share a position; the highest version is the one that stands.

    A reply that is under way has its row, so that nobody else begins one, and is not whole.
    """

    __tablename__ = "messages"
    __table_args__ = (UniqueConstraint("conversation_id", "position", "version", name="one_message_a_place"),)
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(Integer, default=0)
    role: Mapped[str] = mapped_column(String(16))
    content: Mapped[str] = mapped_column(Text, default="")
    whole: Mapped[bool] = mapped_column(Boolean, default=True)
    created: Mapped[float] = mapped_column(Double, default=time.time)
    model: Mapped[str | None] = mapped_column(String(200))
    finish_reason: Mapped[str | None] = mapped_column(String(40))
    prompt_tokens: Mapped[int | None] = mapped_column(BigInteger)
    reply_tokens: Mapped[int | None] = mapped_column(BigInteger)


class Feedback(Base):
    """What its reader thinks of a reply. rating: 1, -1, or none with a correction alone. written: it is in the feedback
    source as it is now."""

    __tablename__ = "feedback"
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    rating: Mapped[int | None] = mapped_column(Integer)
    correction: Mapped[str | None] = mapped_column(Text)
    at: Mapped[float] = mapped_column(Double, default=time.time)
    written: Mapped[bool] = mapped_column(Boolean, default=False)


class Fact(Base):
    """What somebody said of themselves. kind: a user has one fact of each kind but `note`."""

    __tablename__ = "facts"
    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[float] = mapped_column(Double, default=time.time)


class Segment(Base):
    """A piece of what a user said, as the encoder reads it: the text of a vector in the memory's store."""

    __tablename__ = "segments"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[float] = mapped_column(Double, default=time.time)


class Forgotten(Base):
    """Users whose vectors whoever holds the memory's store has still to remove."""

    __tablename__ = "forgotten"
    user_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    at: Mapped[float] = mapped_column(Double, default=time.time)
