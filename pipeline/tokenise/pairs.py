"""From a preference pair to two conversations in tokens: one prompt, and the reply that is preferred or the other."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.contract.atomic_write import replacing
from pipeline.contract.chat_format import RefusedError
from pipeline.contract.turns import Chat, Turn, TurnEncoder, beside, governing
from pipeline.tokenise.documents import shorten, tokens
from pipeline.tokenise.left_out import RULE
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

LEFT_OUT = ("cut_alike", "refused")


Pair = tuple[Chat, Chat]
"""The chosen and the rejected side."""


def encode(encoder: TurnEncoder, rows: list[dict]) -> list[Pair | None]:
    """The pairs of rows of prompt, chosen and rejected, each as long as it is; None where the chat template refuses it.

    Of each side the last reply is learned.
    """
    prompts = [[{**message, "learned": False} for message in row["prompt"]] for row in rows]
    said = [
        [*prompt, {"role": "assistant", "content": row[side]}]
        for prompt, row in zip(prompts, rows, strict=True)
        for side in ("chosen", "rejected")
    ]
    chats = iter(encoder.encode(said))
    return [_both(chosen, rejected) for chosen, rejected in zip(chats, chats, strict=True)]


def fitted(encoder: TurnEncoder, pair: Pair, length: int) -> Pair | None:
    """The pair with neither side longer than `length`; None where the chat template has no room for one.

    What the longer side lacks is taken from the start of the prompt, for both, under the system text that governs the
    reply; what even then does not fit, from the end of a reply (see documents.shorten).
    """
    longer = max(pair, key=len)
    if len(longer) <= length:
        return pair
    room = length - len(longer.opening)
    while room > 0:
        prompt = _shortened(longer.turns, room)
        left = room - tokens(prompt)
        replies = (reply if len(reply) <= left else reply.first(left) for reply in (side.turns[-1] for side in pair))
        found = _both(*(encoder.arranged([*prompt, reply]) for reply in replies))
        if found is None or max(map(len, found)) <= length:
            return found
        room -= max(map(len, found)) - length
    return None


def _shortened(turns: list[Turn], room: int) -> list[Turn]:
    """The prompt of a conversation, shortened so that its reply fits."""
    *prompt, reply = turns
    system = governing(prompt)
    said = prompt[prompt.index(system[0]) + 1 :] if system else prompt
    opening = beside(system, tokens(said) + len(reply), room)
    *kept, _ = shorten([*said, reply], room - tokens(opening))
    return [*opening, *kept]


def _both(chosen: Chat | RefusedError, rejected: Chat | RefusedError) -> Pair | None:
    return (chosen, rejected) if isinstance(chosen, Chat) and isinstance(rejected, Chat) else None


def tokenise_pairs(job: Job, number: int) -> Counter[str]:
    """Writes the pairs of one file, of balance's pairs/, into the file of the same number in every split.

    A pair whose sides differ only in what does not fit is left out, and counted.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    encoder, counts = TurnEncoder(job.form), Counter[str]()
    for split in SPLITS:
        with (
            replacing(job.out / "pairs" / split / f"part-{number:05d}.parquet") as partial,
            pq.ParquetWriter(partial, SCHEMA, compression="zstd") as writer,
        ):
            for rows in _read_split(job.parts[number], split):
                pairs = _fitting(encoder, rows, job.sequence_length, split, counts)
                writer.write_table(pa.Table.from_pylist(list(pairs), SCHEMA))
    return counts


def _fitting(encoder: TurnEncoder, rows: list[dict], length: int, split: str, counts: Counter[str]) -> Iterator[dict]:
    """The rows as SCHEMA has them; counts as it goes."""
    for row, whole in zip(rows, encode(encoder, rows), strict=True):
        pair = whole and fitted(encoder, whole, length)
        if not (whole and pair):
            counts["pairs.refused"] += 1
            continue
        if pair[0].tokens == pair[1].tokens:
            counts["pairs.cut_alike"] += 1
            continue
        before, after = ([tokens(chat.turns[:-1]) for chat in of] for of in (whole, pair))
        counts["pairs.prompts_shortened"] += after != before
        counts["pairs.replies_shortened"] += sum(
            len(now.turns[-1]) < len(chat.turns[-1]) for now, chat in zip(pair, whole, strict=True)
        )
        columns: dict = {"row_id": row["row_id"]}
        for side, chat in zip(("chosen", "rejected"), pair, strict=True):
            columns |= {side: chat.tokens, f"{side}_learned": chat.mask}
            counts[f"pairs.{split}.tokens"] += len(chat)
            counts[f"pairs.{split}.learned_tokens"] += sum(chat.mask)
        counts[f"pairs.{split}.rows"] += 1
        yield columns


def pair_facts(counts: Counter[str]) -> dict:
    """The metrics `pairs`, by split, and `pairs_cut`: how many prompts and replies are shorter than they were, and how
    many pairs are left out, as what fits of their sides is the same, the chat template has no form for them, or a query
    leaves their row out."""
    names = ("rows", "tokens", "learned_tokens")
    splits = {split: {name: counts[f"pairs.{split}.{name}"] for name in names} for split in SPLITS}
    cut = {name: counts[f"pairs.{name}"] for name in ("prompts_shortened", "replies_shortened", *LEFT_OUT)}
    out_of_query = {RULE: lost} if (lost := counts[f"pairs.{RULE}"]) else {}
    return {"pairs": splits, "pairs_cut": cut | out_of_query}


def _read_split(part: Path, split: str) -> Iterator[list[dict]]:
    """The pairs of one split of one file, in batches."""
    columns = ["row_id", "prompt", "chosen", "rejected"]
    for batch in pq.ParquetFile(part).iter_batches(BATCH_ROWS, columns=[*columns, "split"]):
        chosen = batch.filter(pc.equal(batch["split"], split))
        if chosen.num_rows:
            yield chosen.select(columns).to_pylist()
