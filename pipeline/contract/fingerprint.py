"""Names that follow from content: of configurations, of files, of rows."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.contract.atomic_write import write_text

BLOCK = 1 << 20


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no white space: one text for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def fingerprint(stage: str, version: str, config: dict[str, Any], inputs: dict[str, str]) -> str:
    """sha256 over what decides a stage's output, as 64 hex digits.

    inputs: name to fingerprint of an artifact, or name to content hash of a raw file.
    """
    text = canonical_json({"stage": stage, "version": version, "config": config, "inputs": inputs})
    return hashlib.sha256(text.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, as 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


class FileHashes:
    """Content hashes of raw files, remembered by path, size and modification time.

    Known limitation: a file rewritten with the same size within the file system's time
    resolution is taken for unchanged.
    """

    def __init__(self, memory: Path) -> None:
        self._memory = memory

    def of(self, paths: Iterable[Path]) -> dict[Path, str]:
        """path to sha256."""
        try:
            known: dict[str, Any] = json.loads(self._memory.read_text())
        except (OSError, ValueError):
            known = {}
        found: dict[Path, str] = {}
        for path in paths:
            stat = path.stat()
            identity = [stat.st_size, stat.st_mtime_ns]
            entry = known.get(str(path))
            if not entry or entry[:2] != identity:
                entry = known[str(path)] = [*identity, file_sha256(path)]
            found[path] = entry[2]
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        write_text(self._memory, json.dumps(known))
        return found
