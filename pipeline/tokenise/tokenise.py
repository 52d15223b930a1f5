"""tokenise: conversations become packed sequences of tokens, of which the assistant's are learned."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from configs.errors import UserError
from configs.tokenise import Tokenise
from pipeline.contract.chat_format import ChatFormat
from pipeline.contract.execute import StageContext
from pipeline.contract.formatting import percent
from pipeline.contract.progress import say
from pipeline.rows.parquet import rows_in
from pipeline.spark.frames import write_rows
from pipeline.spark.session import session_of, task_progress
from pipeline.tokenise.left_out import RULE, left_out, result_hash
from pipeline.tokenise.pairs import pair_facts, tokenise_pairs
from pipeline.tokenise.query import pairs_in, write_left_out
from pipeline.tokenise.tokenised_file import CHANGED, DROPPED_BY, SPLITS, Job, read_split, tokenise_file
from pipeline.tokenise.tokenizer import load_tokenizer, own_tokenizer, save_tokenizer, train_tokenizer


def tokenise(context: StageContext) -> None:
    """Leaves tokenizer/, packed/<split>/, dropped/ and, where there are preference pairs, pairs/<split>/.

    Raises UserError when no training conversation is left to learn from.
    """
    parts = sorted(context.inputs["balance"].parquet().glob("*.parquet"))
    settings: Tokenise = context.config("tokenise")
    query = context.scratch / "query" if settings.select.on else None
    if query:
        write_left_out(context, query)
    if settings.tokenizer == "train":
        tokenizer = train_tokenizer(_training_texts(context, parts, query), settings.vocabulary)
    elif settings.tokenizer == "pretrained":
        tokenizer = own_tokenizer(context.profile.model.pretrained or "")
    else:
        tokenizer = load_tokenizer(settings.tokenizer)
    tokenizer.model_max_length = settings.sequence_length
    save_tokenizer(tokenizer, context.out / "tokenizer")
    say(f"tokenise: vocabulary of {len(tokenizer):,} tokens")

    for folder in (*(f"packed/{split}" for split in SPLITS), "dropped"):
        (context.out / folder).mkdir(parents=True, exist_ok=True)
    job = Job(
        parts,
        context.out,
        ChatFormat.of(tokenizer),
        tokenizer.pad_token_id,
        settings.sequence_length,
        context.config("acquire.mixed_sources"),
        query,
    )
    counts = _run(context, len(parts), partial(tokenise_file, job))
    context.ledger.rows_in = counts["rows_in"]
    context.ledger.rows_out = counts["rows_out"]
    context.ledger.dropped.update(
        {
            name.removeprefix(DROPPED_BY): number
            for name, number in sorted(counts.items())
            if name.startswith(DROPPED_BY)
        }
    )
    context.metrics.update(facts(counts, settings.sequence_length), vocabulary=len(tokenizer))
    for what, number in context.metrics.get("changed_for_template", {}).items():
        say(f"tokenise: the chat template does not take {number:,} conversations as they are: {what.replace('_', ' ')}")
    for split, fact in context.metrics["splits"].items():
        say(
            f"tokenise: {split}: {fact['rows']:,} rows, {fact['sequences']:,} sequences, {fact['tokens']:,} tokens "
            f"({fact['learned_tokens']:,} learned), {percent(fact['waste'], digits=2)} padding"
        )
    if query:
        context.metrics["query"] = {"rows": counts["query.rows"], "hash": result_hash(counts["query.hash"])}
        say(f"tokenise: the query: {counts['query.rows']:,} training rows, result {context.metrics['query']['hash']}")
    if rows_in(context.inputs["balance"].parquet("pairs")):
        _tokenise_pairs(context, job)
    if not counts["train.learned_tokens"]:
        raise UserError(
            "tokenise: the training split has no assistant turn to learn from; loosen the rules or add data"
        )


def facts(counts: Counter[str], sequence_length: int) -> dict:
    """The metrics: by split, and over all."""
    names = ("rows", "documents", "sequences", "tokens", "learned_tokens", "learned_bytes")
    splits = {}
    for split in SPLITS:
        fact: dict[str, float] = {name: counts[f"{split}.{name}"] for name in names}
        room = counts[f"{split}.sequences"] * sequence_length
        fact["waste"] = round(1 - counts[f"{split}.tokens"] / room, 6) if room else 0.0
        splits[split] = fact
    changed = {name.removeprefix(CHANGED): number for name, number in counts.items() if name.startswith(CHANGED)}
    found = {"splits": splits, "tokens_left_out": counts["tokens_left_out"], "rows_shortened": counts["rows_shortened"]}
    return found | ({"changed_for_template": dict(sorted(changed.items()))} if changed else {})


def _training_texts(context: StageContext, parts: list[Path], query: Path | None) -> Iterator[str]:
    """Contents of the training split, up to tokenise.training_bytes, without what a query leaves out.

    Rows lie in their files by the hash of their ids, so the first ones are a random sample.
    """
    most = context.config("tokenise.training_bytes")
    available = sum(p.stat().st_size for p in parts)
    read = 0
    with context.progress(len(parts), "files", "tokenise: BPE") as progress:
        say(f"tokenise: fits byte-level BPE to at most {most:,} bytes of {available:,} bytes of Parquet")
        for part in parts:
            gone = left_out(query, part)
            for rows in read_split(part, "train"):
                for message in (m for row in rows if row["row_id"] not in gone for m in row["messages"] or []):
                    text = message["content"].strip()
                    read += len(text.encode())
                    if read > most:
                        return
                    yield text
            progress.advance()


def _tokenise_pairs(context: StageContext, job: Job) -> None:
    """Leaves pairs/<split>/."""
    for split in SPLITS:
        (context.out / "pairs" / split).mkdir(parents=True)
    balanced = context.inputs["balance"]
    folder, lost = balanced.parquet("pairs"), 0
    if job.left_out:
        before, folder = rows_in(folder), context.scratch / "pairs"
        lost = before - write_rows(pairs_in(context, balanced, job.left_out), folder, before, key="pair_id")
    parts = sorted(folder.glob("*.parquet"))
    counts = _run(context, len(parts), partial(tokenise_pairs, replace(job, parts=parts)))
    counts[f"pairs.{RULE}"] = lost
    context.metrics.update(pair_facts(counts))
    for split, fact in context.metrics["pairs"].items():
        say(f"tokenise: {split}: {fact['rows']:,} preference pairs, {fact['tokens']:,} tokens of both sides")
    cut = ", ".join(f"{n:,} {what.replace('_', ' ')}" for what, n in context.metrics["pairs_cut"].items() if n)
    if cut:
        say(f"tokenise: preference pairs: {cut}")


def _run(context: StageContext, files: int, work: Callable[[int], Counter[str]]) -> Counter[str]:
    """Does the work of each file on Spark, one task a file, and sums what they counted."""

    def tasks(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield pa.RecordBatch.from_pylist([{"counts": json.dumps(work(number))}])

    spark = session_of(context)
    frame = spark.range(0, files, 1, files).mapInArrow(tasks, "counts string")
    with task_progress(spark, "tokenise"):
        counted = frame.collect()
    for leftover in context.out.rglob(".part-*"):  # of attempts that Spark repeated
        leftover.unlink()
    total: Counter[str] = Counter()
    for row in counted:
        total.update(json.loads(row["counts"]))
    return total
