"""score: repairs and scores every conversation, in one pass. clean: drops, by the scores, what fails a rule."""

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from configs.clean import Pii, Rules, Text, Translation
from configs.errors import UserError
from pipeline.progress import say
from pipeline.rows import count_by, read_rows, write_rows
from pipeline.score_columns import SCORES, with_scores
from pipeline.session import task_progress
from pipeline.stage import StageContext
from pipeline.text.rare_words import KnownWords, word_hashes
from pipeline.text.recogniser import recogniser
from pipeline.text.repair import Repair
from pipeline.text.rules import RULES, evidence, first_failure
from pipeline.text.scores import Preparation, score_conversations
from pipeline.text.translation import translator
from pipeline.turns import turns_of

ROWS_PER_TASK, LEAST_TASKS, MOST_TASKS = 2_000, 4, 20_000
"""Small tasks: about a second each, so that progress shows and no core is left with a long last one."""

COUNTED = pa.schema([("word", pa.int64()), ("rows", pa.int64())])
QUANTILES = (0.5, 0.9, 0.99, 0.999)


def score(context: StageContext) -> None:
    """acquire's conversations, repaired and masked, with the columns of SCORES. Drops nothing."""
    source = context.inputs["acquire"]
    rows = source.ledger.rows_out
    tasks = min(max(LEAST_TASKS, rows // ROWS_PER_TASK), MOST_TASKS)
    frame = read_rows(context.spark, source.parquet()).repartition(tasks, "row_id")
    text, pii, translation = (context.config(f"clean.{name}") for name in ("text", "pii", "translation"))
    recogniser(pii), translator(translation)  # refuses a model that is absent before any work starts
    hashes = None if text.rare_words == "keep" else frequent_words(frame, text.rare_below)
    scorer = batch_scorer(text, pii, translation, hashes)
    columns = ", ".join(f"`{field.name}` {field.dataType.simpleString()}" for field in frame.schema)
    scored = frame.mapInArrow(scorer, f"{columns}, {SCORES}")  # type: ignore[arg-type]
    data = context.out / "data"
    context.ledger.rows_in = rows
    context.ledger.rows_out = write_rows(scored, data, rows)
    context.metrics.update(measure(context.spark, data))


def clean(context: StageContext) -> None:
    """score's rows that pass every rule; the others go to dropped/ with the score and its threshold.

    Raises UserError when nothing is left.
    """
    source = context.inputs["score"]
    rules: Rules = context.config("clean.rules")
    rows = source.ledger.rows_out
    judged = read_rows(context.spark, source.parquet()).withColumn("rule", F.expr(first_failure(rules)))
    dropped = judged.where("rule IS NOT NULL").withColumn("evidence", F.expr(evidence(rules)))
    write_rows(dropped.select("row_id", "source", "origin", "rule", "evidence"), context.out / "dropped", rows)
    context.ledger.rows_in = rows
    context.ledger.dropped = count_by(context.out / "dropped", "rule")
    left = rows - sum(context.ledger.dropped.values())
    if left == 0:
        raise UserError(nothing_left(rows, context.ledger.dropped))
    context.ledger.rows_out = write_rows(judged.where("rule IS NULL").drop("rule"), context.out / "data", rows)
    context.metrics["kept_share"] = round(left / rows, 4)
    context.metrics["dropped"] = context.ledger.dropped


def batch_scorer(
    text: Text, pii: Pii, translation: Translation, hashes: npt.NDArray[np.int64] | None = None
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function that Spark maps over Arrow batches. hashes: of the words that are not rare, when that matters."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        gc.set_threshold(100_000, 50, 1000)  # millions of small tuples, none in a cycle: a tenth of the time
        preparation = Preparation(
            Repair(text),
            pii.types,
            recogniser(pii),
            translator(translation),
            translation,
            None if hashes is None else KnownWords(hashes, placeholder=text.rare_words == "placeholder"),
        )
        for batch in batches:
            yield with_scores(batch, score_conversations(turns_of(batch["messages"]), preparation), pii.types)

    return run


def frequent_words(frame: DataFrame, least: int) -> npt.NDArray[np.int64]:
    """Sorted hashes of the words that are in at least so many conversations, as acquired."""

    def hashes(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            counted = Counter(
                h for turns in turns_of(batch["messages"]) for h in word_hashes(content for _, content in turns)
            )
            yield pa.RecordBatch.from_pydict({"word": list(counted), "rows": list(counted.values())}, COUNTED)

    with task_progress(frame.sparkSession, "score: counting words"):
        counts = frame.select("messages").mapInArrow(hashes, "word long, rows long")  # type: ignore[arg-type]
        enough = counts.groupBy("word").agg(F.sum("rows").alias("rows")).where(F.col("rows") >= least).select("word")
        found = enough.toArrow()["word"].to_numpy()
    say(f"score: {len(found):,} words are in at least {least:,} conversations")
    return np.sort(found)


def measure(spark: SparkSession, data: Path) -> dict[str, object]:
    """{repairs, pii, languages: {name: count}, offensive: {quantile: score to 0.01}}, in one pass over `data`."""
    frame: DataFrame = read_rows(spark, data)
    facts = F.concat(
        F.transform("repairs", lambda name: F.concat(F.lit("repairs:"), name)),
        F.transform("pii", lambda span: F.concat(F.lit("pii:"), span["type"])),
        F.array(
            F.concat(F.lit("languages:"), "language"),
            F.concat(F.lit("offensive:"), F.floor(F.col("offensive") * 100).cast("string")),
        ),
    )
    counted = frame.select(F.explode(facts).alias("fact")).groupBy("fact").count().collect()
    found: dict[str, dict[str, int]] = {"repairs": {}, "pii": {}, "languages": {}, "offensive": {}}
    for fact, count in sorted(tuple(row) for row in counted):
        kind, _, name = fact.partition(":")
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


def nothing_left(rows: int, dropped: dict[str, int]) -> str:
    """What to tell the user when every row failed a rule."""
    if not rows:
        return "clean: there are no rows to clean; check acquire.sources"
    keys = {rule.name: rule.key for rule in RULES}
    counts = ", ".join(f"{rule} {count:,}" for rule, count in sorted(dropped.items(), key=lambda item: -item[1]))
    worst = max(dropped, key=lambda rule: dropped[rule])
    remedy = f"relax clean.rules.{keys[worst]}" if keys[worst] else "the sources hold no assistant text, check them"
    return f"clean: all {rows:,} rows were dropped ({counts}); {remedy}"
