"""Conversations of users, whole exchange by whole exchange. Every question names the user it is asked for."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from serving.api_error import ApiError
from serving.dialogue.database import Database
from serving.dialogue.tables import Consent, Conversation, Feedback, Message, User, new_id

PENDING_SECONDS = 900.0
"""A reply that has been under way for longer was left by a server that died."""

TITLE_CHARS = 60


@dataclass(frozen=True)
class Begun:
    """A reply under way. history: the messages that stand before it, what the user said now the last of them."""

    user: str
    conversation: str
    message_id: str
    history: list[Message]


@dataclass(frozen=True)
class Shown:
    """A message as its reader sees it, with what they thought of it."""

    message: Message
    versions: int
    rating: int | None
    correction: str | None


class Sessions:
    """The conversations in a database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def begin(self, user: str, conversation: str | None, said: str | None) -> Begun:
        """Stores what a user says, and a reply to come. conversation None begins one; said None asks for the last
        reply again.

        Raises ApiError: 404 for a conversation that is not the user's, 409 while another reply in it is under way,
        400 when there is no reply to ask for again.
        """
        try:
            with self.database.writing() as session:
                _user(session, user)
                found = _owned(session, user, conversation) if conversation else _new(session, user, said or "")
                _refuse_second(session, found.id)
                history = standing(session, found.id)
                version = 0
                if said is None:
                    if not history or history[-1].role != "assistant":
                        raise ApiError(400, "there is no reply to ask for again; send a message", param="messages")
                    last = history.pop()
                    position, version = last.position, last.version + 1
                else:
                    position = history[-1].position + 2 if history else 1
                    asked = Message(conversation_id=found.id, position=position - 1, role="user", content=said)
                    session.add(asked)
                    history.append(asked)
                reply = Message(conversation_id=found.id, position=position, version=version, role="assistant")
                reply.id, reply.whole = new_id(), False
                session.add(reply)
                session.flush()
                return Begun(user, found.id, reply.id, history)
        except IntegrityError as error:
            raise _under_way() from error

    def finish(
        self,
        message_id: str,
        reply: str,
        finish_reason: str,
        model: str | None = None,
        prompt_tokens: int | None = None,
        reply_tokens: int | None = None,
    ) -> Message | None:
        """Stores a whole reply; returns what it answers, or None where the conversation has been deleted meanwhile."""
        with self.database.writing() as session:
            message = session.get(Message, message_id)
            if message is None or message.whole:
                return None
            message.content, message.finish_reason, message.whole = reply, finish_reason, True
            message.model, message.prompt_tokens, message.reply_tokens = model, prompt_tokens, reply_tokens
            message.created = time.time()
            session.execute(
                update(Conversation).where(Conversation.id == message.conversation_id).values(updated=message.created)
            )
            return session.scalars(
                select(Message).where(
                    Message.conversation_id == message.conversation_id, Message.position == message.position - 1
                )
            ).one()

    def abandon(self, message_id: str) -> None:
        """Takes back what `begin` stored: no exchange is there by half."""
        with self.database.writing() as session:
            message = session.get(Message, message_id)
            if message is not None and not message.whole:
                _take_back(session, message)

    def conversations(self, user: str, limit: int = 200) -> Sequence[Conversation]:
        """A user's conversations, the latest first."""
        with self.database.reading() as session:
            mine = select(Conversation).where(Conversation.user_id == user)
            return session.scalars(mine.order_by(Conversation.updated.desc()).limit(limit)).all()

    def messages(self, user: str, conversation: str) -> list[Shown]:
        """What stands in a conversation. Raises ApiError 404 when it is not the user's."""
        with self.database.reading() as session:
            _owned(session, user, conversation)
            found = standing(session, conversation)
            judged = {
                f.message_id: f
                for f in session.scalars(select(Feedback).where(Feedback.message_id.in_([m.id for m in found])))
            }
            return [_shown(message, judged.get(message.id)) for message in found]

    def delete(self, user: str, conversation: str) -> list[str]:
        """Deletes a conversation; returns the ids of its messages. Raises ApiError 404 when it is not the user's."""
        with self.database.writing() as session:
            found = _owned(session, user, conversation)
            ids = list(session.scalars(select(Message.id).where(Message.conversation_id == conversation)))
            session.delete(found)
            return ids

    def judge(self, user: str, message_id: str, rating: int | None, correction: str | None) -> None:
        """Keeps what a user thinks of a reply; neither takes it back. Raises ApiError 404 for no reply of theirs."""
        with self.database.writing() as session:
            message = session.scalars(
                select(Message)
                .join(Conversation)
                .where(
                    Message.id == message_id, Conversation.user_id == user, Message.role == "assistant", Message.whole
                )
            ).one_or_none()
            if message is None:
                raise ApiError(404, f"message {message_id}: there is no such reply", param="message")
            session.execute(delete(Feedback).where(Feedback.message_id == message_id))
            if rating is not None or correction is not None:
                session.add(Feedback(message_id=message_id, rating=rating, correction=correction))

    def consent(self, user: str) -> float | None:
        """Since when a user consents to training; None when they do not."""
        with self.database.reading() as session:
            found = session.get(User, user)
            return found.consent_since if found else None

    def set_consent(self, user: str, given: bool) -> None:
        with self.database.writing() as session:
            known = _user(session, user)
            if given != (known.consent_since is not None):
                known.consent_since = time.time() if given else None
                session.add(Consent(user_id=user, given=given))


