"""score: repairs and scores every conversation, in one pass. clean: drops, by the scores, what fails a rule."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from configs.clean import Rules, Text
from configs.errors import UserError
from pipeline.progress import say
from pipeline.rows import ARROW_MESSAGES, count_by, read_rows, write_rows
from pipeline.stage import StageContext
from pipeline.text.repair import Repair
from pipeline.text.rules import RULES, evidence, first_failure
from pipeline.text.scores import Scores, Turns, score_conversations

SCORES = (
    "language string, language_confidence double, offensive double, repetition double, chars int, reply_chars int, "
    "assistant_chars int, repairs array<string>, "
    "pii array<struct<turn:int,type:string,start:int,`end`:int,placeholder:string>>, text_hash string"
)
"""Spark schema of what `score` adds to a conversation."""

ARROW_PII = pa.list_(
    pa.struct(
        [
            ("turn", pa.int32()),
            ("type", pa.string()),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("placeholder", pa.string()),
        ]
    )
)
ARROW_SCORES = {
    "language": pa.string(),
    "language_confidence": pa.float64(),
    "offensive": pa.float64(),
    "repetition": pa.float64(),
    "chars": pa.int32(),
    "reply_chars": pa.int32(),
    "assistant_chars": pa.int32(),
    "repairs": pa.list_(pa.string()),
    "pii": ARROW_PII,
    "text_hash": pa.string(),
}
"""The same as Arrow types, in the same order: Spark takes columns by position."""

ROWS_PER_TASK, LEAST_TASKS, MOST_TASKS = 2_000, 4, 20_000
"""Small tasks: about a second each, so that progress shows and no core is left with a long last one."""

QUANTILES = (0.5, 0.9, 0.99, 0.999)


def score(context: StageContext) -> None:
    """acquire's conversations, repaired and masked, with the columns of SCORES. Drops nothing."""
    source = context.inputs["acquire"]
    rows = source.ledger.rows_out
    tasks = min(max(LEAST_TASKS, rows // ROWS_PER_TASK), MOST_TASKS)
    frame = read_rows(context.spark, source.parquet()).repartition(tasks, "row_id")
    scorer = batch_scorer(context.config("clean.text"), context.config("clean.pii").types)
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


def batch_scorer(text: Text, types: list[str]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function that Spark maps over Arrow batches."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        repair = Repair(text)
        for batch in batches:
            yield with_scores(batch, score_conversations(turns_of(batch), repair, types))

    return run


def turns_of(batch: pa.RecordBatch) -> list[Turns]:
    """The messages of each row; a null content is the empty text."""
    messages = batch.column("messages")
    flat = messages.flatten()
    roles = flat.field("role").to_pylist()
    contents = [content or "" for content in flat.field("content").to_pylist()]
    found, start = [], 0
    for length in messages.value_lengths().fill_null(0).to_pylist():
        found.append(list(zip(roles[start : start + length], contents[start : start + length], strict=True)))
        start += length
    return found


def with_scores(batch: pa.RecordBatch, scored: list[Scores]) -> pa.RecordBatch:
    """The batch with its messages' contents replaced and the score columns added."""
    messages = batch.column("messages")
    roles = messages.flatten().field("role")
    contents = pa.array([content for row in scored for content in row.contents], pa.string())
    offsets = [0]
    for row in scored:
        offsets.append(offsets[-1] + len(row.contents))
    turns = pa.StructArray.from_arrays([roles, contents], fields=list(ARROW_MESSAGES.value_type))
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns["messages"] = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), turns, type=ARROW_MESSAGES)
    for name, kind in ARROW_SCORES.items():
        values = [getattr(row, name) for row in scored]
        columns[name] = pa.array([[s._asdict() for s in spans] for spans in values] if name == "pii" else values, kind)
    return pa.RecordBatch.from_pydict(columns)


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
