"""Which turns of the assistant are context and not learned: their numbers stand in the row's metadata."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

NOT_LEARNED = "not_learned"


def not_learned(metadata: Iterable[tuple[str, str | None]] | None) -> set[int]:
    """Numbers of the turns, from 0, that the loss leaves out."""
    named = dict(metadata or ()).get(NOT_LEARNED)
    return {int(number) for number in named.split(",")} if named else set()


def context_turns(metadata: pa.MapArray | pa.ChunkedArray) -> dict[int, set[int]]:
    """Row to the numbers of its turns that the loss leaves out, for the rows that have any."""
    found = {}
    pieces = metadata.chunks if isinstance(metadata, pa.ChunkedArray) else [metadata]
    start = 0
    for piece in pieces:
        marked = pc.map_lookup(piece, pa.scalar(NOT_LEARNED), "first")
        for row in pc.indices_nonzero(marked.is_valid()).to_pylist():
            found[start + row] = not_learned([(NOT_LEARNED, marked[row].as_py())])
        start += len(piece)
    return found
