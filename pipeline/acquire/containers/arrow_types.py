"""What the writer of a typed column meant: JSON, maps and variants as values, and which columns can hold any text."""

import json
import struct
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.containers.temporal import is_temporal
from pipeline.acquire.containers.variant import is_variant, value_of

Decode = Callable[[Any], Any]


class JsonObject(dict[str, Any]):
    """An object in a column of JSON, and the text that stands there, which may be all that its writer meant."""

    written: str


class JsonList(list[Any]):
    """A list in a column of JSON, and the text that stands there."""

    written: str


def decoder(kind: pa.DataType) -> Decode | None:
    """From what pyarrow gives for a column of a type to the value that was meant; None where they are the same.

    The decoder raises Malformed (wrong_type).
    """
    if isinstance(kind, pa.JsonType):
        return _json
    if is_variant(kind):
        return _variant
    if _is_bytes(kind):
        return _text
    if pa.types.is_map(kind):
        return _of_map(decoder(kind.item_type))
    if pa.types.is_struct(kind):
        inner = {field.name: found for field in kind if (found := decoder(field.type))}
        return _of_struct(inner) if inner else None
    if _is_list(kind):
        element = decoder(kind.value_type)
        return (lambda value: value and [element(v) for v in value]) if element else None
    return None


def readable(kind: pa.DataType, needed: bool, inside: bool = False) -> list[bool]:
    """For each leaf of a column, in the order of the file, whether it can hold a part of a conversation.

    Not so times inside lists and objects, of which Python cannot hold all, the bytes of images, and, unless the
    column is needed, numbers in lists, as vectors are.
    """
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if is_variant(kind):
        return [True] * leaves(kind)
    if pa.types.is_struct(kind):
        parts = [(part.name == "bytes", readable(part.type, needed, inside=True)) for part in kind]
        return [leaf and not image for image, found in parts for leaf in found]
    if pa.types.is_map(kind):
        within = [*readable(kind.key_type, needed, inside=True), *readable(kind.item_type, needed, inside=True)]
        return [all(within)] * len(within)
    if _is_list(kind):
        inner = kind.value_type
        numbers = pa.types.is_floating(inner) or pa.types.is_integer(inner)
        return [False] if numbers and not needed else readable(inner, needed, inside=True)
    return [not (inside and is_temporal(kind))]


def leaves(kind: pa.DataType) -> int:
    """How many columns of Parquet hold the values of a type."""
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_struct(kind):
        return sum(leaves(part.type) for part in kind)
    if pa.types.is_map(kind):
        return leaves(kind.key_type) + leaves(kind.item_type)
    return leaves(kind.value_type) if _is_list(kind) else 1


def _is_list(kind: pa.DataType) -> bool:
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list, pa.types.is_list_view)
    return any(test(kind) for test in kinds)


def _is_bytes(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


def _json(value: str | None) -> Any:
    """What the text of a cell encodes; of a number or a truth value the text itself: `datasets` writes a text that
    happens to be JSON as it is.
    """
    if value is None:
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise Malformed("wrong_type", "a JSON column holds what is no JSON") from error
    if found is None or isinstance(found, str):
        return found
    if not isinstance(found, dict | list):
        return value.strip()
    cell: Any = JsonObject(found) if isinstance(found, dict) else JsonList(found)
    cell.written = value.strip()
    return cell


def _text(value: bytes | None) -> Any:
    """Text that was written without saying so; other bytes as they are."""
    try:
        return value if value is None else value.decode()
    except UnicodeDecodeError:
        return value


def _variant(value: dict[str, Any] | None) -> Any:
    try:
        return None if value is None else value_of(value)
    except (ValueError, IndexError, struct.error, OverflowError, TypeError) as error:
        raise Malformed("wrong_type", "a variant that cannot be decoded") from error


def _of_map(item: Decode | None) -> Decode:
    def decode(pairs: list[tuple[Any, Any]] | None) -> Any:
        return pairs if pairs is None else {key: item(value) if item else value for key, value in pairs}

    return decode


def _of_struct(inner: dict[str, Decode]) -> Decode:
    def decode(value: dict[str, Any] | None) -> Any:
        return value and {k: inner[k](v) if k in inner else v for k, v in value.items()}

    return decode
