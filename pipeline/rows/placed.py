"""Rows of this process in the files in which Spark would have written them (pipeline/spark/frames.py)."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.rows.parquet import number_of_files, write_table

SEED = 42
"""Of the hash that Spark places rows by."""


def write_placed(table: pa.Table, folder: Path, rows: int, key: str = "row_id") -> int:
    """What write_rows leaves of the same rows, and the rows written. rows: what the number of files follows from."""
    return write_in_rounds(lambda: iter((table,)), 1, folder, rows, key)


def write_in_rounds(
    read: Callable[[], Iterator[pa.Table]], rounds: int, folder: Path, rows: int, key: str = "row_id"
) -> int:
    """The same of rows in one table or more of a schema, which are read once a round: it holds those of its files, a
    part of all."""
    files = number_of_files(rows)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    written, count = 0, 0
    for numbers in np.array_split(np.arange(files), min(rounds, files)):
        for table in _sorted_files(read(), numbers, files, key):
            write_table(table, folder / f"part-{written:05d}.parquet")
            written, count = written + 1, count + table.num_rows
    return count


def _sorted_files(tables: Iterator[pa.Table], numbers: np.ndarray, files: int, key: str) -> Iterator[pa.Table]:
    """What goes into each of these files. Of those without rows, Spark writes the first, which carries the schema, and
    leaves no gap in the names for the others."""
    held, place = [], []
    for table in tables:
        its = places(table[key], files)
        there = np.isin(its, numbers)
        held.append(table if there.all() else table.filter(pa.array(there)))
        place.append(its[there])
    rows, place_N = pa.concat_tables(held), np.concatenate(place)
    for number in numbers.tolist():
        if number == 0 or (place_N == number).any():
            one = rows.filter(pa.array(place_N == number)).combine_chunks()
            yield one.take(pc.sort_indices(one[key])).combine_chunks()


def places(keys: pa.StringArray | pa.ChunkedArray, count: int) -> np.ndarray:
    """int32 [N]: the partition, of `count`, of each key in Spark: its Murmur3 hash modulo the count.

    Murmur3_x86_32 (Austin Appleby, public domain), but that Spark mixes in each byte after the last whole word by
    itself (hashUnsafeBytes in Spark's Murmur3_x86_32.java).
    """
    hashes = np.zeros(len(keys), np.uint32)
    sizes = pc.binary_length(keys).to_numpy(zero_copy_only=False)
    for size in np.unique(sizes).tolist():
        there = np.flatnonzero(sizes == size)
        taken = keys.take(pa.array(there)).cast(pa.binary()).to_pylist()
        bytes_NB = np.frombuffer(b"".join(taken), np.uint8).reshape(len(there), size)
        whole = size // 4 * 4
        words_NW = np.ascontiguousarray(bytes_NB[:, :whole]).view("<u4")
        rest_NR = bytes_NB[:, whole:].view(np.int8).astype(np.int32).view(np.uint32)
        found = np.full(len(there), SEED, np.uint32)
        for column in (*words_NW.T, *rest_NR.T):
            found = _mixed(found, column)
        hashes[there] = _finished(found ^ np.uint32(size))
    return np.mod(hashes.view(np.int32), np.int32(count))


def _mixed(hash_N: np.ndarray, word_N: np.ndarray) -> np.ndarray:
    word_N = _rotated(word_N * np.uint32(0xCC9E2D51), 15) * np.uint32(0x1B873593)
    return _rotated(hash_N ^ word_N, 13) * np.uint32(5) + np.uint32(0xE6546B64)


def _finished(hash_N: np.ndarray) -> np.ndarray:
    hash_N = (hash_N ^ hash_N >> np.uint32(16)) * np.uint32(0x85EBCA6B)
    hash_N = (hash_N ^ hash_N >> np.uint32(13)) * np.uint32(0xC2B2AE35)
    return hash_N ^ hash_N >> np.uint32(16)


def _rotated(word_N: np.ndarray, by: int) -> np.ndarray:
    return word_N << np.uint32(by) | word_N >> np.uint32(32 - by)


def joined(table: pa.Table, other: pa.Table, key: str = "row_id") -> pa.Table:
    """The rows of a table whose key another one has, with the other's further columns. Keys are unique."""
    at = pc.index_in(table[key], value_set=other[key].combine_chunks())
    there = pc.is_valid(at)
    table, other = table.filter(there), other.take(at.filter(there))
    for name in other.column_names:
        if name != key:
            table = table.append_column(name, other[name])
    return table
