"""API keys, hashed at rest, in a file that all servers of a root read anew when it changes.

A key is 256 random bits, so that its SHA-256 cannot be searched for; slow hashes are for what people choose.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from configs.errors import UserError
from pipeline.contract.lock import hold
from pipeline.contract.sealed_json import read_sealed, write_sealed
from serving.person import Person

PREFIX = "sk-parlance-"
USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
REMEDY = "restore it, or remove it and give out new keys"


@dataclass(frozen=True)
class Key:
    """hash: SHA-256 of the key. user: whom it was given to; keys of one user are one person."""

    id: str
    hash: str
    user: str
    role: Literal["user", "operator"]
    made: str
    requests_a_minute: int | None = None
    tokens_a_minute: int | None = None
    revoked: str | None = None

    @property
    def person(self) -> Person:
        return Person(self.user, self.role, self.id, self.requests_a_minute, self.tokens_a_minute)


class Keys:
    """The keys of a root, in ROOT/serving/keys.json, which only its owner may read."""

    def __init__(self, root: Path) -> None:
        self.path = root / "serving" / "keys.json"
        self._seen: tuple[int, int] | None = None
        self._by_hash: dict[str, Key] = {}

    def person_of(self, key: str) -> Person | None:
        """Whose key it is; None for one that is not known, or revoked."""
        self._renew()
        found = self._by_hash.get(_hash(key))
        return found.person if found and not found.revoked else None

    def all(self) -> list[Key]:
        """In the order in which they were made."""
        if not self.path.is_file():
            return []
        return [Key(**values) for values in read_sealed(self.path, REMEDY)["keys"]]

    def add(
        self,
        user: str,
        role: Literal["user", "operator"] = "user",
        requests_a_minute: int | None = None,
        tokens_a_minute: int | None = None,
    ) -> tuple[Key, str]:
        """A new key and its text, which is kept nowhere. Raises UserError for a name that is none."""
        if not USER.fullmatch(user) or user == "anonymous":
            raise UserError(f"--user: {user!r} is no name of a user; letters, digits and ._@+- are")
        text = PREFIX + secrets.token_urlsafe(32)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        key = Key(secrets.token_hex(4), _hash(text), user, role, now, requests_a_minute, tokens_a_minute)
        with self._changing() as keys:
            keys.append(key)
        return key, text

    def revoke(self, name: str) -> list[Key]:
        """Ends a key by its id, or all of a user. Raises UserError when there is none."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._changing() as keys:
            found = [key for key in keys if name in (key.id, key.user) and not key.revoked]
            if not found:
                raise UserError(f"{name}: no such key or user; `parlance keys list` shows them")
            for key in found:
                keys[keys.index(key)] = Key(**{**asdict(key), "revoked": now})
        return found

    def forget(self, user: str) -> int:
        """Deletes all that is known of a user's keys, which end with that; how many they were."""
        if not any(key.user == user for key in self.all()):
            return 0
        with self._changing() as keys:
            before = len(keys)
            keys[:] = [key for key in keys if key.user != user]
            return before - len(keys)

    @contextmanager
    def _changing(self) -> Iterator[list[Key]]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path.with_suffix(".lock"), "a+", encoding="utf-8") as lock:
            hold(lock, f"{self.path}: is being changed by")
            keys = self.all()
            yield keys
            mask = os.umask(0o077)
            try:
                write_sealed(self.path, {"keys": [asdict(key) for key in keys]})
            finally:
                os.umask(mask)

    def _renew(self) -> None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._seen, self._by_hash = None, {}
            return
        if self._seen != (found.st_mtime_ns, found.st_ino):
            self._by_hash = {key.hash: key for key in self.all()}
            self._seen = (found.st_mtime_ns, found.st_ino)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
