"""From a preference pair to two conversations in tokens: one prompt, and the reply that is preferred or the other."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.contract.atomic_write import replacing
from pipeline.contract.turns import Turn, TurnEncoder, beside, governing
from pipeline.tokenise.documents import shorten, tokens
from pipeline.tokenise.tokenised_file import BATCH_ROWS, SPLITS, Job

SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("chosen", pa.list_(pa.int32())),
        ("chosen_learned", pa.list_(pa.bool_())),
        ("rejected", pa.list_(pa.int32())),
        ("rejected_learned", pa.list_(pa.bool_())),
    ]
)
"""Each side is a whole conversation, which begins with the same tokens; of it the last reply is learned."""


@dataclass(frozen=True)
class Pair:
    """The turns that both sides share, and the reply of each, in at most so many tokens."""

    prompt: list[Turn]
    chosen: Turn
    rejected: Turn


def fitted(pair: Pair, room: int) -> Pair:
    """The pair with neither side longer than `room`.

    What the longer side lacks is taken from the start of the prompt, for both, under the system text that governs the
    reply; what even then does not fit, from the end of a reply (see documents.shorten).
    """
    longer = max(pair.chosen, pair.rejected, key=len)
    if tokens(pair.prompt) + len(longer) <= room:
        return pair
    system = governing(pair.prompt)
    said = pair.prompt[pair.prompt.index(system[0]) + 1 :] if system else pair.prompt
    opening = beside(system, tokens(said) + len(longer), room)
    *kept, _ = shorten([*said, longer], room - tokens(opening))
    prompt = [*opening, *kept]
    left = room - tokens(prompt)
    return Pair(prompt, *(r if len(r) <= left else r.first(left) for r in (pair.chosen, pair.rejected)))


def encode(encoder: TurnEncoder, rows: list[dict]) -> Iterator[Pair]:
    """The pairs of rows of prompt, chosen and rejected, each as long as it is."""
    said = [
        [*row["prompt"], *({"role": "assistant", "content": row[s]} for s in ("chosen", "rejected"))] for row in rows
    ]
    turns = iter(encoder.encode([message for messages in said for message in messages]))
    for messages in said:
        *prompt, chosen, rejected = islice(turns, len(messages))
        yield Pair(prompt, chosen, rejected)


def tokenise_pairs(job: Job, number: int) -> Counter[str]:
    """Writes the pairs of one file, of balance's pairs/, into the file of the same number in every split.

    A pair whose sides differ only in what does not fit is left out, and counted.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    encoder, counts = TurnEncoder(job.tokenizer, job.begin), Counter[str]()
    for split in SPLITS:
        with (
            replacing(job.out / "pairs" / split / f"part-{number:05d}.parquet") as partial,
            pq.ParquetWriter(partial, SCHEMA, compression="zstd") as writer,
        ):
            for rows in _read_split(job.parts[number], split):
                pairs = _fitting(encoder, rows, job.sequence_length - 1, split, counts)
                writer.write_table(pa.Table.from_pylist(list(pairs), SCHEMA))
    return counts


def _fitting(encoder: TurnEncoder, rows: list[dict], room: int, split: str, counts: Counter[str]) -> Iterator[dict]:
    """The rows as SCHEMA has them; counts as it goes."""
    for row, whole in zip(rows, encode(encoder, rows), strict=True):
        pair = fitted(whole, room)
        if pair.chosen.tokens == pair.rejected.tokens:
            counts["pairs.cut_alike"] += 1
            continue
        replies = [(pair.chosen, whole.chosen), (pair.rejected, whole.rejected)]
        counts["pairs.prompts_shortened"] += tokens(pair.prompt) < tokens(whole.prompt)
        counts["pairs.replies_shortened"] += sum(len(reply) < len(before) for reply, before in replies)
        columns: dict = {"row_id": row["row_id"]}
        for side, (reply, _) in zip(("chosen", "rejected"), replies, strict=True):
            context = [encoder.begin, *(token for turn in pair.prompt for token in turn.tokens), *reply.header]
            said = reply.content + reply.end
            columns[side] = context + said
            columns[f"{side}_learned"] = [False] * len(context) + [True] * len(said)
            counts[f"pairs.{split}.tokens"] += len(context) + len(said)
            counts[f"pairs.{split}.learned_tokens"] += len(said)
        counts[f"pairs.{split}.rows"] += 1
        yield columns


def pair_facts(counts: Counter[str]) -> dict:
    """The metrics `pairs`, by split, and `pairs_cut`: how many prompts and replies are shorter than they were, and the
    pairs that are left out, as what is left of their sides is the same."""
    names = ("rows", "tokens", "learned_tokens")
    splits = {split: {name: counts[f"pairs.{split}.{name}"] for name in names} for split in SPLITS}
    cut = {name: counts[f"pairs.{name}"] for name in ("prompts_shortened", "replies_shortened", "cut_alike")}
    return {"pairs": splits, "pairs_cut": cut}


def _read_split(part: Path, split: str) -> Iterator[list[dict]]:
    """The pairs of one split of one file, in batches."""
    columns = ["row_id", "prompt", "chosen", "rejected"]
    for batch in pq.ParquetFile(part).iter_batches(BATCH_ROWS, columns=[*columns, "split"]):
        chosen = batch.filter(pc.equal(batch["split"], split))
        if chosen.num_rows:
            yield chosen.select(columns).to_pylist()
