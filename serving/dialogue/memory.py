"""What is remembered of a user: facts that they stated, and segments of what they said, found by similarity.

The database holds the texts. The store (Qdrant) holds a vector a segment with its user, and no text: what it names is
looked up among that user's own segments, so that a wrong answer of the store could show nobody another's words.
"""

import fcntl
import time
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from sqlalchemy import delete, func, select

from configs.errors import UserError
from configs.profile import Profile
from pipeline.index.store import VectorStore, point_id
from serving.api_error import ApiError
from serving.dialogue.database import Database
from serving.dialogue.facts import sentence, shown, stated
from serving.dialogue.tables import Conversation, Fact, Forgotten, Message, Segment

COLLECTION = "parlance-memory"
SEGMENTS_A_MESSAGE = 8
CANDIDATES = 8
"""Nearest segments looked at, for each that is recalled: age may raise a less similar one."""

FACTS_TOLD = 20
RESTORED_AT_ONCE = 256
RECENCY_SHARE = 0.5
"""Of a segment's weight, what age may take: similarity alone keeps the rest however old it is."""


class Memory:
    """The memory beside a database. One process at a time holds the store of Qdrant Edge.

    Raises UserError when another process holds it, or a Qdrant server does not answer.
    """

    def __init__(self, database: Database, profile: Profile, folder: Path) -> None:
        """folder: of Qdrant Edge, where profile.vectors names no server."""
        from pipeline.embed.encoder import Encoder  # torch, three seconds
        from pipeline.embed.segmenter import Segmenter

        self.database, self._settings, self._folder = database, profile.serving.dialogue, folder
        self._encoder: Encoder = Encoder(profile.embed.model, profile.embedding.device)
        self._segmenter: Segmenter = Segmenter(self._encoder.folder, profile.embed.max_tokens, SEGMENTS_A_MESSAGE)
        self._one_at_a_time = Lock()
        self._held = None if profile.vectors.url else _hold(folder)
        self._store: VectorStore
        if profile.vectors.url:
            from pipeline.index.qdrant_server import ServerStore

            self._store = ServerStore.connect(profile.vectors, COLLECTION, self._encoder.dimensions)
        else:
            from pipeline.index.qdrant_edge import EdgeStore

            self._store = EdgeStore(folder, self._encoder.dimensions)
        self._restore()

    def close(self) -> None:
        with self._one_at_a_time:
            self._store.close()
            if self._held:
                self._held.close()

    def remember(self, user: str, message: Message) -> None:
        """Takes in what a user said: what it states, and its segments."""
        turn = [message.content]
        with self._one_at_a_time:
            [cut] = self._segmenter.segments([turn])
            vectors_ND = self._encoder.encode(self._segmenter.tokens(cut)) if cut else np.empty((0, 1))
        ids = [point_id(message.id, number) for number in range(len(cut))]
        with self.database.writing() as session:
            if session.get(Message, message.id) is None:  # deleted meanwhile
                return
            for kind, text in stated(message.content):
                same = (Fact.user_id == user) & ((Fact.kind == "name") if kind == "name" else (Fact.text == text))
                session.execute(delete(Fact).where(same, Fact.kind == kind))
                session.add(Fact(user_id=user, kind=kind, text=text))
            for point, segment in zip(ids, cut, strict=True):
                text = segment.text(turn, len(message.content) + 1)
                session.merge(Segment(id=point, user_id=user, message_id=message.id, text=text, at=message.created))
        if cut:
            self._upsert(ids, vectors_ND, [(user, message.id)] * len(ids))

    def recall(self, user: str, said: str, here: set[str]) -> list[str]:
        """Sentences of what is remembered of a user, the weightiest first: facts, then segments near to what is said.

        here: ids of messages that the model sees anyway.
        """
        with self.database.reading() as session:
            newest = select(Fact).where(Fact.user_id == user).order_by(Fact.kind != "name", Fact.at.desc())
            facts = list(session.scalars(newest.limit(FACTS_TOLD)))
        told = [sentence(fact.kind, fact.text) for fact in facts]
        if not self._settings.recalled or not said.strip():
            return told
        with self._one_at_a_time:
            [vector_D] = self._encoder.encode_texts([said])
            hits = self._store.search(vector_D, CANDIDATES * self._settings.recalled + len(here), {"user": user})
        near = {hit.id: hit.score for hit in hits if hit.score >= self._settings.similarity and hit.row_id not in here}
        with self.database.reading() as session:
            mine = select(Segment).where(Segment.id.in_(near), Segment.user_id == user)
            found = sorted(session.scalars(mine), key=lambda s: -self._weight(near[s.id], s.at))
        known = {fact.text for fact in facts}
        new = [s.text for s in found if not any(text in s.text for text in known)]
        return told + [sentence("segment", text) for text in dict.fromkeys(new)][: self._settings.recalled]

    def shown(self, user: str) -> dict[str, Any]:
        """All that is remembered of a user, the newest first."""
        with self.database.reading() as session:
            facts = session.scalars(select(Fact).where(Fact.user_id == user).order_by(Fact.at.desc())).all()
            segments = session.execute(
                select(Segment, Conversation.title)
                .join(Message, Message.id == Segment.message_id)
                .join(Conversation, Conversation.id == Message.conversation_id)
                .where(Segment.user_id == user)
                .order_by(Segment.at.desc())
            ).all()
        return {
            "facts": [{"id": f.id, "text": shown(f.kind, f.text), "created": f.at} for f in facts],
            "segments": [{"id": s.id, "text": s.text, "conversation": title, "created": s.at} for s, title in segments],
        }

    def forget(self, user: str, item: str | None = None) -> int:
        """Forgets one fact or segment of a user, or all; how many. Raises ApiError 404 when they have no such item."""
        gone = 0
        with self.database.writing() as session:
            for table in (Fact, Segment):
                chosen = (table.user_id == user) & ((table.id == item) if item else (table.user_id == user))
                gone += session.scalar(select(func.count()).select_from(table).where(chosen)) or 0
                session.execute(delete(table).where(chosen))
        if item and not gone:
            raise ApiError(404, f"memory {item}: there is no such item", param="id")
        self._delete({"user": user} | ({"id": item} if item else {}))
        return gone

    def forget_messages(self, user: str, ids: list[str]) -> None:
        """Drops the vectors of messages that have been deleted; their segments went with them."""
        for message in ids:
            self._delete({"user": user, "row_id": message})

    def forget_erased(self) -> None:
        """Drops the vectors of users who have been erased by another process, and leaves nothing in the files."""
        with self.database.reading() as session:
            users = list(session.scalars(select(Forgotten.user_id)))
        if not users:
            return
        for user in users:
            self._delete({"user": user})
        if self._held:
            from pipeline.index.qdrant_edge import EdgeStore, rewrite

            with self._one_at_a_time:
                self._store.close()
                rewrite(self._folder)
                self._store = EdgeStore(self._folder, self._encoder.dimensions)
        with self.database.writing() as session:
            session.execute(delete(Forgotten).where(Forgotten.user_id.in_(users)))

    def _weight(self, similarity: float, at: float) -> float:
        days = max(time.time() - at, 0.0) / 86_400
        return similarity * (1 - RECENCY_SHARE + RECENCY_SHARE * 0.5 ** (days / self._settings.half_life_days))

    def _upsert(self, ids: list[str], vectors_ND: np.ndarray, of: list[tuple[str, str]]) -> None:
        payloads = [{"row_id": m, "user": user, "id": i} for i, (user, m) in zip(ids, of, strict=True)]
        with self._one_at_a_time:
            self._store.upsert(ids, vectors_ND, payloads)
            self._store.flush()

    def _delete(self, where: dict[str, str]) -> None:
        with self._one_at_a_time:
            self._store.delete(where)

    def _restore(self) -> None:
        """Encodes what the database holds and the store lacks: of a crash between both, or a store that is gone."""
        with self.database.reading() as session:
            known = list(session.execute(select(Segment.id, Segment.user_id, Segment.message_id, Segment.text)))
        for start in range(0, len(known), RESTORED_AT_ONCE):
            part = known[start : start + RESTORED_AT_ONCE]
            missing = self._store.missing([row.id for row in part])
            lost = [row for row in part if row.id in missing]
            if lost:
                vectors_ND = self._encoder.encode_texts([row.text for row in lost])
                self._upsert([row.id for row in lost], vectors_ND, [(row.user_id, row.message_id) for row in lost])


def _hold(folder: Path) -> Any:
    """The lock of a store of Qdrant Edge; goes with the process."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(f".{folder.name}.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise UserError(
            f"{folder}: another server holds the memory; several servers share one in Qdrant: set vectors.url"
        ) from None
    return lock
