"""What the writer of a typed column meant: JSON, maps and variants as values, and which columns can hold any text."""

import json
import struct
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.containers.variant import is_variant, value_of

Decode = Callable[[Any], Any]


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


def readable(field: pa.Field) -> list[str]:
    """The paths of a column that can hold text, a verdict or an identifier; none of numbers in lists or of times.

    Of a struct with bytes, as images have it, all but the bytes.
    """
    kind = field.type
    if pa.types.is_struct(kind) and not is_variant(kind):
        parts = [f"{field.name}.{part.name}" for part in kind if not _is_bytes(part.type)]
        return [field.name] if len(parts) == kind.num_fields else parts
    return [field.name] if _is_readable(kind) else []


def _is_readable(kind: pa.DataType) -> bool:
    if _is_list(kind):
        inner = kind.value_type
        return not pa.types.is_floating(inner) and not pa.types.is_integer(inner) and _is_readable(inner)
    return not pa.types.is_temporal(kind)


def _is_list(kind: pa.DataType) -> bool:
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list, pa.types.is_list_view)
    return any(test(kind) for test in kinds)


def _is_bytes(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


def _json(value: str | None) -> Any:
    try:
        return None if value is None else json.loads(value)
    except (ValueError, RecursionError) as error:
        raise Malformed("wrong_type", "a JSON column holds what is no JSON") from error


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
