"""What one Spark task of the stage tokenise does: one file of conversations to packed sequences."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.contract.atomic_write import replacing
from pipeline.contract.chat_format import ChatFormat
from pipeline.rows.learned import not_learned
from pipeline.rows.schema import DROPPED
from pipeline.tokenise.documents import ConversationEncoder, Document
from pipeline.tokenise.left_out import RULE, left_out, of_row
from pipeline.tokenise.packing import pack, write_packed

SPLITS = ("train", "validation", "test")
BATCH_ROWS = 1000
CHANGED = "changed: "
"""Before what was done to make the chat template take a conversation, in the name of a count."""

DROPPED_BY = "dropped: "
"""Before the rule, in the name of a count."""


@dataclass(frozen=True)
class Job:
    """What a Spark task needs to know, besides the number of its file."""

    parts: list[Path]
    out: Path
    form: ChatFormat
    pad: int
    sequence_length: int
    apart: list[str] = field(default_factory=list)
    """Sources of which no two share a sequence; none to pack all together."""
    left_out: Path | None = None
    """What a query leaves out (pipeline.tokenise.query); None without a query."""


def tokenise_file(job: Job, number: int) -> Counter[str]:
    """Tokenises and packs one input file into the file of the same number in every split.

    The unit of work and of determinism: what it writes depends on nothing but the file and the
    job. Holds one window of documents a split (pipeline.tokenise.packing) and one batch of rows.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    counts: Counter[str] = Counter()
    dropped: list[dict] = []
    out_of_query = left_out(job.left_out, job.parts[number])
    name = f"part-{number:05d}.parquet"
    apart: list[str | None] = [*job.apart] if job.apart else [None]
    for split in SPLITS:
        sources: dict[str, str] = {}
        sequences = (
            sequence
            for source in apart
            for sequence in pack(
                _documents(job, number, split, source, counts, dropped, sources, out_of_query), job.sequence_length
            )
        )
        known = sources if job.apart else None
        with replacing(job.out / "packed" / split / name) as partial:
            counts[f"{split}.sequences"] = write_packed(sequences, partial, job.sequence_length, job.pad, known)
    counts.update(f"{DROPPED_BY}{row['rule']}" for row in dropped)
    dropped.sort(key=lambda row: row["row_id"])
    with replacing(job.out / "dropped" / name) as partial:
        pq.write_table(pa.Table.from_pylist(dropped, DROPPED), partial, compression="zstd")
    return counts


def _documents(
    job: Job,
    number: int,
    split: str,
    source: str | None,
    counts: Counter[str],
    dropped: list[dict],
    sources: dict[str, str],
    out_of_query: dict[str, str],
) -> Iterator[Document]:
    """The documents of one split of one file (of one source or all), in the order of its rows.

    Counts, collects dropped rows, and notes the source of each row as it goes. out_of_query: row_id to evidence.
    """
    encoder = ConversationEncoder(job.form, job.sequence_length)
    for rows in read_split(job.parts[number], split, source):
        counts["rows_in"] += len(rows)
        dropped += [_dropped(row, RULE, out_of_query[row["row_id"]]) for row in rows if row["row_id"] in out_of_query]
        rows = [row for row in rows if row["row_id"] not in out_of_query]
        if job.left_out and split == "train":
            counts["query.rows"] += len(rows)
            counts["query.hash"] += sum(of_row(row["row_id"]) for row in rows)
        encoded = encoder.encode([(row["row_id"], _marked(row)) for row in rows])
        for row, (documents, lost) in zip(rows, encoded, strict=True):
            counts["tokens_left_out"] += lost
            counts["rows_shortened"] += bool(lost and documents)
            if not documents:
                why = encoder.refused.get(row["row_id"])
                rule = "template_refuses" if why else "no_reply"
                evidence = {"turns": len(row["messages"] or []), "split": split} | ({"why": why} if why else {})
                dropped.append(_dropped(row, rule, json.dumps(evidence)))
                continue
            sources[row["row_id"]] = row["source"]
            counts["rows_out"] += 1
            counts[f"{split}.rows"] += 1
            counts[f"{split}.documents"] += len(documents)
            for document in documents:
                counts[f"{split}.tokens"] += len(document)
                counts[f"{split}.learned_tokens"] += int(document.learned.sum())
                counts[f"{split}.learned_bytes"] += document.learned_bytes
                yield document
    counts.update({f"{CHANGED}{what}": number for what, number in encoder.changed.items()})


def _dropped(row: dict, rule: str, evidence: str) -> dict:
    return {name: row[name] for name in ("row_id", "source", "origin")} | {"rule": rule, "evidence": evidence}


def _marked(row: dict) -> list[dict]:
    """The messages of a row; those that are context only say learned: False."""
    messages = row["messages"] or []
    for turn in not_learned(row["metadata"]):
        messages[turn]["learned"] = False
    return messages


def read_split(part: Path, split: str, source: str | None = None) -> Iterator[list[dict]]:
    """The rows of one split of one file, in batches; of one source or of all."""
    columns = ["row_id", "source", "origin", "messages", "metadata"]
    for batch in pq.ParquetFile(part).iter_batches(BATCH_ROWS, columns=[*columns, "split"]):
        chosen = batch.filter(pc.equal(batch["split"], split))
        if source is not None:
            chosen = chosen.filter(pc.equal(chosen["source"], source))
        if chosen.num_rows:
            yield chosen.select(columns).to_pylist()
