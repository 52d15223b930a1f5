"""What deduplication needs to know of every row: keys of its text, prompt, exchanges, user. Made once for each file, as
a part; the texts themselves are read again of the rows alone that may be near duplicates.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from configs.deduplicate import Deduplicate
from pipeline.contract.execute import StageContext
from pipeline.contract.parts import Making, Part
from pipeline.deduplicate.candidate_pairs import bands_of_rows
from pipeline.deduplicate.contamination import EvaluationIndex
from pipeline.deduplicate.exact_duplicates import text_hashes
from pipeline.deduplicate.exchanges import marked_exchanges, prompt_hashes
from pipeline.deduplicate.hashed_words import HashedWords, starts
from pipeline.rows.ranges import RANGE_ROWS, Range, Ranges, slices_of_file
from pipeline.rows.turns import turns_of
from pipeline.spark.tasks import done_by_tasks

READ = ["row_id", "source", "conversation_id", "user_id", "messages", "chars", "repairs", "text_hash"]
ROWS_AT_ONCE = 4_000

KEYS = pa.schema(
    {
        "row_id": pa.string(),
        "text": pa.binary(16),
        "key": pa.uint64(),
        "chars": pa.int32(),
        "repaired": pa.int32(),
        "own": pa.int64(),
        "user": pa.int64(),
        "conversation": pa.int64(),
        "prompt_key": pa.int64(),
        "prompt_words": pa.int32(),
        "exchanges": pa.list_(pa.int64()),
        "overlap": pa.string(),
        "bands": pa.list_(pa.uint64()),
    }
)
"""text: hash of the normalised text. key: hash of the row_id, which orders rows without looking at where they lie.
own, user, conversation: keys of what binds rows together, null without one. prompt_key, prompt_words: see
prompt_hashes; the key is null without a prompt. exchanges: see marked_exchanges. overlap: evidence, JSON, of what the
row has in common with an evaluation set. bands: see bands_of_rows."""


@dataclass(frozen=True)
class RowKeys:
    """The keys of all rows. files: file of rows to the Parquet file of their keys, a row group a slice of it."""

    files: dict[Path, Path]

    def read(self, part: Range, columns: Sequence[str]) -> pa.Table:
        """These columns of the keys of a range's rows."""
        tables = []
        for piece in part.slices:
            with pq.ParquetFile(self.files[piece.file]) as file:
                tables.append(file.read_row_group(piece.number, list(columns)))
        schema = pa.schema([KEYS.field(name) for name in columns])
        return pa.concat_tables(tables).select(list(columns)).cast(schema).combine_chunks()


def row_keys(
    context: StageContext, ranges: Ranges, digests: dict[Path, str], evaluation: EvaluationIndex, scratch: Path
) -> RowKeys:
    """The keys of all rows, found or made now. digests: content hash of each file of rows. evaluation: what the run's
    own rows repeat; saved in scratch, if any."""
    config: Deduplicate = context.config("deduplicate")
    deciding = {name: getattr(config, name) for name in ("overlap_words", "permutations", "bands", "jaccard")}
    deciding |= {"columns": KEYS.names, "range_rows": RANGE_ROWS}  # which `read` counts on
    own = {*files_of(ranges.all[: ranges.new_ranges])}
    sets = {"evaluation": evaluation.digest()} if evaluation.rows else {}
    parts: dict[Part, Path] = {}
    of_files: dict[Path, Part] = {}
    for file, digest in digests.items():
        of_files[file] = context.part(deciding, {"rows": digest} | (sets if file in own else {}))
        parts.setdefault(of_files[file], file)
    store = context.part_store

    def make(missing: list[Part]) -> None:
        def made(number: int) -> int:
            part = missing[number]
            file = parts[part]
            index = EvaluationIndex.load(scratch) if file in own else EvaluationIndex({}, [])
            with store.making(part) as making:
                write_keys(file, config, index, making)
            return 1

        rows = sum(pq.read_metadata(parts[part]).num_rows for part in missing)
        done_by_tasks(context, "deduplicate: keys", len(missing), made, rows)

    found = dict(zip(parts, context.obtain(list(parts), make), strict=True))
    return RowKeys({file: found[part].path / "keys.parquet" for file, part in of_files.items()})


