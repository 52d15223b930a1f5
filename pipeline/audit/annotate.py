"""annotate: what each conversation is about, whom it mentions, and how it sounds; scored once."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from configs.audit import Audit
from pipeline.audit.annotation import TEXT_COLUMNS, TEXT_SCHEMA, of_texts
from pipeline.audit.statement_rows import STATEMENTS_SCHEMA, of_mentions, of_others
from pipeline.audit.topics import TOPIC_SCHEMA, of_vectors
from pipeline.contract.atomic_write import write_text
from pipeline.contract.execute import StageContext
from pipeline.people.lists import of_profile
from pipeline.spark.session import session_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEYS = {"data": "row_id", "mentions": "statement", "others": "statement"}
"""Folder of the artifact to its unique column."""


def annotate(context: StageContext) -> None:
    """Leaves data/, mentions/ and others/ (see docs/artifacts.md), clusters.json, and the maps in plots/.

    Topics are read shard by shard, since a shard of embed holds whole conversations: only names and
    numbers pass through a shuffle, never vectors or texts.
    """
    from pipeline.audit.topic_learning import learned
    from pipeline.audit.topic_map import draw_maps
    from pipeline.audit.topic_sample import sampled, texts_of
    from pipeline.embed.encoder import Encoder
    from pipeline.spark.frames import read_rows

    settings: Audit = context.config("audit")
    spark = session_of(context)
    source, vectors = context.inputs["deduplicate"], context.inputs["embed"]
    shards = sorted(vectors.parquet().glob("*.parquet"))
    ids, sample_ND = sampled(shards, vectors.ledger.rows_out)
    encoder = Encoder(context.config("embed.model"), context.config("embedding.device"))
    texts = texts_of(spark, source.parquet(), ids) if settings.max_clusters else []
    topics, words = learned(settings, encoder, sample_ND, texts, context.config("seed"))

    paths = spark.createDataFrame([(str(p),) for p in shards], "path string").repartition(min(len(shards), 1000))
    of_topics = paths.mapInArrow(lambda batches: of_vectors(batches, topics), TOPIC_SCHEMA)
    rows, count = read_rows(spark, source.parquet()), source.ledger.rows_out
    context.ledger.rows_in = count
    written = write_annotations(context, rows, of_topics, context.out, count)
    context.ledger.rows_out = written.pop("data")
    clusters = dict(zip(topics.clusters, words, strict=True))
    write_text(context.out / "clusters.json", json.dumps(clusters, indent=1, ensure_ascii=False) + "\n")
    draw_maps(topics, sample_ND, context.out / "plots", context.config("seed"))
    context.metrics |= {"topics": len(topics.names), "clusters": len(topics.clusters), "sampled": len(ids), **written}


def write_annotations(
    context: StageContext, rows: "DataFrame", topics: "DataFrame", out: Path, count: int
) -> dict[str, int]:
    """Leaves the annotations of rows in folders (KEYS) of `out`, and returns how many each holds.

    rows: TEXT_COLUMNS and messages; topics: TOPIC_SCHEMA; count: conversations of the whole corpus. The stage reads
    sentiment's artifact and the section audit.
    """
    from pipeline.spark.frames import read_rows, write_rows

    model, words = context.inputs["sentiment"].path, of_profile(context.config("audit"))
    texts = rows.select(*TEXT_COLUMNS, "messages")
    annotated = texts.mapInArrow(lambda batches: of_texts(batches, model, words), TEXT_SCHEMA).join(topics, "row_id")
    scores = ("topic", "topic_similarity", "sentiment", "emotion", "emotions", "mentions")
    columns = ("row_id", "source", "split", *scores, "language", "cluster")
    written = {"data": write_rows(annotated.select(*columns), out / "data", count, KEYS["data"])}
    topic_of = read_rows(rows.sparkSession, out / "data").select("row_id", "topic")
    for name, said in (
        ("mentions", texts.mapInArrow(lambda batches: of_mentions(batches, model, words), STATEMENTS_SCHEMA)),
        ("others", texts.mapInArrow(lambda batches: of_others(batches, model, words, count), STATEMENTS_SCHEMA)),
    ):
        written[name] = write_rows(said.join(topic_of, "row_id"), out / name, count, KEYS[name])
    return written
