"""Dates, times and durations of Arrow as text: any that a file can hold, also where Python has no such date."""

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
ZEROS = re.compile(r"\.?0+\Z")

Spell = Callable[[npt.NDArray[np.int64]], list[str]]


def is_temporal(kind: pa.DataType) -> bool:
    """Whether values of a type are points or spans of time."""
    return pa.types.is_temporal(kind.value_type if pa.types.is_dictionary(kind) else kind)


def spelt(column: pa.Array) -> pa.Array:
    """The values as ISO 8601 writes them: 2026-11-28, 2026-11-28T10:05:00.25, PT90S. Instants are in UTC, with a Z.

    What stands for no value at all (not a time) is null.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    numbers = column.view(pa.int32() if kind.bit_width == 32 else pa.int64()).cast(pa.int64())
    texts = _speller(kind)(numbers.fill_null(0).to_numpy(zero_copy_only=False))
    there = numbers.is_valid().to_pylist()
    return pa.array([t if known and t != "NaT" else None for t, known in zip(texts, there, strict=True)], pa.string())


def _speller(kind: pa.DataType) -> Spell:
    if pa.types.is_date32(kind):
        return lambda days: _points(days, "D")
    if pa.types.is_date64(kind):
        return lambda moments: _points(moments // 86_400_000, "D")
    if pa.types.is_timestamp(kind):
        zone = "Z" if kind.tz else ""
        return lambda moments: [text if text == "NaT" else text + zone for text in _points(moments, kind.unit)]
    if pa.types.is_duration(kind):
        return lambda spans: [f"PT{_seconds(span, kind.unit)}S" for span in spans.tolist()]
    return lambda times: [_of_day(number, kind.unit) for number in times.tolist()]


def _points(numbers: npt.NDArray[np.int64], unit: str) -> list[str]:
    texts = np.datetime_as_string(numbers.view(f"datetime64[{unit}]")).tolist()
    return [ZEROS.sub("", text) if "." in text else text for text in texts]


def _seconds(number: int, unit: str) -> str:
    whole, rest = divmod(abs(number), PER_SECOND[unit])
    part = f".{rest:0{len(str(PER_SECOND[unit])) - 1}}".rstrip("0") if rest else ""
    return f"{'-' if number < 0 else ''}{whole}{part}"


def _of_day(number: int, unit: str) -> str:
    minutes, seconds = divmod(number, 60 * PER_SECOND[unit])
    text = _seconds(seconds, unit)
    return f"{minutes // 60:02}:{minutes % 60:02}:{text if len(text.partition('.')[0]) > 1 else '0' + text}"