def standing(session: Session, conversation: str) -> list[Message]:
    """The whole messages of a conversation in order, the latest version of each."""
    last = (
        select(Message.position, func.max(Message.version).label("version"))
        .where(Message.conversation_id == conversation, Message.whole)
        .group_by(Message.position)
        .subquery()
    )
    found = (
        select(Message)
        .join(last, (Message.position == last.c.position) & (Message.version == last.c.version))
        .where(Message.conversation_id == conversation, Message.whole)
    )
    return list(session.scalars(found.order_by(Message.position)))


def _shown(message: Message, judged: Feedback | None) -> Shown:
    return Shown(message, message.version + 1, judged.rating if judged else None, judged.correction if judged else None)


def _user(session: Session, user: str) -> User:
    found = session.get(User, user)
    if found is None:
        found = User(id=user)
        session.add(found)
        session.flush()
    return found


def _new(session: Session, user: str, said: str) -> Conversation:
    words = " ".join(said.split())
    title = words if len(words) <= TITLE_CHARS else words[: TITLE_CHARS - 1].rstrip() + "…"
    found = Conversation(user_id=user, title=title)
    session.add(found)
    session.flush()
    return found


def _owned(session: Session, user: str, conversation: str) -> Conversation:
    found = session.get(Conversation, conversation)
    if found is None or found.user_id != user:
        raise ApiError(404, f"conversation {conversation}: there is no such conversation", param="conversation")
    return found


def _refuse_second(session: Session, conversation: str) -> None:
    """Raises ApiError 409 while a reply is under way; what a dead server left is taken back."""
    pending = select(Message).where(Message.conversation_id == conversation, Message.whole.is_(False))
    for message in session.scalars(pending).all():
        if time.time() - message.created < PENDING_SECONDS:
            raise _under_way()
        _take_back(session, message, keep=True)


def _under_way() -> ApiError:
    return ApiError(
        409,
        "a reply in this conversation is under way; wait for it, or stop it",
        "reply_under_way",
        "conversation",
        retry_after=1,
    )


def _take_back(session: Session, message: Message, keep: bool = False) -> None:
    """Deletes a reply that is not whole and what it would have answered; and, but for `keep`, a conversation that is
    left empty."""
    here = Message.conversation_id == message.conversation_id
    if message.version == 0:
        session.execute(delete(Message).where(here, Message.position == message.position - 1))
    session.delete(message)
    session.flush()
    if not keep and not session.scalar(select(func.count()).select_from(Message).where(here)):
        session.execute(delete(Conversation).where(Conversation.id == message.conversation_id))