def write_keys(file: Path, config: Deduplicate, evaluation: EvaluationIndex, made: Making) -> None:
    """keys.parquet, of the rows of a file in its order."""
    target = made.folder / "keys.parquet"
    with pq.ParquetWriter(target, KEYS, compression="zstd", store_schema=False) as writer:
        for piece in slices_of_file(file):
            table = piece.read(READ)
            pieces = (table.slice(at, ROWS_AT_ONCE) for at in range(0, table.num_rows, ROWS_AT_ONCE))
            keys = pa.concat_tables([_keys(rows, config, evaluation) for rows in pieces])
            writer.write_table(keys, row_group_size=keys.num_rows)
            made.ledger.rows_in += keys.num_rows
    made.ledger.rows_out = made.ledger.rows_in


def _keys(table: pa.Table, config: Deduplicate, evaluation: EvaluationIndex) -> pa.Table:
    hashed = HashedWords.of(turns_of(table["messages"]))
    count = table.num_rows
    rows, hashes = marked_exchanges(hashed, config.overlap_words)
    ends = starts(np.bincount(rows, minlength=count))
    prompts, prompt_words = prompt_hashes(hashed)
    overlap: list[str | None] = [None] * count
    for row, evidence in evaluation.overlaps(hashed).items():
        overlap[row] = evidence
    row_ids: list[str] = table["row_id"].to_pylist()
    sources, conversations, users = (
        table[name].to_pylist() if name in table.column_names else [None] * count
        for name in ("source", "conversation_id", "user_id")
    )
    named = {"conversation": conversations, "user": users}
    bound = {
        what: [
            None if name is None else key_of(what, source, str(name))
            for source, name in zip(sources, names, strict=True)
        ]
        for what, names in named.items()
    }
    nothing = pa.nulls(count, pa.int32())
    repaired = table["repairs"].combine_chunks().value_lengths() if "repairs" in table.column_names else nothing
    columns = {
        "row_id": row_ids,
        "text": text_hashes(table),
        "key": np.array([xxhash.xxh3_64_intdigest(r.encode()) for r in row_ids], np.uint64),
        "chars": (table["chars"].combine_chunks() if "chars" in table.column_names else nothing).fill_null(0),
        "repaired": repaired.fill_null(0),
        "own": [key_of("row", row_id) for row_id in row_ids],
        **bound,
        "prompt_key": pa.array(prompts, mask=prompt_words == 0),
        "prompt_words": prompt_words,
        "exchanges": pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(hashes, pa.int64())),
        "overlap": overlap,
        "bands": bands_of_rows(hashed, config),
    }
    return pa.table({f.name: _column(columns[f.name], f.type) for f in KEYS}, schema=KEYS)


def _column(values: object, kind: pa.DataType) -> pa.Array:
    return values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)


def key_of(*names: str | None) -> int:
    """64 bits, signed, of what binds rows together."""
    digest = xxhash.xxh3_64_intdigest("\0".join(name or "" for name in names).encode("utf-8", "surrogatepass"))
    return digest - (1 << 64) if digest >> 63 else digest


def words_of(part: Range, ordinals: np.ndarray) -> HashedWords:
    """The words of some rows of a range, whose texts are read for it. ordinals: ascending, at least one."""
    pieces: list[pa.Table] = []
    first = part.first
    for piece in part.slices:
        here = ordinals[(ordinals >= first) & (ordinals < first + piece.rows)]
        if len(here):
            pieces.append(piece.read(["messages"]).take(pa.array(here - first)))
        first += piece.rows
    return HashedWords.of(turns_of(pa.concat_tables(pieces)["messages"]))


def files_of(ranges: Iterable[Range]) -> list[Path]:
    """The files that ranges are of, in their order."""
    return list(dict.fromkeys(piece.file for part in ranges for piece in part.slices))
