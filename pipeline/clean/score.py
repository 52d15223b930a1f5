"""score: repairs and scores every conversation, in one pass.

Tasks read and write files themselves, and Spark only says which task does what: a row that passes
through the JVM, its shuffle and its Parquet writer costs twice what scoring it does.
"""

import gc
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from configs.clean import Pii, Text, Translation
from pipeline.clean.privacy.recogniser import recogniser
from pipeline.clean.rejected_sides import mask_sides
from pipeline.clean.repair.repair import Repair
from pipeline.clean.score_columns import with_scores
from pipeline.clean.scores.conversations import Preparation, score_conversations
from pipeline.clean.scores.rare_words import KnownWords, word_hashes
from pipeline.clean.scores.translation import translator
from pipeline.contract.execute import StageContext
from pipeline.contract.file_parts import file_parts, link_files
from pipeline.contract.parts import Part, PartStore
from pipeline.contract.progress import say
from pipeline.rows.learned import context_turns
from pipeline.rows.parquet import write_batches, write_table
from pipeline.rows.ranges import Slice, slices_of
from pipeline.rows.turns import turns_of
from pipeline.spark.session import session_of, task_progress
from pipeline.spark.tasks import done_by_tasks, numbers, one_task_each

ROWS_PER_TASK, ROWS_PER_MODEL_TASK = 10_000, 500
"""About a second each, so that progress shows and no core is left with a long last one. With a model that reads
every turn a row costs a hundred times as much."""

ROWS_PER_BATCH = 2_000

COUNTED = pa.schema([("word", pa.int64()), ("rows", pa.int64())])

FACTS = pa.schema([("kind", pa.string()), ("name", pa.string()), ("count", pa.int64())])

QUANTILES = (0.5, 0.9, 0.99, 0.999)

Batches = Iterator[pa.RecordBatch]


def score(context: StageContext) -> None:
    """acquire's conversations, repaired and masked, with the columns of ARROW_SCORES. Drops nothing.

    rejected/ the worse sides of preferences, repaired and masked alike, when acquire has some. Each file becomes a
    part. Where rare words are replaced, their list is of the whole corpus, and another one makes all parts anew.
    """
    source = context.inputs["acquire"]
    text, pii, translation = (context.config(f"clean.{name}") for name in ("text", "pii", "translation"))
    models = recogniser(pii), translator(translation)  # refuses a model that is absent before any work starts
    slices = list(slices_of(source.parquet(), ROWS_PER_MODEL_TASK if any(models) else ROWS_PER_TASK))
    words = None if text.rare_words == "keep" else frequent_words(session_of(context), slices, text.rare_below)
    known = {} if words is None else {"words": sha256(words.tobytes()).hexdigest()}
    parts = file_parts(context, source, ("data", "rejected"), known)
    names = {part: name for name, part in parts.items()}
    work = Scoring(
        context.part_store,
        source.path,
        context.out / "scratch",
        batch_scorer(text, pii, translation, words, context.config("clean.rules.max_chars")),
        partial(preparation_of, text, pii, translation),  # no rule drops a long side: all are searched
    )

    def make(missing: list[Part]) -> None:
        files = [names[part] for part in missing]
        pieces = {name: [part for part in slices if part.file.name == name] for name in files}
        _score(context, work, {name: parts[name] for name in files}, pieces)

    found = dict(zip(parts, context.obtain(list(parts.values()), make), strict=True))
    link_files(context, found, ("data", "rejected"))
    context.ledger.rows_in = context.ledger.rows_out = sum(part.ledger.rows_out for part in found.values())
    counted: Counter[tuple[str, str]] = Counter()
    for part in found.values():
        counted.update({(kind, name): count for kind, name, count in part.metrics["facts"]})
    context.metrics.update(measures([(kind, name, count) for (kind, name), count in counted.items()]))
    if sides := sum(part.metrics["rejected_sides"] for part in found.values()):
        context.metrics["rejected_sides"] = sides


@dataclass(frozen=True)
class Scoring:
    """What a task is told: where parts go, the artifact that is read, a folder for pieces of files, what is done."""

    store: PartStore
    source: Path
    scratch: Path
    scorer: Callable[[Iterable[pa.RecordBatch]], Batches]
    preparation: Callable[[], Preparation]

    def piece(self, part: Slice) -> Path:
        """What becomes of a slice of a file."""
        return self.scratch / f"{part.file.stem}-{part.group:05d}-{part.piece:05d}.arrow"

    def join(self, name: str, part: Part, slices: list[Slice]) -> None:
        """Makes the part of a file, of the pieces that its slices became."""
        schema = next(self.scorer([pa.RecordBatch.from_pylist([], _schema(self.source / "data" / name))])).schema
        pieces = [pa.ipc.open_file(pa.memory_map(str(self.piece(each)))).read_all() for each in slices]
        table = pa.concat_tables([schema.empty_table(), *pieces]).combine_chunks()
        with self.store.making(part) as made:
            write_table(table, made.folder / "data.parquet")
            made.ledger.rows_in = made.ledger.rows_out = table.num_rows
            made.metrics = {"facts": [list(row.values()) for row in facts(table).to_pylist()], "rejected_sides": 0}
            worse = self.source / "rejected" / name
            if worse.is_file():
                sides = mask_sides(
                    worse, self.source / "data" / name, made.folder / "rejected.parquet", self.preparation()
                )
                made.metrics["rejected_sides"] = sides


