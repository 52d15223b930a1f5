"""People whose rows have been erased, as keyed hashes: what they said does not come back from the same sources.

`<root>/erasures/bans.json` holds a random key, the hashes of users and of conversations, and the content hashes of the
raw files in which they were found. Nobody without the key learns from a hash whether it is of a name that they know.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.contract.sealed_json import read_sealed, write_sealed
from pipeline.contract.shared_files import share
from pipeline.rows.text_hash import text_hash

FOLDER, FILE = "erasures", "bans.json"
REMEDY = "restore it from a copy: without it, what was erased would come back"


@dataclass(frozen=True)
class Bans:
    """key: 64 hex digits. files: content hash of a raw file to how many times something was erased from it."""

    key: str = field(default_factory=lambda: secrets.token_hex(32))
    users: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    files: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path) -> "Bans":
        """The bans of a root; none where nobody was erased. Raises DamagedError when they are not what was written."""
        try:
            found = read_sealed(root / FOLDER / FILE, REMEDY)
        except FileNotFoundError:
            return cls()
        return cls(found["key"], frozenset(found["users"]), frozenset(found["texts"]), found["files"])

    def write(self, root: Path) -> None:
        (root / FOLDER).mkdir(parents=True, exist_ok=True)
        lists = {"users": sorted(self.users), "texts": sorted(self.texts), "files": dict(sorted(self.files.items()))}
        write_sealed(root / FOLDER / FILE, {"key": self.key, **lists})
        share(root / FOLDER / FILE)

    def adding(self, user: str, conversations: Iterable[list[tuple[str, str]]], files: Iterable[str]) -> "Bans":
        """With one more person: their id, what they said, and the content hashes of the raw files that hold it."""
        texts = {self.of(text_hash(turns)) for turns in conversations}
        counted = self.files | {file: self.files.get(file, 0) + 1 for file in files}
        return replace(self, users=self.users | {self.of(user)}, texts=self.texts | texts, files=counted)

    def of(self, text: str) -> str:
        """The keyed hash of a user's id, or of a conversation's text_hash."""
        return hashlib.blake2b(text.encode(), key=bytes.fromhex(self.key), digest_size=16).hexdigest()

    def hold(self, user: str | None, turns: list[tuple[str, str]]) -> bool:
        """Whether a conversation is an erased person's: by the user it names, or, where it names none, by its text."""
        if user is not None:
            return bool(self.users) and self.of(user) in self.users
        return bool(self.texts) and self.of(text_hash(turns)) in self.texts

    def touching(self, hashes: Iterable[str]) -> dict[str, int]:
        """Those of the content hashes from which something was erased. A stage that read one reads it anew."""
        return {file: self.files[file] for file in sorted(set(hashes)) if file in self.files}
