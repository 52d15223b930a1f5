"""Feedback becomes data: consented conversations, ratings and corrections, as files that acquire reads.

    feedback/conversations-000001.jsonl  {conversation_id, user_id, messages [{role, content, weight}]}
    feedback/preferences-000001.jsonl    {conversation_id, user_id, prompt, chosen, rejected}, each a list of messages

A weight of 0 makes a reply context: one that its reader disliked or corrected, and one that an earlier record of the
same conversation has already. Files only grow, line by line, until they are full and the next begins.
"""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from configs.serving import Dialogue
from pipeline.acquire.sources import LOCK
from pipeline.contract.atomic_write import sync, write_text
from pipeline.contract.lock import alone
from serving.dialogue import tables
from serving.dialogue.asset_event import tell_airflow
from serving.dialogue.database import Database
from serving.dialogue.sessions import standing
from serving.dialogue.tables import Conversation, Message, User

FOLDER, STATE = "feedback", ".told.json"
CONVERSATIONS, PREFERENCES = "conversations", "preferences"
FULL_BYTES = 64 << 20
BLOCKED = "content_filter"
"""How a reply ended that the filter cut: nobody is to learn from it."""

AT_ONCE = 500
"""Conversations that are written in one transaction."""

Record = dict[str, Any]
Judged = dict[str, tables.Feedback]


class Feedback:
    """Writes what has settled, and tells Airflow of it."""

    def __init__(self, database: Database, settings: Dialogue, root: Path) -> None:
        self.database, self.settings, self.folder = database, settings, root / FOLDER

    def write(self, now: float, settled: bool = False) -> int:
        """Writes the conversations without a message for `settled_minutes` (or all, when `settled`), and corrections
        that came after; returns how many conversations. Nothing while a run reads the files, or another server writes.

        A crash between a file and the database writes a record twice, which deduplicate drops.
        """
        until = now if settled else now - 60 * self.settings.settled_minutes
        if not self._due(until):
            self._tell(now, 0)
            return 0
        with writing(self.folder) as free:
            if not free:
                return 0
            with self.database.writing() as session:
                records: dict[str, list[Record]] = {CONVERSATIONS: [], PREFERENCES: []}
                chosen = session.execute(_unwritten(until).limit(AT_ONCE)).all()
                for conversation, user in chosen:
                    self._take(session, conversation, user, records)
                _take_later(session, records)
                for name, lines in records.items():
                    append(self.folder, name, lines)
        self._tell(now, sum(map(len, records.values())))
        return len(records[CONVERSATIONS])

    def _due(self, until: float) -> bool:
        with self.database.reading() as session:
            return any(session.execute(work.limit(1)).first() for work in (_unwritten(until), _late()))

    def _take(self, session: Session, conversation: Conversation, user: str, records: dict[str, list[Record]]) -> None:
        """Adds the records of a conversation, and marks it as written."""
        said, judged = standing(session, conversation.id), _judged(session, conversation.id)
        about = {"conversation_id": conversation.id, "user_id": user}
        turns = [_turn(m, judged.get(m.id), m.position < conversation.written, self.settings.unrated) for m in said]
        if any(turn.get("weight") == 1 for turn in turns):
            records[CONVERSATIONS].append(about | {"messages": turns})
        new = [m for m in said if m.role == "assistant" and m.position >= conversation.written]
        for message in new:
            for better, worse in _preferences(session, message, said[-1].position, judged):
                records[PREFERENCES].append(about | _pair(said, message.position, better, worse))
        _mark(session, judged)
        conversation.written = said[-1].position + 1 if said else conversation.written

    def _tell(self, now: float, records: int) -> None:
        """Tells Airflow once enough has been written, or once the first of it is old enough."""
        if self.settings.airflow is None:
            return
        path = self.folder / STATE
        state = json.loads(path.read_text()) if path.is_file() else {"untold": 0, "since": now}
        untold = state["untold"] + records
        since = state["since"] if state["untold"] else now
        old = now - since >= 60 * self.settings.event_minutes
        if records:
            write_text(path, json.dumps({"untold": untold, "since": since}))
        if untold >= self.settings.event_conversations or (untold and old):
            tell_airflow(self.settings.airflow, {"records": untold, "folder": FOLDER})
            write_text(path, json.dumps({"untold": 0, "since": now}))


def writing(folder: Path) -> AbstractContextManager[bool]:
    """The folder's lock, for whoever changes its files; False while a run reads them, or somebody else writes."""
    return alone(folder / LOCK)