def _score(context: StageContext, work: Scoring, parts: dict[str, Part], slices: dict[str, list[Slice]]) -> None:
    """Makes parts of files, by name. Slices of a file are scored by several tasks; whichever ends last joins them.

    Where two end at once, or a file system shows one the other's piece late, both or neither may find all pieces: the
    first does no harm, and what nobody has joined is joined in the end.
    """
    work.scratch.mkdir(exist_ok=True)
    every = [part for several in slices.values() for part in several]

    def scored(number: int) -> int:
        part = every[number]
        name, table = part.file.name, pa.Table.from_batches(work.scorer(part.read().to_batches(ROWS_PER_BATCH)))
        write_batches(table.to_batches(), table.schema, work.piece(part))
        if all(work.piece(other).is_file() for other in slices[name]):
            work.join(name, parts[name], slices[name])
        return table.num_rows

    weight = sum(part.rows * ROWS_PER_TASK / part.most for part in every)
    done_by_tasks(context, "score", len(every), scored, weight)
    left = [name for name, part in parts.items() if not work.store.has(part)]

    def joined(number: int) -> int:
        work.join(left[number], parts[left[number]], slices[left[number]])
        return 1

    if left:
        done_by_tasks(context, "score: joining", len(left), joined, weight)
    shutil.rmtree(work.scratch)


def batch_scorer(
    text: Text,
    pii: Pii,
    translation: Translation,
    hashes: npt.NDArray[np.int64] | None = None,
    searched_chars: int | None = None,
) -> Callable[[Iterable[pa.RecordBatch]], Batches]:
    """The function that tasks map over their batches. hashes: of the words that are not rare, when that matters.
    searched_chars: conversations longer than that are not searched for personal data.
    """

    def run(batches: Iterable[pa.RecordBatch]) -> Batches:
        gc.set_threshold(100_000, 50, 1000)  # millions of small tuples, none in a cycle: a tenth of the time
        preparation = preparation_of(text, pii, translation, hashes, searched_chars)
        for batch in batches:
            scored = score_conversations(turns_of(batch["messages"]), preparation, context_turns(batch["metadata"]))
            yield with_scores(batch, scored, pii.types)

    return run


def preparation_of(
    text: Text,
    pii: Pii,
    translation: Translation,
    hashes: npt.NDArray[np.int64] | None = None,
    searched_chars: int | None = None,
) -> Preparation:
    """What a task does to texts before they are scored; made where it runs, as models are not sent."""
    return Preparation(
        Repair(text),
        pii.types,
        recogniser(pii),
        translator(translation),
        translation,
        None if hashes is None else KnownWords(hashes, placeholder=text.rare_words == "placeholder"),
        searched_chars,
    )


def frequent_words(spark: SparkSession, slices: list[Slice], least: int) -> npt.NDArray[np.int64]:
    """Sorted hashes of the words that are in at least so many conversations, as acquired."""

    def hashes(batches: Batches) -> Batches:
        for part in map(slices.__getitem__, numbers(batches)):
            conversations = turns_of(part.read(["messages"])["messages"])
            counted = Counter(h for turns in conversations for h in word_hashes(content for _, content in turns))
            yield pa.RecordBatch.from_pydict({"word": list(counted), "rows": list(counted.values())}, COUNTED)

    with task_progress(spark, "score: counting words"):
        counts = one_task_each(spark, len(slices)).mapInArrow(hashes, "word long, rows long")
        enough = counts.groupBy("word").agg(F.sum("rows").alias("rows")).where(F.col("rows") >= least).select("word")
        found = enough.toArrow()["word"].to_numpy()
    say(f"score: {len(found):,} words are in at least {least:,} conversations")
    return np.sort(found)


def _schema(file: Path) -> pa.Schema:
    return pq.read_schema(file).remove_metadata()


def facts(table: pa.Table) -> pa.RecordBatch:
    """FACTS of some scored rows: repairs and personal data by name, languages, hundredths of offensiveness."""
    values = {
        "repairs": pc.list_flatten(table["repairs"]),
        "pii": pc.struct_field(pc.list_flatten(table["pii"]), "type"),
        "languages": table["language"],
        "offensive": pc.floor(pc.multiply(table["offensive"], 100)).cast(pa.int32()).cast(pa.string()),
    }
    found = [
        (kind, entry["values"], entry["counts"])
        for kind, column in values.items()
        for entry in column.value_counts().to_pylist()
    ]
    columns = zip(*found, strict=True) if found else ([], [], [])
    return pa.RecordBatch.from_arrays([pa.array(c, f.type) for c, f in zip(columns, FACTS, strict=True)], schema=FACTS)


def measures(counted: list[tuple[str, str, int]]) -> dict[str, object]:
    """{repairs, pii, languages: {name: count}, offensive: {quantile: score to 0.01}}, from FACTS."""
    found: dict[str, dict[str, int]] = {"repairs": {}, "pii": {}, "languages": {}, "offensive": {}}
    for kind, name, count in sorted(counted):
        found[kind][name] = count
    for kind in ("repairs", "pii", "languages"):
        found[kind] = dict(sorted(found[kind].items(), key=lambda item: (-item[1], item[0])))
        most = ", ".join(f"{name} {count:,}" for name, count in list(found[kind].items())[:8])
        say(f"score: {kind}: {most or 'none'}")
    return {**found, "offensive": quantiles({int(k): v for k, v in found["offensive"].items()})}


def quantiles(hundredths: dict[int, int]) -> dict[str, float]:
    """Quantiles of a score, exact to 0.01, from hundredths to number of rows."""
    total, found = sum(hundredths.values()), {}
    for share in QUANTILES:
        seen = 0
        for value, count in sorted(hundredths.items()):
            seen += count
            if seen >= share * total:
                found[f"p{100 * share:g}"] = value / 100
                break
    return found
