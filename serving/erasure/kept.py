"""What the server itself keeps of a person: sessions, memory, and the feedback that it wrote."""

import fcntl
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select

from configs.profile import Profile
from pipeline.acquire.sources import LOCK
from pipeline.contract.atomic_write import replacing
from pipeline.contract.fingerprint import file_sha256
from serving.dialogue.database import Database
from serving.dialogue.dialogue import FOLDER
from serving.dialogue.feedback import FOLDER as FEEDBACK
from serving.dialogue.memory import COLLECTION
from serving.dialogue.tables import Conversation, Fact, Forgotten, Message, Segment, User

ROWS_AT_ONCE = 1000
SERVER_SECONDS = 60.0
"""How long a running server is waited for, which looks every few seconds."""


def written_texts(database: Database, user: str) -> set[str]:
    """What a user wrote, in any conversation that is kept."""
    with database.reading() as session:
        mine = select(Message.content).join(Conversation).where(Conversation.user_id == user, Message.role == "user")
        return set(session.scalars(mine))


def erase_sessions(database: Database, user: str) -> dict[str, int]:
    """Deletes a user with all that hangs on them, and asks whoever holds the memory to drop the vectors."""
    with database.writing() as session:
        counted = {
            "conversations": session.scalar(
                select(func.count()).select_from(Conversation).where(Conversation.user_id == user)),
            "messages": session.scalar(
                select(func.count()).select_from(Message).join(Conversation).where(Conversation.user_id == user)),
            "facts": session.scalar(select(func.count()).select_from(Fact).where(Fact.user_id == user)),
            "segments": session.scalar(select(func.count()).select_from(Segment).where(Segment.user_id == user)),
        }  # fmt: skip
        session.execute(delete(User).where(User.id == user))
        session.merge(Forgotten(user_id=user, at=time.time()))
    return {name: number or 0 for name, number in counted.items()}


def erase_vectors(database: Database, profile: Profile, root: Path, user: str) -> str:
    """Drops a user's vectors from the memory: "erased", or why that has not happened yet."""
    folder = root / FOLDER / "memory"
    if profile.vectors.url:
        from pipeline.index.qdrant_server import ServerStore

        store = ServerStore.connect(profile.vectors, COLLECTION, None)
        store.delete({"user": user})
        store.close()
    elif folder.is_dir():
        with folder.with_name(f".{folder.name}.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return _await_server(database, user)
            from pipeline.index.qdrant_edge import rewrite

            rewrite(folder, lambda payload: payload.get("user") != user)
    with database.writing() as session:
        session.execute(delete(Forgotten).where(Forgotten.user_id == user))
    return "erased"


def erase_points(profile: Profile, rows: set[str]) -> list[dict[str, str]]:
    """Deletes the points of rows from every collection of the index on a Qdrant server, also from those whose artifacts
    are gone; what was done to each."""
    if not profile.vectors.url:
        return []
    from pipeline.index.collection import all_of
    from pipeline.index.qdrant_server import ServerStore, client_of

    client, done, ids = client_of(profile.vectors), [], sorted(rows)
    alias = profile.vectors.collection
    for name in all_of(ServerStore(client, alias, profile.vectors), alias):
        store = ServerStore(client, name, profile.vectors)
        for start in range(0, len(ids), ROWS_AT_ONCE):
            store.delete({"row_id": ids[start : start + ROWS_AT_ONCE]})
        done.append({"file": f"collection {name}", "done": "points of the person's rows deleted"})
    client.close()
    return done


def _await_server(database: Database, user: str) -> str:
    until = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < until:
        with database.reading() as session:
            if session.get(Forgotten, user) is None:
                return "erased"
        time.sleep(0.5)
    return "a running server holds the memory and has not erased yet; it will when it next looks, or starts"


def erase_feedback(root: Path, user: str) -> dict[str, int]:
    """File of feedback to the records of a user that were taken out of it."""
    folder, found = root / FEEDBACK, {}
    if not folder.is_dir():
        return {}
    with (folder / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for path in sorted(folder.glob("*.jsonl")):
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if json.loads(line).get("user_id") != user]
            if len(kept) < len(lines):
                found[path.relative_to(root).as_posix()] = len(lines) - len(kept)
                with replacing(path, durable=True) as partial:
                    partial.write_text("".join(kept), encoding="utf-8")
    return found


def feedback_texts(root: Path, user: str) -> tuple[set[str], list[list[tuple[str, str]]], set[str]]:
    """(what a user wrote, their conversations, content hashes of the files) of the feedback that was written."""
    texts: set[str] = set()
    conversations: list[list[tuple[str, str]]] = []
    files: set[Path] = set()
    for path, record in _records(root, user):
        turns = record.get("messages") or record["prompt"] + record["chosen"]
        conversations.append([(turn["role"], turn["content"]) for turn in turns])
        texts |= {turn["content"] for turn in turns if turn["role"] == "user"}
        texts |= {turn["content"] for turn in record.get("chosen", [])}
        files.add(path)
    return texts, conversations, {file_sha256(path) for path in files}


def feedback_records(root: Path, user: str) -> list[dict[str, Any]]:
    """A user's records of the feedback that was written."""
    return [record for _, record in _records(root, user)]


def _records(root: Path, user: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted((root / FEEDBACK).glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if record.get("user_id") == user:
                yield path, record