def append(folder: Path, name: str, records: list[Record]) -> None:
    """Appends records durably, a line each; what a crash left of a line goes. Under the folder's lock."""
    if not records:
        return
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted(folder.glob(f"{name}-*.jsonl"))
    last = files[-1] if files else folder / f"{name}-000001.jsonl"
    if last.is_file() and last.stat().st_size >= FULL_BYTES:
        last = folder / f"{name}-{int(last.stem.rpartition('-')[2]) + 1:06d}.jsonl"
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
    with last.open("ab+") as file:
        file.truncate(_whole_lines(file))
        file.write(lines)
        file.flush()
    sync(last)
    sync(folder)


def _whole_lines(file: Any, block: int = 1 << 16) -> int:
    """Bytes up to the end of the last whole line."""
    end = file.seek(0, 2)
    while end:
        start = max(0, end - block)
        file.seek(start)
        at = file.read(end - start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0


def _consents() -> ColumnElement[bool]:
    return Conversation.created >= User.consent_since  # of whoever does not consent, null


def _unwritten(until: float) -> Any:
    """(conversation, user id) of those that have settled with messages that are not written yet."""
    grown = select(Message.id).where(
        Message.conversation_id == Conversation.id,
        Message.whole,
        Message.role == "assistant",
        Message.position >= Conversation.written,
    )
    return (
        select(Conversation, User.id)
        .join(User, User.id == Conversation.user_id)
        .where(_consents(), Conversation.updated <= until, grown.exists())
        .order_by(Conversation.updated)
    )


def _late() -> Any:
    """(judgement, message, conversation) of corrections to replies that are written already."""
    return (
        select(tables.Feedback, Message, Conversation)
        .join(Message, Message.id == tables.Feedback.message_id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(User, User.id == Conversation.user_id)
        .where(
            _consents(),
            tables.Feedback.written.is_(False),
            tables.Feedback.correction.is_not(None),
            Message.position < Conversation.written,
        )
    )


def _take_later(session: Session, records: dict[str, list[Record]]) -> None:
    """Adds corrections that came after their conversation was written, and marks them."""
    for judgement, message, conversation in session.execute(_late().limit(AT_ONCE)).all():
        said = standing(session, conversation.id)
        about = {"conversation_id": conversation.id, "user_id": conversation.user_id}
        pair = _pair(said, message.position, judgement.correction or "", message.content)
        records[PREFERENCES].append(about | pair)
        judgement.written = True


def _judged(session: Session, conversation: str) -> Judged:
    found = select(tables.Feedback).join(Message).where(Message.conversation_id == conversation)
    return {judgement.message_id: judgement for judgement in session.scalars(found)}


def _turn(message: Message, judgement: tables.Feedback | None, written: bool, unrated: str) -> Record:
    turn: Record = {"role": message.role, "content": message.content}
    if message.role == "assistant":
        liked = judgement is not None and judgement.rating == 1
        disliked = judgement is not None and (judgement.rating == -1 or judgement.correction is not None)
        learned = not written and not disliked and message.finish_reason != BLOCKED and (liked or unrated == "learn")
        turn["weight"] = int(learned)
    return turn


def _preferences(session: Session, standing_: Message, last: int, judged: Judged) -> Iterator[tuple[str, str]]:
    """(better, worse) replies: a correction over what it corrects; the reply that stands over those it was asked for
    instead of, if its reader liked it or went on from it and did not like the other."""
    others = select(Message).where(
        Message.conversation_id == standing_.conversation_id, Message.position == standing_.position, Message.whole
    )
    versions = session.scalars(others.order_by(Message.version)).all()
    for version in versions:
        judgement = judged.get(version.id)
        if judgement is not None and judgement.correction is not None:
            yield judgement.correction, version.content
    rating = _rating(judged, standing_)
    if standing_.finish_reason != BLOCKED and (rating == 1 or (rating is None and last > standing_.position)):
        for version in versions[:-1]:
            if _rating(judged, version) != 1 and version.content != standing_.content:
                yield standing_.content, version.content


def _rating(judged: Judged, message: Message) -> int | None:
    judgement = judged.get(message.id)
    return (-1 if judgement.correction is not None else judgement.rating) if judgement else None


def _pair(said: list[Message], position: int, better: str, worse: str) -> Record:
    prompt = [{"role": m.role, "content": m.content} for m in said if m.position < position]
    chosen, rejected = ([{"role": "assistant", "content": text}] for text in (better, worse))
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected}


def _mark(session: Session, judged: Judged) -> None:
    """Every judgement of the conversation has had its say."""
    session.execute(update(tables.Feedback).where(tables.Feedback.message_id.in_(judged)).values(written=True))
