"""What deduplication leaves, by parts: a file of clean's, and what was decided of its rows."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.contract.artifact import Artifact, total
from pipeline.contract.execute import StageContext
from pipeline.contract.file_parts import link_files
from pipeline.contract.parts import Making, Part
from pipeline.deduplicate.duplicate_search import Decided
from pipeline.rows.parquet import write_table
from pipeline.spark.tasks import KEYS_SHARE, done_by_tasks

DROPPED = ["row_id", "source", "origin"]


def write_rows(context: StageContext, clean: Artifact, decided: list[Decided]) -> None:
    """Makes data/, dropped/, the ledger and the metric splits. What is decided is global; a file of whose rows nothing
    else was decided than before is not written again."""
    store, digests = context.part_store, clean.digests
    parts = {
        found.file: context.part({}, {"data": digests[f"data/{found.file.name}"], "decisions": found.digest})
        for found in decided
    }
    of_parts = dict(zip(parts.values(), decided, strict=True))

    def make(missing: list[Part]) -> None:
        def written(number: int) -> int:
            part = missing[number]
            with store.making(part) as made:
                write_file(of_parts[part].file, of_parts[part].decisions, made)
            return 1

        rows = sum(pq.read_metadata(of_parts[part].file).num_rows for part in missing)
        done_by_tasks(context, "deduplicate: writing", len(missing), written, rows * KEYS_SHARE)

    found = dict(zip((file.name for file in parts), context.obtain(list(parts.values()), make), strict=True))
    link_files(context, found, ("data", "dropped"))
    context.ledger = total(part.ledger for part in found.values())
    splits: Counter[str] = Counter()
    for part in found.values():
        splits.update(part.metrics["splits"])
    context.metrics["splits"] = dict(sorted(splits.items()))


def write_file(file: Path, decisions: Path, made: Making) -> None:
    """data.parquet with the columns split and cluster, and dropped.parquet with rule and evidence, of the rows of a
    file."""
    table = pq.ParquetFile(file).read()
    decided = pa.ipc.open_file(pa.memory_map(str(decisions))).read_all()
    stays = decided["rule"].is_null()
    kept = table.filter(stays)
    for name in ("split", "cluster"):
        kept = kept.append_column(name, decided[name].filter(stays))
    gone, why = table.select(DROPPED).filter(decided["rule"].is_valid()), decided.filter(decided["rule"].is_valid())
    for name in ("rule", "evidence"):
        gone = gone.append_column(name, why[name])
    write_table(kept, made.folder / "data.parquet")
    write_table(gone, made.folder / "dropped.parquet")
    made.ledger.rows_in, made.ledger.rows_out = table.num_rows, kept.num_rows
    made.ledger.dropped = dict(sorted(Counter(why["rule"].to_pylist()).items()))
    made.metrics["splits"] = dict(sorted(Counter(kept["split"].to_pylist()).items()))
