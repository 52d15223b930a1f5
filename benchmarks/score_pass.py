"""What scoring a row costs, by function, in microseconds of CPU time: one JSON line each.

    python benchmarks/score_pass.py [ROWS]

Two-turn rows from the real conversations at hand (benchmarks/corpus.py), in batches of 2,000 as in the
stage. `first` is a process's first pass, in which every word is new and is examined; all other lines are
of the passes after it, the best of three. `score_conversations` is the whole, `arrow` the
conversion of batches to and from Python.
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from itertools import chain, islice
from random import Random

import numpy as np
import pyarrow as pa

from benchmarks.arguments import argument
from benchmarks.corpus import exchanges, sources
from configs.clean import Pii, Text
from pipeline.clean.privacy.pii import mask_conversation
from pipeline.clean.repair.repair import Repair
from pipeline.clean.score_columns import with_scores
from pipeline.clean.scores.conversations import Preparation, Turns, dialogue, prepare, reply_shares, score_conversations
from pipeline.clean.scores.language import languages
from pipeline.clean.scores.offensive import offences
from pipeline.clean.scores.offensive_model import weights
from pipeline.clean.scores.repetition import repetition
from pipeline.clean.scores.words import Texts, known_words, texts_of
from pipeline.rows.schema import MESSAGES
from pipeline.rows.turns import turns_of

BATCH, PASSES, EACH_SOURCE = 2_000, 3, 4_000


def rows_of(count: int) -> list[Turns]:
    """Exchanges of all sources, up to EACH_SOURCE of one, in seeded order."""
    found = list(chain.from_iterable(islice(exchanges(source), EACH_SOURCE) for source in sources()))
    Random(20).shuffle(found)
    return [[("user", prompt), ("assistant", reply)] for prompt, reply in found[:count]]


def measured(name: str, rows: int, work: Callable[[], object], passes: int = PASSES) -> None:
    """Prints the CPU time of the fastest pass."""
    best = float("inf")
    for _ in range(passes):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    line = {"function": name, "rows": rows, "microseconds_per_row": round(best / rows * 1e6, 1)}
    print(json.dumps({**line, "rows_per_second": round(rows / best)}), flush=True)


def arrow_of(rows: list[Turns]) -> pa.RecordBatch:
    """A batch as the stage reads it."""
    names = pa.array([f"{number:032x}" for number in range(len(rows))])
    messages = pa.array([[{"role": r, "content": c} for r, c in turns] for turns in rows], MESSAGES)
    metadata = pa.array([[] for _ in rows], pa.map_(pa.string(), pa.string()))
    columns = {"row_id": names, "conversation_id": names, "user_id": pa.nulls(len(rows), pa.string())}
    return pa.RecordBatch.from_pydict({**columns, "messages": messages, "metadata": metadata})


def main() -> None:
    count = argument(__doc__, "rows", int, 20_000, "rows to score")
    assert count is not None
    if count < BATCH:
        sys.exit(f"error: ROWS: at least one batch of {BATCH:,}, found {count:,}")
    rows = rows_of(count)
    gc.set_threshold(100_000, 50, 1000)  # as in the stage
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    preparation, types = Preparation(Repair(Text()), Pii().types), Pii().types
    words, count = known_words(), len(rows)
    weights()
    chars = sum(len(content) for turns in rows for _, content in turns)
    print(json.dumps({"rows": count, "characters_per_row": round(chars / count)}))

    measured("first", count, lambda: [score_conversations(batch, preparation) for batch in batches], passes=1)
    measured("score_conversations", count, lambda: [score_conversations(batch, preparation) for batch in batches])
    prepared = [prepare(words, batch, preparation) for batch in batches]
    measured("prepare", count, lambda: [prepare(words, batch, preparation) for batch in batches])
    measured("  repair", count, lambda: [preparation.repair(c) for turns in rows for _, c in turns])
    contents = [content for batch in prepared for content in batch.contents]
    measured("  words", count, lambda: texts_of(words, contents))
    pairs = [contents[n : n + 2] for n in range(0, len(contents), 2)]
    measured("  personal data of every row", count, lambda: [mask_conversation(pair, types) for pair in pairs])
    ends = np.arange(0, 2 * BATCH + 1, 2)
    whole = [batch for batch in prepared if len(batch.contents) == 2 * BATCH]
    texts = [(batch, Texts(batch.numbers)) for batch in whole]
    some = BATCH * len(whole)
    replies = np.arange(2 * BATCH) % 2 == 1
    measured("language", some, lambda: [languages(words, b.numbers, b.contents, ends, replies) for b in whole])
    roles = ["user", "assistant"] * BATCH
    measured(
        "offensive", some, lambda: [offences(words, found, b.contents, roles, replies, ends) for b, found in texts]
    )
    measured("shares", some, lambda: [reply_shares(words, found, replies, ends) for _, found in texts])
    numbers = [known for batch in prepared for known in batch.numbers]
    known = list(zip(contents, numbers, strict=True))
    measured("repetition", count, lambda: [repetition(text, found) for text, found in known])
    measured("normalise", count, lambda: [words.normalised(text, found) for text, found in known])
    normal = [words.normalised(text, found) for text, found in known]
    roles = ["user", "assistant"]
    places = range(0, len(contents), 2)
    measured("dialogue", count, lambda: [dialogue(roles, contents[n : n + 2], normal[n : n + 2]) for n in places])
    read = [arrow_of(batch) for batch in batches]
    scored = [score_conversations(batch, preparation) for batch in batches]
    arrows = list(zip(read, scored, strict=True))
    measured(
        "arrow", count, lambda: [(turns_of(batch["messages"]), with_scores(batch, its, types)) for batch, its in arrows]
    )


if __name__ == "__main__":
    main()
