"""Small JSON files that say by themselves whether they are what was written.

The first lines are `{` and `"sha256"`, the hash of all that follows them: whoever reads compares, so that a
flipped bit is noticed wherever it lies. Any JSON reader takes the file for an object with one key more.
Files of runs that began before there were seals have none, and are taken as they are when they can be read.
"""

import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from configs.errors import UserError
from pipeline.contract.atomic_write import write_text

HEAD = re.compile(rb'\{\n "sha256": "([0-9a-f]{64})",\n')
HEAD_LIKE = re.compile(rb"^.{,32}?[0-9a-f]{16}", re.DOTALL)
"""What begins so has, or had, a seal: a flipped bit leaves 16 of its digits in a row."""


class DamagedError(UserError):
    """A file is not what was written: changed, cut short or lost. The message names it and says what to do."""


def write_sealed(path: Path, value: dict[str, Any]) -> None:
    """Writes a JSON object, which must not be empty, durably and whole or not at all."""
    write_text(path, sealed_text(value))


def sealed_text(value: dict[str, Any]) -> str:
    """The text of such a file."""
    assert value, "an empty object cannot be sealed"
    rest = json.dumps(value, indent=1, ensure_ascii=False).removeprefix("{\n")
    return f'{{\n "sha256": "{hashlib.sha256(rest.encode()).hexdigest()}",\n{rest}'


def read_sealed(path: Path, remedy: str) -> dict[str, Any]:
    """The object that was written. Raises DamagedError, with the remedy, when the file holds anything else, and
    FileNotFoundError when there is none."""
    content = path.read_bytes()
    head = HEAD.match(content)
    if head and hashlib.sha256(content[head.end() :]).hexdigest().encode() == head[1]:
        return json.loads(b"{" + content[head.end() :])
    if not head and not HEAD_LIKE.match(content):
        with suppress(ValueError):
            if isinstance(value := json.loads(content), dict):
                return value
    raise DamagedError(f"{path}: is not what was written; {remedy}")
