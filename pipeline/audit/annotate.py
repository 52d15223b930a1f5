"""annotate: what each conversation is about, whom it mentions, and how it sounds; scored once."""

from pathlib import Path
from typing import TYPE_CHECKING

from configs.audit import Audit
from pipeline.audit.annotation import TEXT_COLUMNS, TEXT_SCHEMA, TOPIC_SCHEMA, of_texts, of_vectors
from pipeline.contract.execute import StageContext
from pipeline.people.lists import of_profile
from pipeline.spark.session import session_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEYS = {"data": "row_id"}
"""Folder of the artifact to its unique column."""


def annotate(context: StageContext) -> None:
    """Leaves data/ (see docs/artifacts.md) and `language`, which deduplicate's row has.

    Topics are read shard by shard, since a shard of embed holds whole conversations: only names and
    numbers pass through a shuffle, never vectors or texts.
    """
    from pipeline.embed.encoder import Encoder
    from pipeline.spark.frames import read_rows

    settings: Audit = context.config("audit")
    names, least = sorted(settings.topics), settings.min_similarity
    encoder = Encoder(context.config("embed.model"), context.config("embedding.device"))
    topics_TD = encoder.encode_texts([settings.topics[name] for name in names])
    spark = session_of(context)
    source = context.inputs["deduplicate"]
    shards = sorted(str(p) for p in context.inputs["embed"].parquet().glob("*.parquet"))
    paths = spark.createDataFrame([(p,) for p in shards], "path string").repartition(min(len(shards), 1000))
    topics = paths.mapInArrow(lambda batches: of_vectors(batches, names, topics_TD, least), TOPIC_SCHEMA)
    rows = source.ledger.rows_out
    context.ledger.rows_in = rows
    context.ledger.rows_out = write_annotations(context, read_rows(spark, source.parquet()), topics, context.out, rows)
    context.metrics["topics"] = len(names)


def write_annotations(context: StageContext, rows: "DataFrame", topics: "DataFrame", out: Path, count: int) -> int:
    """Leaves the annotations of so many rows in folders (KEYS) of `out`, and returns how many data/ holds.

    rows: TEXT_COLUMNS and messages; topics: TOPIC_SCHEMA. The stage reads sentiment's artifact and the section audit.
    """
    from pipeline.spark.frames import write_rows

    model, words = context.inputs["sentiment"].path, of_profile(context.config("audit"))
    texts = rows.select(*TEXT_COLUMNS, "messages")
    annotated = texts.mapInArrow(lambda batches: of_texts(batches, model, words), TEXT_SCHEMA).join(topics, "row_id")
    scores = ("topic", "topic_similarity", "sentiment", "emotion", "emotions", "mentions")
    columns = ("row_id", "source", "split", *scores, "language")
    return write_rows(annotated.select(*columns), out / "data", count, KEYS["data"])
