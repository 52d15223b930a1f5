"""The values of Parquet's variant columns, plain and shredded, as Spark 4 writes them.

Source: Apache Parquet, VariantEncoding.md and VariantShredding.md, version 1.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from struct import unpack_from
from typing import Any
from uuid import UUID

import pyarrow as pa

NUMBERS = {3: "<b", 4: "<h", 5: "<i", 6: "<q", 7: "<d", 14: "<f"}
DECIMALS = {8: 4, 9: 8, 10: 16}
PER_SECOND = {12: 10**6, 13: 10**6, 18: 10**9, 19: 10**9}
WITH_ZONE = (12, 18)
EPOCH = datetime(1970, 1, 1)
MISSING = object()


def is_variant(kind: pa.DataType) -> bool:
    """Whether a struct holds a variant: its dictionary of names, and the value."""
    fields = {field.name: field.type for field in kind} if pa.types.is_struct(kind) else {}
    named = {"metadata", "value"} <= fields.keys() <= {"metadata", "value", "typed_value"}
    return named and all(_is_binary(fields[name]) for name in ("metadata", "value"))


def value_of(cell: dict[str, Any]) -> Any:
    """The value of {metadata, value, typed_value}. Raises IndexError, ValueError or struct.error for damaged bytes."""
    found = _restored(cell, _names(cell["metadata"]))
    return None if found is MISSING else found


def _restored(cell: dict[str, Any], names: list[str]) -> Any:
    """The value of a cell of which a part, or all, is shredded into typed columns."""
    value, typed = cell.get("value"), cell.get("typed_value")
    if typed is None:
        return MISSING if value is None else _Bytes(value, names).value(0)
    if isinstance(typed, dict):
        fields = {name: _restored(field, names) for name, field in typed.items()}
        rest = _Bytes(value, names).value(0) if value is not None else {}
        return rest | {name: field for name, field in fields.items() if field is not MISSING}
    if isinstance(typed, list):
        return [_restored(element, names) for element in typed]
    return typed


def _names(metadata: bytes) -> list[str]:
    size = (metadata[0] >> 6) + 1
    count = int.from_bytes(metadata[1 : 1 + size], "little")
    starts = _integers(metadata, 1 + size, count + 1, size)
    texts = metadata[1 + size * (count + 2) :]
    return [texts[a:b].decode() for a, b in pairwise(starts)]


@dataclass(frozen=True)
class _Bytes:
    data: bytes
    names: list[str]

    def value(self, at: int) -> Any:
        """The value whose header lies at a byte."""
        kind, header = self.data[at] & 3, self.data[at] >> 2
        if kind == 0:
            return self._primitive(header, at + 1)
        if kind == 1:
            return self.data[at + 1 : at + 1 + header].decode()
        large = header >> (4 if kind == 2 else 2) & 1
        count_size, offset_size = 4 if large else 1, (header & 3) + 1
        count = int.from_bytes(self.data[at + 1 : at + 1 + count_size], "little")
        at += 1 + count_size
        keys: list[int] = []
        if kind == 2:
            id_size = (header >> 2 & 3) + 1
            keys = _integers(self.data, at, count, id_size)
            at += count * id_size
        offsets = _integers(self.data, at, count + 1, offset_size)
        at += (count + 1) * offset_size
        values = [self.value(at + offset) for offset in offsets[:count]]
        return dict(zip((self.names[k] for k in keys), values, strict=True)) if kind == 2 else values

    def _primitive(self, kind: int, at: int) -> Any:
        if kind <= 2:
            return (None, True, False)[kind]
        if kind in NUMBERS:
            return unpack_from(NUMBERS[kind], self.data, at)[0]
        if kind in DECIMALS:
            unscaled = int.from_bytes(self.data[at + 1 : at + 1 + DECIMALS[kind]], "little", signed=True)
            return Decimal(unscaled).scaleb(-self.data[at])
        if kind == 11:
            return date(1970, 1, 1) + timedelta(days=unpack_from("<i", self.data, at)[0])
        if kind in PER_SECOND:
            moment = EPOCH + timedelta(microseconds=unpack_from("<q", self.data, at)[0] * 10**6 // PER_SECOND[kind])
            return moment.replace(tzinfo=UTC) if kind in WITH_ZONE else moment
        if kind in (15, 16):
            size = int.from_bytes(self.data[at : at + 4], "little")
            found = self.data[at + 4 : at + 4 + size]
            return found.decode() if kind == 16 else found
        if kind == 17:
            micros = unpack_from("<q", self.data, at)[0]
            return (datetime.min + timedelta(microseconds=micros)).time() if micros else time()
        if kind == 20:
            return UUID(bytes=self.data[at : at + 16])
        raise ValueError(f"a variant of the unknown type {kind}")


def _integers(data: bytes, at: int, count: int, size: int) -> list[int]:
    return [int.from_bytes(data[at + i * size : at + (i + 1) * size], "little") for i in range(count)]


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
