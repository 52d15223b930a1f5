"""A file as torch.save writes it, in two halves: what it will hold, at once; and the writing, later and elsewhere.

The file is a zip archive of records: a pickle in which every storage is a number, some short ones that torch adds,
and the bytes of each storage. torch itself makes the records here and writes them there, so that the file is, byte
for byte, what torch.save would have written.
"""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import UntypedStorage
from torch.serialization import DEFAULT_PROTOCOL, skip_data

Content = bytes | UntypedStorage


@dataclass(frozen=True)
class Record:
    """One entry of the archive."""

    name: str
    content: Content

    @property
    def size(self) -> int:
        """Bytes."""
        return self.content.nbytes() if isinstance(self.content, UntypedStorage) else len(self.content)


def records_of(value: Any) -> list[Record]:
    """What torch.save would write of a value, in order. Copies no tensor."""
    storages = _Storages()
    storages.dump(value)
    archive = _Archive(storages.found)
    with skip_data():
        torch.serialization._save(value, archive, pickle, DEFAULT_PROTOCOL, False)
    return archive.records


def write_records(path: Path, records: Sequence[tuple[str, Content, int]]) -> None:
    """Writes the file; records: (name, content, bytes) of each."""
    with torch.serialization._open_zipfile_writer(str(path)) as archive:
        for name, content, size in records:
            archive.write_record(name, content, size)


class _Storages(pickle.Pickler):
    """The storages of all tensors in a value, in the order in which torch numbers them: as pickle comes by them."""

    def __init__(self) -> None:
        super().__init__(_Nowhere(), DEFAULT_PROTOCOL)
        self.found: dict[int, UntypedStorage] = {}

    def persistent_id(self, value: Any) -> str | None:
        storage = value._untyped_storage if isinstance(value, torch.storage.TypedStorage) else value
        if not isinstance(storage, UntypedStorage):
            return None
        self.found.setdefault(storage._cdata, storage)
        return "storage"


class _Nowhere:
    def write(self, _: bytes) -> None:
        """Forgets it."""


class _Archive:
    """Takes records as torch's own writer of archives does; of storages torch then tells the sizes only."""

    def __init__(self, storages: dict[int, UntypedStorage]) -> None:
        self.records: list[Record] = []
        self._storages = iter(storages.values())

    def write_record(self, name: str, content: bytes | str, _: int) -> None:
        self.records.append(Record(name, content.encode() if isinstance(content, str) else content))

    def write_record_metadata(self, name: str, size: int) -> None:
        record = Record(name, next(self._storages))
        assert record.size == size, f"{name}: torch numbers storages otherwise"
        self.records.append(record)
