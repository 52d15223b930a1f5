"""What deduplication needs to know of every row, computed once and kept beside the work: words, order, exchanges."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import xxhash

from pipeline.contract.atomic_write import replacing
from pipeline.deduplicate.contamination import EvaluationIndex
from pipeline.deduplicate.exact_duplicates import TEXTS, text_hashes
from pipeline.deduplicate.exchanges import marked_exchanges, prompt_hashes
from pipeline.deduplicate.hashed_words import HashedWords, starts
from pipeline.rows.ranges import RANKS, Range
from pipeline.rows.turns import turns_of

READ = ["row_id", "source", "conversation_id", "user_id", "messages", "chars", "repairs", "text_hash"]
ROWS_AT_ONCE = 4_000


def write_features(part: Range, scratch: Path, least_words: int, evaluation: EvaluationIndex) -> pa.Table:
    """Writes the features of a range, and returns what is needed to find exact duplicates (TEXTS).

    Features: row_id, source, conversation_id, user_id, the columns of HashedWords, `key` uint64 (a hash of
    the row_id, which orders rows without looking at where they lie), rank, chars, repaired, exchanges
    list<int64>, prompt_key int64 and prompt_words int32 (see prompt_hashes), and overlap (evidence, JSON, of
    what the row has in common with an evaluation set).
    """
    table = part.read(READ)
    pieces = [
        _features(table.slice(at, ROWS_AT_ONCE), part, least_words, evaluation)
        for at in range(0, table.num_rows, ROWS_AT_ONCE)
    ]
    features = pa.concat_tables(pieces)
    with replacing(_file(scratch, part.number)) as partial, pa.ipc.new_file(partial, features.schema) as writer:
        writer.write_table(features)
    ordinals = pa.array(np.arange(part.first, part.first + part.rows))
    columns = [text_hashes(table), *(features[name] for name in ("rank", "chars", "repaired", "row_id")), ordinals]
    return pa.table(columns, schema=TEXTS)


def read_features(scratch: Path, number: int) -> pa.Table:
    """The features of a range, mapped into memory."""
    return pa.ipc.open_file(pa.memory_map(str(_file(scratch, number)))).read_all()


def _file(scratch: Path, number: int) -> Path:
    return scratch / f"{number:06d}.arrow"


def _features(table: pa.Table, part: Range, least_words: int, evaluation: EvaluationIndex) -> pa.Table:
    hashed = HashedWords.of(turns_of(table["messages"]))
    count = table.num_rows
    new = part.corpus.kind == "new"
    rows, hashes = marked_exchanges(hashed, least_words)
    ends = starts(np.bincount(rows, minlength=count))
    exchanges = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(hashes, pa.int64()))
    prompts, prompt_words = prompt_hashes(hashed)
    overlap: list[str | None] = [None] * count
    for row, evidence in (evaluation.overlaps(hashed) if new else {}).items():
        overlap[row] = evidence
    row_ids = table["row_id"].to_pylist()
    keys = np.array([xxhash.xxh3_64_intdigest(r.encode()) for r in row_ids], np.uint64)
    zeros = pa.array(np.zeros(count, np.int32))
    chars = table["chars"].combine_chunks().fill_null(0) if "chars" in table.column_names else zeros
    repaired = zeros
    if "repairs" in table.column_names:
        repaired = table["repairs"].combine_chunks().value_lengths().fill_null(0)
    named = {
        name: table[name] if name in table.column_names else pa.nulls(count, pa.string())
        for name in ("row_id", "source", "conversation_id", "user_id")
    }
    return pa.table(
        {
            **named,
            **hashed.to_arrow(),
            "key": keys,
            "rank": pa.array(np.full(count, RANKS[part.corpus.kind], np.int8)),
            "chars": chars.cast(pa.int32()),
            "repaired": repaired.cast(pa.int32()),
            "exchanges": exchanges,
            "prompt_key": pa.array(prompts, mask=prompt_words == 0),
            "prompt_words": prompt_words.astype(np.int32),
            "overlap": pa.array(overlap, pa.string()),
        }
    )
