"""Whether pairs of rows are near duplicates, as far as it is known, so that runs do not compare them again.

It follows from the texts of the two rows, two settings, and the version of the stage alone. So an artifact keeps the
verdicts of all pairs that its making asked for, a file for each slice of rows, in terms of contents: where the other
row lies is named by the hash of its file. A later run takes from earlier artifacts what is of its own rows.
"""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from pipeline.contract.artifact import Artifact
from pipeline.contract.execute import StageContext
from pipeline.contract.fingerprint import file_sha256
from pipeline.rows.parquet import write_table
from pipeline.rows.ranges import Range, Ranges, Slice

FOLDER = "verdicts"
DECIDING = ("jaccard", "side_jaccard")
"""The settings that verdicts follow from."""

VERDICTS = pa.schema({"first": pa.int64(), "second": pa.int64(), "similarity": pa.uint16()})
"""Of the ordinals of two rows that were compared in this order: their Jaccard similarity in ten-thousandths, to which
it is rounded, or 0 of rows that are no duplicates."""

KEPT = pa.schema({"row": pa.int32(), "other": pa.uint64(), "other_row": pa.int32(), "similarity": pa.uint16()})
"""VERDICTS in a file of the second row's slice: its place there, the name of the first row's slice, the place there."""

SIMILARITY = 10_000


def similarity_of(jaccard: np.ndarray, duplicate: np.ndarray) -> np.ndarray:
    """VERDICTS' column. jaccard: rounded to four places."""
    return np.where(duplicate, np.rint(jaccard * SIMILARITY), 0).astype(np.uint16)


def verdicts_of(first: np.ndarray, second: np.ndarray, similarity: np.ndarray) -> pa.Table:
    return pa.table([first, second, similarity], schema=VERDICTS)


class Known:
    """Verdicts to be looked up."""

    def __init__(self, verdicts: pa.Table) -> None:
        pairs = _pairs(verdicts["first"].to_numpy(), verdicts["second"].to_numpy())
        self._pairs, places = np.unique(pairs, return_index=True)
        self._similarity = verdicts["similarity"].to_numpy()[places]

    def of(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(similarity, known) of each pair; the similarity of one that is not known is 0."""
        wanted = _pairs(first, second)
        known = np.zeros(len(wanted), bool)
        similarity = np.zeros(len(wanted), np.uint16)
        if len(self._pairs):
            places = np.minimum(np.searchsorted(self._pairs, wanted), len(self._pairs) - 1)
            known = self._pairs[places] == wanted
            similarity[known] = self._similarity[places[known]]
        return similarity, known


def _pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return second.astype(np.uint64) << np.uint64(32) | first.astype(np.uint64)


class KeptVerdicts:
    """Those of earlier artifacts that are about rows of this one, and the writing of its own. Of slices with the same
    content the first one is meant.

    digests: content hash of each file of rows. scratch: a folder for what is taken from earlier artifacts.
    """

    def __init__(self, context: StageContext, ranges: Ranges, digests: dict[Path, str], scratch: Path) -> None:
        slices = [piece for part in ranges.all for piece in part.slices]
        begins = np.cumsum([0, *(piece.rows for piece in slices)])[:-1]
        names = np.array([_name(piece, digests[piece.file]) for piece in slices], np.uint64)
        self._begins, self._name_of = begins, names
        self._names, places = np.unique(names, return_index=True)
        self._begins_named = begins[places]
        self._out = context.out
        (self._out / FOLDER).mkdir(exist_ok=True)
        self._earlier = _taken(_alike(context), self._names.tolist(), scratch)

    def read(self, part: Range) -> pa.Table:
        """VERDICTS, known from before, of pairs whose second row is in a range."""
        tables = [VERDICTS.empty_table()]
        for name, begin, _ in self._slices(part):
            if file := self._earlier.get(name):
                kept = pq.read_table(file, schema=KEPT)
                other = kept["other"].to_numpy()
                at = np.minimum(np.searchsorted(self._names, other), len(self._names) - 1)
                first = self._begins_named[at] + kept["other_row"].to_numpy()
                there = pa.array(self._names[at] == other)
                found = verdicts_of(
                    first, begin + kept["row"].to_numpy().astype(np.int64), kept["similarity"].to_numpy()
                )
                tables.append(found.filter(there))
        return pa.concat_tables(tables).combine_chunks()

    def write(self, part: Range, verdicts: pa.Table) -> None:
        """Keeps VERDICTS of pairs whose second row is in a range; equal ones once."""
        first, second, similarity = (verdicts[name].to_numpy() for name in VERDICTS.names)
        at = np.searchsorted(self._begins, first, side="right") - 1
        for name, begin, rows in self._slices(part):
            here = (second >= begin) & (second < begin + rows)
            if not here.any():
                continue
            columns = [first[here] - self._begins[at[here]], self._name_of[at[here]], second[here] - begin]
            order = np.lexsort(columns)
            other_row, other, row = (column[order] for column in columns)
            new = np.ones(len(order), bool)
            new[1:] = (np.diff(row) != 0) | (other[1:] != other[:-1]) | (np.diff(other_row) != 0)
            table = pa.table([row, other, other_row, similarity[here][order]], names=KEPT.names).cast(KEPT)
            write_table(table.filter(pa.array(new)), self._out / _file(name))

    def _slices(self, part: Range) -> Iterator[tuple[int, int, int]]:
        """(name, ordinal of the first row, rows) of a range's slices, but for those whose content was before."""
        begin = part.first
        for piece in part.slices:
            name = self._name_of[np.searchsorted(self._begins, begin)]
            if self._begins_named[np.searchsorted(self._names, name)] == begin:
                yield int(name), begin, piece.rows
            begin += piece.rows


def _name(piece: Slice, digest: str) -> int:
    return xxhash.xxh3_64_intdigest(f"{digest} {piece.group} {piece.piece} {piece.most}".encode())


def _file(name: int) -> str:
    return f"{FOLDER}/{name:016x}.parquet"


def _alike(context: StageContext) -> list[Artifact]:
    """Artifacts of the stage whose verdicts are those of this one, the newest first; of a root in an object store those
    that this machine has."""
    stage, config = context.stage, context.config("deduplicate")
    wanted = {name: getattr(config, name) for name in DECIDING}
    return [
        artifact
        for artifact in context.run.store.newest(stage.name, stage.version)
        if wanted == {name: artifact.manifest["config"]["deduplicate"][name] for name in DECIDING}
    ]


def _taken(artifacts: list[Artifact], names: list[int], scratch: Path) -> dict[int, Path]:
    """Name of a slice to a copy of its verdicts in that of the artifacts which has most of them, and has them whole."""
    scratch.mkdir(parents=True, exist_ok=True)
    sizes = [{entry["path"]: entry["bytes"] for entry in artifact.manifest["files"]} for artifact in artifacts]
    found: dict[int, Path] = {}
    for name in names:
        copy, path = scratch / f"{name:016x}.parquet", _file(name)
        having = [number for number, size in enumerate(sizes) if path in size]
        for number in sorted(having, key=lambda number: -sizes[number][path]):
            with suppress(OSError):  # of one that is deleted meanwhile
                shutil.copyfile(artifacts[number].path / path, copy)
                if file_sha256(copy) == artifacts[number].digests[path]:
                    found[name] = copy
                    break
    return found
